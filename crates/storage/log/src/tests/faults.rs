use std::sync::atomic::Ordering;

use super::*;

#[tokio::test]
async fn appends_over_the_queue_are_refused_and_taken_again_later() {
    let settings = LogSettings { queue_bytes: 300, queue_wait: Duration::ZERO, ..settings() };
    let bench = Bench::with(settings).await;
    let id = bench.topic("t", 1).await;
    let data = "x".repeat(150);
    bench.faults.stall();
    let (first, second) = tokio::join!(bench.log.append(&id, vec![batch(0, [&data])]), async {
        let refused = bench.log.append(&id, vec![batch(0, [&data])]).await;
        bench.faults.release();
        refused
    });
    assert!(first.is_ok());
    assert!(matches!(second, Err(LogError::Overloaded)));
    assert!(bench.log.append(&id, vec![batch(0, [&data])]).await.is_ok());
    assert_eq!(bench.contents(&id, 0).await.len(), 2);
}

#[tokio::test]
async fn appends_wait_for_room_as_long_as_they_were_told() {
    let settings = LogSettings { queue_bytes: 300, queue_wait: Duration::from_secs(1), ..settings() };
    let bench = Bench::with(settings).await;
    let id = bench.topic("t", 1).await;
    let data = "x".repeat(150);
    bench.faults.stall();
    let append = || bench.log.append(&id, vec![batch(0, [&data])]);
    let (first, second, ()) = tokio::join!(append(), append(), async { bench.faults.release() });
    assert!(first.is_ok() && second.is_ok());
}

#[tokio::test]
async fn an_append_larger_than_the_queue_is_refused_for_good() {
    let bench = Bench::with(LogSettings { queue_bytes: 300, ..settings() }).await;
    let id = bench.topic("t", 1).await;
    let refused = bench.log.append(&id, vec![batch(0, ["x".repeat(400)])]).await;
    assert!(matches!(refused, Err(LogError::RecordTooLarge { limit: 300, .. })));
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers_by_itself() {
    let mut bench = Bench::new().await;
    let id = bench.topic("t", 1).await;
    bench.append(&id, 0, &["a"]).await;
    bench.faults.full.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let refused = bench.log.append(&id, vec![batch(0, ["lost"])]).await;
        assert!(matches!(refused, Err(LogError::StorageFull)));
    }
    assert_eq!(bench.contents(&id, 0).await, numbered(&["a"]));
    bench.faults.full.store(false, Ordering::SeqCst);
    assert_eq!(bench.append(&id, 0, &["b"]).await.first, 1);
    bench.reopen().await;
    assert_eq!(bench.contents(&id, 0).await, numbered(&["a", "b"]));
}

#[tokio::test]
async fn after_a_failed_sync_the_file_is_not_trusted_again() {
    for truncate_fails in [false, true] {
        let bench = Bench::new().await;
        let id = bench.topic("t", 1).await;
        bench.append(&id, 0, &["a"]).await;
        bench.faults.sync_fails.store(true, Ordering::SeqCst);
        bench.faults.truncate_fails.store(truncate_fails, Ordering::SeqCst);
        for _ in 0..3 {
            let failed = bench.log.append(&id, vec![batch(0, ["never acknowledged", "and longer"])]).await;
            assert!(matches!(failed, Err(LogError::Io(_))));
        }
        assert_eq!(bench.contents(&id, 0).await, numbered(&["a"]));
        bench.faults.sync_fails.store(false, Ordering::SeqCst);
        assert_eq!(bench.append(&id, 0, &["b"]).await.first, 1);
        let without_indexes = bench.crashed_with(remove_side_files).await;
        assert_eq!(without_indexes.contents(&id, 0).await, numbered(&["a", "b"]));
        assert_eq!(without_indexes.append(&id, 0, &["other"]).await.first, 2);
        assert_eq!(bench.append(&id, 0, &["c"]).await.first, 2);
        assert_eq!(bench.contents(&id, 0).await, numbered(&["a", "b", "c"]));
        let without_indexes = bench.crashed_with(remove_side_files).await;
        assert_eq!(without_indexes.contents(&id, 0).await, numbered(&["a", "b", "c"]));
        assert_eq!(bench.crashed().await.contents(&id, 0).await, numbered(&["a", "b", "c"]));
    }
}

fn remove_side_files(dir: &Path) {
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "index") {
            std::fs::remove_file(path).expect("a removal");
        }
    }
}

#[tokio::test]
async fn nobody_waits_for_a_writer_that_died() {
    let bench = Bench::new().await;
    let id = bench.topic("t", 1).await;
    bench.faults.write_panics.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        assert!(matches!(bench.log.append(&id, vec![batch(0, ["a"])]).await, Err(LogError::Closed)));
    }
}
