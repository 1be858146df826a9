"""The workflow that the command line and the Web UI are shown: it has something of everything that they show."""

import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError


@activity.defn
async def pack(item: str) -> str:
    return f"packed {item}"


@activity.defn
async def knock() -> None:
    """Nobody opens, however often it knocks."""
    activity.heartbeat({"door": "green"})
    raise ApplicationError("nobody opens", {"attempt": activity.info().attempt}, type="Closed")


@activity.defn
async def wait_at_door() -> str:
    """Waits for somebody else to end it."""
    activity.raise_complete_async()


@workflow.defn
class Parcel:
    """Waits at the door until it is handed over."""

    @workflow.run
    async def run(self, parcel: str) -> str:
        await workflow.wait_condition(lambda: False)
        return parcel


@workflow.defn
class Delivery:
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.delivered = False

    @workflow.run
    async def run(self, item: str, how: str = "quietly") -> str:
        packed = await workflow.execute_activity(
            pack, item, start_to_close_timeout=timedelta(seconds=30), summary="into a box"
        )
        await workflow.sleep(0.01)
        if how == "knocking":
            # It is never answered, so it stays pending, with its failures and its heartbeats.
            waiting = [
                workflow.start_activity(
                    knock,
                    start_to_close_timeout=timedelta(seconds=30),
                    heartbeat_timeout=timedelta(seconds=20),
                    retry_policy=RetryPolicy(
                        initial_interval=timedelta(milliseconds=100), maximum_interval=timedelta(seconds=5)
                    ),
                ),
                workflow.start_activity(wait_at_door, start_to_close_timeout=timedelta(minutes=5)),
            ]
            await workflow.start_child_workflow(Parcel.run, packed, id=f"{workflow.info().workflow_id}-parcel")
            await asyncio.sleep(0)
            workflow.set_current_details(f"knocking with {len(waiting)} hands")
        await workflow.wait_condition(lambda: self.delivered)
        return ", ".join([packed, *self.notes])

    @workflow.signal(description="Something to write on the box")
    async def note(self, text: str) -> None:
        self.notes.append(text)

    @workflow.signal
    async def deliver(self) -> None:
        self.delivered = True

    @workflow.query(description="How far it is")
    def progress(self) -> dict:
        return {"notes": len(self.notes), "delivered": self.delivered}

    @workflow.update(description="Writes on the box and says how often that was done")
    async def label(self, text: str) -> int:
        self.notes.append(text)
        return len(self.notes)

    @label.validator
    def check_label(self, text: str) -> None:
        if not text:
            raise ApplicationError("a label has a text", type="Empty")


ACTIVITIES = [pack, knock, wait_at_door]
WORKFLOWS = [Delivery, Parcel]
