use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::{Backoff, Rt, TaskError, Timestamp};

const START: Timestamp = Timestamp::from_millis(1_000_000);

#[test]
fn a_timestamp_is_shown_as_rfc_3339_and_stored_as_a_number() {
    let time = Timestamp::from_millis(1_700_000_000_123);
    assert_eq!(time.to_string(), "2023-11-14T22:13:20.123Z");
    assert_eq!(Timestamp::from_utc(time.to_utc()), time);
    assert_eq!(time.plus(Duration::from_secs(1)).saturating_since(time), Duration::from_secs(1));
    assert_eq!(time.saturating_since(time.plus(Duration::from_secs(1))), Duration::ZERO);
}

#[tokio::test]
async fn a_sleeper_on_a_manual_clock_wakes_only_when_its_time_has_come() {
    let (rt, clock) = Rt::manual(START, 1);
    let awake = Arc::new(AtomicBool::new(false));
    let (asleep, ready) = oneshot::channel();
    let task = rt.spawn("sleeper", {
        let (rt, awake) = (rt.clone(), awake.clone());
        async move {
            let sleep = rt.sleep(Duration::from_secs(10));
            tokio::pin!(sleep);
            assert!(futures_poll_once(sleep.as_mut()).await.is_none());
            asleep.send(()).unwrap();
            sleep.await;
            awake.store(true, Ordering::SeqCst);
        }
    });
    ready.await.unwrap();
    clock.advance(Duration::from_secs(9));
    tokio::task::yield_now().await;
    assert!(!awake.load(Ordering::SeqCst));
    clock.advance(Duration::from_secs(1));
    task.await.unwrap();
    assert_eq!(rt.now(), START.plus(Duration::from_secs(10)));
}

async fn futures_poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut future).poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn a_timeout_yields_none_when_the_clock_passes_it_first() {
    let (rt, clock) = Rt::manual(START, 1);
    assert_eq!(rt.timeout(Duration::from_secs(1), async { 7 }).await, Some(7));
    let waiting = rt.timeout(Duration::from_secs(1), std::future::pending::<()>());
    tokio::pin!(waiting);
    assert!(futures_poll_once(waiting.as_mut()).await.is_none());
    clock.advance(Duration::from_secs(1));
    assert_eq!(waiting.await, None);
}

#[test]
fn the_same_seed_draws_the_same_numbers() {
    let draw = |seed| {
        let (rt, _clock) = Rt::manual(START, seed);
        (rt.random_u64(), rt.uuid(), rt.random_hex(5))
    };
    assert_eq!(draw(3), draw(3));
    assert_ne!(draw(3), draw(4));
    assert_eq!(draw(3).2.len(), 10);
    assert_ne!(Rt::system().random_u64(), Rt::system().random_u64());
}

#[test]
fn blocking_work_of_a_stepped_machine_runs_where_it_is_awaited_after_others_had_a_turn() {
    let (rt, _clock) = Rt::stepped(START, 1);
    let here = std::thread::current().id();
    let mut work = Box::pin(rt.blocking("work", move || std::thread::current().id() == here));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(work.as_mut().poll(&mut context).is_pending());
    assert_eq!(work.as_mut().poll(&mut context), std::task::Poll::Ready(true));
}

#[test]
fn tasks_of_a_stepped_machine_run_when_they_are_driven() {
    let (rt, _clock) = Rt::stepped(START, 1);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let (mut first, mut second) = (rt.spawn("first", async { 7 }), rt.spawn("second", async { 8 }));
    assert!(std::pin::Pin::new(&mut first).poll(&mut context).is_pending());
    second.abort();
    for mut task in rt.take_spawned() {
        assert!(task.as_mut().poll(&mut context).is_ready());
    }
    assert!(rt.take_spawned().is_empty() && first.is_finished());
    assert!(matches!(std::pin::Pin::new(&mut first).poll(&mut context), std::task::Poll::Ready(Ok(7))));
    let aborted = std::pin::Pin::new(&mut second).poll(&mut context);
    assert!(matches!(aborted, std::task::Poll::Ready(Err(TaskError::Aborted { name: "second" }))));
}

