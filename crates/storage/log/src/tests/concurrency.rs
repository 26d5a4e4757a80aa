use std::collections::BTreeMap;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_and_readers_see_every_record_once_and_in_order() {
    const WRITERS: u32 = 8;
    const APPENDS: u32 = 40;
    let settings = LogSettings { segment_bytes: 64 << 10, tail_cache_bytes: 16 << 10, ..settings() };
    let bench = Bench::with(settings).await;
    let id = bench.topic("t", 3).await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (log, id) = (bench.log.clone(), id.clone());
            bench.rt.spawn("writer", async move {
                for number in 0..APPENDS {
                    let record = |partition| batch(partition, [format!("{writer} {number}")]);
                    log.append(&id, vec![record(0), record(1), record(2)]).await.expect("an append");
                }
            })
        })
        .collect();
    let readers: Vec<_> = (0..3)
        .map(|partition| {
            let (log, id) = (bench.log.clone(), id.clone());
            bench.rt.spawn("reader", async move {
                let mut watch = log.tail(&id, partition).await.expect("a watch");
                let (mut next, mut seen) = (0, Vec::new());
                while seen.len() < (WRITERS * APPENDS) as usize {
                    watch.past(next).await;
                    let page = log
                        .read(&id, partition, next, ReadLimit { records: 50, bytes: 4096 })
                        .await
                        .expect("a read");
                    for record in page.records {
                        assert_eq!(record.offset, next);
                        next += 1;
                        seen.push(String::from_utf8_lossy(&record.data).into_owned());
                    }
                }
                seen
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("a writer ends");
    }
    for reader in readers {
        let mut next: BTreeMap<String, u32> = BTreeMap::new();
        for text in reader.await.expect("a reader ends") {
            let (writer, number) = text.split_once(' ').expect("two numbers");
            let expected = next.entry(writer.to_owned()).or_default();
            assert_eq!(number.parse(), Ok(*expected), "writer {writer}");
            *expected += 1;
        }
        assert_eq!(next.values().copied().collect::<Vec<_>>(), [APPENDS; WRITERS as usize]);
    }
    assert!(bench.log.stats().groups <= u64::from(WRITERS * APPENDS));
}

#[tokio::test]
async fn appends_that_wait_together_share_one_sync() {
    let bench = Bench::new().await;
    let id = bench.topic("t", 1).await;
    bench.append(&id, 0, &["opens the segment"]).await;
    bench.faults.stall();
    let before = bench.log.stats().groups;
    let appends = futures::future::join_all((0..20).map(|_| bench.append(&id, 0, &["a"])));
    let (appended, ()) = tokio::join!(appends, async { bench.faults.release() });
    // The writer may have taken the first ones before the others came, then all the rest.
    assert!(bench.log.stats().groups - before <= 3);
    let firsts: Vec<_> = appended.iter().map(|appended| appended.first).collect();
    assert_eq!(firsts, (1..=20).collect::<Vec<_>>());
}

#[tokio::test]
async fn ten_thousand_partitions_with_watchers_work_and_restart() {
    let mut bench = Bench::new().await;
    let id = bench.topic("t", 10_000).await;
    let mut watches = Vec::new();
    for partition in 0..10_000 {
        watches.push(bench.log.tail(&id, partition).await.expect("a watch"));
    }
    let batches = (0..10_000).map(|partition| batch(partition, [partition.to_string()])).collect();
    bench.log.append(&id, batches).await.expect("an append");
    assert!(watches.iter().all(|watch| watch.current() == 1));
    bench.reopen().await;
    for partition in [0, 1, 4_999, 9_999] {
        assert_eq!(bench.contents(&id, partition).await, numbered(&[&partition.to_string()]));
    }
}
