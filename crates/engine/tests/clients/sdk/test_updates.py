"""Updates: accepted, rejected, failed, waited for, and together with a start."""

import asyncio

import pytest
from temporalio import workflow
from temporalio.client import (
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateStage,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode


@workflow.defn
class Account:
    def __init__(self) -> None:
        self.balance = 0
        self.closed = False
        self.opened = False

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self.closed)
        return self.balance

    @workflow.signal
    async def close(self) -> None:
        self.closed = True

    @workflow.signal
    async def open_gate(self) -> None:
        self.opened = True

    @workflow.update
    async def deposit(self, amount: int) -> int:
        self.balance += amount
        return self.balance

    @deposit.validator
    def check_deposit(self, amount: int) -> None:
        if amount <= 0:
            raise ApplicationError("an amount is positive", type="NotPositive")

    @workflow.update
    async def fail(self) -> None:
        raise ApplicationError("the vault is shut", {"vault": 1}, type="Shut")

    @workflow.update(unfinished_policy=workflow.HandlerUnfinishedPolicy.ABANDON)
    async def behind_gate(self, amount: int) -> int:
        await workflow.wait_condition(lambda: self.opened)
        self.balance += amount
        return self.balance

    @workflow.query
    def value(self) -> int:
        return self.balance


async def test_updates_return_their_results(workers, start):
    await workers.start(Account)
    handle = await start(Account.run)
    assert await handle.execute_update(Account.deposit, 3) == 3
    assert await handle.execute_update(Account.deposit, 4) == 7
    assert await handle.query(Account.value) == 7
    await handle.signal(Account.close)
    assert await handle.result() == 7


async def test_a_rejected_update_leaves_no_trace(workers, start):
    await workers.start(Account)
    handle = await start(Account.run)
    assert await handle.execute_update(Account.deposit, 1) == 1
    before = (await handle.describe()).history_length
    with pytest.raises(WorkflowUpdateFailedError) as error:
        await handle.execute_update(Account.deposit, -1)
    assert (error.value.cause.type, error.value.cause.message) == ("NotPositive", "an amount is positive")
    assert (await handle.describe()).history_length == before
    await handle.signal(Account.close)
    assert await handle.result() == 1


async def test_a_failed_update_says_why_and_the_workflow_goes_on(workers, start):
    await workers.start(Account)
    handle = await start(Account.run)
    with pytest.raises(WorkflowUpdateFailedError) as error:
        await handle.execute_update(Account.fail)
    assert (error.value.cause.type, list(error.value.cause.details)) == ("Shut", [{"vault": 1}])
    await handle.signal(Account.close)
    assert await handle.result() == 0


async def test_an_accepted_update_is_waited_for_later(client, workers, start):
    await workers.start(Account)
    handle = await start(Account.run)
    update = await handle.start_update(
        Account.behind_gate, 5, id="later", wait_for_stage=WorkflowUpdateStage.ACCEPTED
    )
    assert update.id == "later"
    await handle.signal(Account.open_gate)
    assert await update.result() == 5
    # By its id, as another process would ask.
    assert await handle.get_update_handle("later").result() == 5
    await handle.signal(Account.close)
    assert await handle.result() == 5


async def test_the_same_update_id_is_applied_once(workers, start):
    await workers.start(Account)
    handle = await start(Account.run)
    for _ in range(3):
        assert await handle.execute_update(Account.deposit, 3, id="once") == 3
    await handle.signal(Account.close)
    assert await handle.result() == 3


async def test_concurrent_updates_are_each_applied(workers, start):
    await workers.start(Account)
    handle = await start(Account.run)
    results = await asyncio.gather(*[handle.execute_update(Account.deposit, 1) for _ in range(10)])
    assert sorted(results) == list(range(1, 11))
    await handle.signal(Account.close)
    assert await handle.result() == 10


async def test_an_update_waits_for_a_worker(workers, start):
    handle = await start(Account.run)
    update = asyncio.create_task(handle.execute_update(Account.deposit, 3))
    await workers.start(Account)
    assert await update == 3
    await handle.signal(Account.close)
    assert await handle.result() == 3


async def test_an_unknown_update_is_refused_by_name(workers, start):
    await workers.start(Account)
    handle = await start(Account.run)
    with pytest.raises(WorkflowUpdateFailedError) as error:
        await handle.execute_update("nothing_like_it")
    assert "nothing_like_it" in str(error.value.cause)
    await handle.signal(Account.close)
    await handle.result()


async def test_an_update_that_the_end_overtakes_fails(workers, start):
    await workers.start(Account)
    handle = await start(Account.run)
    update = await handle.start_update(
        Account.behind_gate, 5, wait_for_stage=WorkflowUpdateStage.ACCEPTED
    )
    await handle.signal(Account.close)
    assert await handle.result() == 0
    with pytest.raises(WorkflowUpdateFailedError) as error:
        await update.result()
    assert error.value.cause.type == "AcceptedUpdateCompletedWorkflow"


async def test_a_closed_workflow_takes_no_update(workers, start):
    await workers.start(Account)
    handle = await start(Account.run)
    await handle.signal(Account.close)
    await handle.result()
    with pytest.raises(RPCError) as error:
        await handle.execute_update(Account.deposit, 1)
    assert error.value.status == RPCStatusCode.NOT_FOUND


async def test_an_update_starts_what_is_not_running(client, workers, queue):
    await workers.start(Account)

    def operation(policy: WorkflowIDConflictPolicy) -> WithStartWorkflowOperation:
        return WithStartWorkflowOperation(
            Account.run, id=queue, task_queue=queue, id_conflict_policy=policy
        )

    for expected in [2, 4]:
        with_start = operation(WorkflowIDConflictPolicy.USE_EXISTING)
        result = await client.execute_update_with_start_workflow(
            Account.deposit, 2, start_workflow_operation=with_start
        )
        assert result == expected
    refused = operation(WorkflowIDConflictPolicy.FAIL)
    with pytest.raises(WorkflowAlreadyStartedError):
        await client.execute_update_with_start_workflow(
            Account.deposit, 2, start_workflow_operation=refused
        )
    with pytest.raises(WorkflowAlreadyStartedError):
        await refused.workflow_handle()
    handle = await with_start.workflow_handle()
    await handle.signal(Account.close)
    assert await handle.result() == 4