#[tokio::test]
async fn shutdown_waits_for_tasks_that_answer_and_names_those_that_do_not() {
    let rt = Rt::system();
    let stop = rt.stop();
    let _answers = rt.spawn("answers", async move { stop.requested().await });
    let stubborn = rt.spawn("stubborn", std::future::pending::<()>());
    assert_eq!(rt.shutdown(Duration::from_millis(20)).await, ["stubborn"]);
    stubborn.abort();
    assert!(rt.shutdown(Duration::from_secs(60)).await.is_empty());
    assert!(matches!(stubborn.await, Err(TaskError::Aborted { name: "stubborn" })));
}

#[tokio::test]
async fn a_panic_is_reported_by_a_task_and_goes_on_through_blocking() {
    let rt = Rt::system();
    let task = rt.spawn("broken", async { panic!("on purpose") });
    assert!(matches!(task.await, Err(TaskError::Panicked { name: "broken" })));
    assert_eq!(rt.blocking("sum", || 1 + 1).await, 2);
    let through = {
        let rt = rt.clone();
        rt.clone().spawn("through", async move { rt.blocking("broken", || panic!("on purpose")).await })
    };
    assert!(matches!(through.await, Err(TaskError::Panicked { name: "through" })));
    assert!(rt.shutdown(Duration::from_secs(60)).await.is_empty());
}

#[test]
fn a_child_stops_with_its_parent_and_alone() {
    let parent = Rt::system().stop();
    let (first, second) = (parent.child(), parent.child());
    first.cancel();
    assert!(first.is_requested() && !second.is_requested() && !parent.is_requested());
    parent.cancel();
    assert!(second.is_requested());
}

#[test]
fn a_backoff_doubles_up_to_its_maximum_and_starts_again_after_a_reset() {
    let (rt, _clock) = Rt::manual(START, 9);
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(350), rt);
    for step in [100, 200, 350, 350] {
        let pause = backoff.next();
        assert!(
            pause >= Duration::from_millis(step / 2) && pause <= Duration::from_millis(step),
            "{pause:?}"
        );
    }
    backoff.reset();
    assert!(backoff.next() <= Duration::from_millis(100));
}

#[tokio::test]
async fn background_work_runs_on_threads_of_its_own_and_its_panics_go_on() {
    let rt = Rt::system();
    let here = std::thread::current().id();
    let sums = (0..100u64).map(|n| {
        let rt = rt.clone();
        async move { rt.background("sum", move || (n * n, std::thread::current().id())).await }
    });
    let mut threads = std::collections::HashSet::new();
    for (n, sum) in sums.enumerate() {
        let (square, thread) = sum.await;
        assert_eq!(square, (n * n) as u64);
        assert_ne!(thread, here);
        threads.insert(thread);
    }
    assert!(threads.len() <= std::thread::available_parallelism().unwrap().get());
    let broken =
        rt.clone().spawn("through", async move { rt.background("broken", || panic!("on purpose")).await });
    let error = broken.await.map(|()| "nothing").unwrap_err();
    assert!(matches!(error, TaskError::Panicked { .. }), "{error:?}");
    assert_eq!(Rt::system().background("after", || 1).await, 1);
}

#[tokio::test]
async fn background_work_is_waited_for_at_the_end() {
    let rt = Rt::system();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let task = {
        let rt = rt.clone();
        rt.clone().spawn("outer", async move { rt.background("held", move || wait.recv().is_ok()).await })
    };
    let left = rt.shutdown(Duration::from_millis(20)).await;
    assert!(left.contains(&"outer"), "{left:?}");
    go.send(()).unwrap();
    assert!(task.await.unwrap());
}
