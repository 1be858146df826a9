//! Timers.

use crate::script::{Step, worker};
use crate::world::{QUEUE, World};
use expect_test::expect;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fire() {
    let world = World::new().await;
    let outcome = world.work(worker(QUEUE), world.run("subject", &[Step::Timer(20)])).await;
    expect![[r#"
        slept
        --
        workflow_execution_started
        timer_started
        timer_fired
        workflow_execution_completed"#]]
    .assert_eq(&outcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_timer_does_not_fire() {
    let world = World::new().await;
    let outcome = world.work(worker(QUEUE), world.run("subject", &[Step::CancelTimer])).await;
    expect![[r#"
        Cancelled
        --
        workflow_execution_started
        timer_started
        timer_started
        timer_fired
        timer_canceled
        workflow_execution_completed"#]]
    .assert_eq(&outcome);
}
