use std::collections::BTreeSet;

use futures::future::join_all;
use meta::{Key, Txn};
use proptest::prelude::*;

use super::*;
use crate::frame::Payload;
use crate::queue::Frame;
use crate::{Change, HashRange, Topic};

const MIDDLE: u128 = 1 << 127;

impl Bench {
    async fn reshard(&self, id: &TopicId, changes: &[Change]) -> Result<Topic, LogError> {
        let incarnation = self.log.routes(id)?.incarnation.clone();
        self.log.reshard(id, &incarnation, changes.to_vec(), Txn::new()).await
    }
}

fn split(partition: u32, at: u128) -> Change {
    Change::Split { partition, at }
}

fn merge(left: u32, right: u32) -> Change {
    Change::Merge { left, right }
}

/// The open partitions' ranges in order: they must cover every hash once.
fn assert_covered(topic: &Topic) {
    let mut open: Vec<HashRange> = topic
        .partitions
        .iter()
        .filter(|partition| partition.closed_at.is_none())
        .map(|partition| partition.range)
        .collect();
    open.sort_unstable_by_key(|range| range.start);
    assert_eq!((open[0].start, open[open.len() - 1].end), (0, u128::MAX));
    assert!(open.windows(2).all(|pair| pair[0].end + 1 == pair[1].start), "{open:?}");
}

#[tokio::test]
async fn a_parent_is_closed_at_its_tail_and_read_to_its_end() {
    let bench = Bench::new().await;
    let id = bench.topic("t", 1).await;
    bench.append(&id, 0, &["a", "b"]).await;
    let topic = bench.reshard(&id, &[split(0, MIDDLE)]).await.expect("a split");
    assert_covered(&topic);
    assert_eq!(topic.partitions[0].closed_at, Some(2));
    assert_eq!(topic.partitions[0].closed, Some(topic.partitions[1].created));
    let ranges: Vec<_> = topic.partitions.iter().map(|partition| partition.range).collect();
    assert_eq!(
        ranges[1..],
        [HashRange { start: 0, end: MIDDLE - 1 }, HashRange { start: MIDDLE, end: u128::MAX }]
    );
    assert_eq!((&topic.partitions[1].parents, &topic.partitions[2].parents), (&vec![0], &vec![0]));

    let refused = bench.log.append(&id, vec![batch(0, ["late"])]).await;
    assert!(matches!(refused, Err(LogError::PartitionClosed { partition: 0, at: 2, .. })), "{refused:?}");
    bench.append(&id, 1, &["c"]).await;
    assert_eq!(bench.contents(&id, 0).await, numbered(&["a", "b"]));
    assert_eq!(bench.contents(&id, 1).await, numbered(&["c"]));
    let routes = bench.log.routes(&id).expect("routes");
    assert_eq!((routes.partition(0), routes.partition(MIDDLE), routes.open_count()), (Some(1), Some(2), 2));
    assert_eq!(routes.children(0).map(|child| child.index).collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test]
async fn generations_begin_in_different_seconds_whatever_the_clock_says() {
    let bench = Bench::new().await;
    let id = bench.topic("t", 1).await;
    let steps = [split(0, MIDDLE), split(1, 7), merge(4, 2)];
    let topic = bench.reshard(&id, &steps).await.expect("three steps at once");
    bench.clock.set(START.minus(DAY));
    let later = bench.reshard(&id, &[split(5, MIDDLE)]).await.expect("a split in the past");
    assert_covered(&topic);
    assert_covered(&later);
    for partition in &later.partitions {
        for parent in &partition.parents {
            let parent = &later.partitions[*parent as usize];
            assert!(parent.created.as_millis() / 1000 < partition.created.as_millis() / 1000);
            assert_eq!(parent.closed, Some(partition.created));
        }
    }
    assert_eq!((&topic.partitions[5].parents, topic.partitions[5].range.start), (&vec![4, 2], 7));
    let closed: Vec<_> = topic.partitions.iter().map(|partition| partition.closed_at).collect();
    assert_eq!(closed, [Some(0), Some(0), Some(0), None, Some(0), None]);
}

#[tokio::test]
async fn what_would_leave_a_hole_is_refused_and_changes_nothing() {
    let bench = Bench::new().await;
    let id = bench.topic("t", 3).await;
    let before = bench.log.topic(&id).await.expect("a topic");
    let edge = before.partitions[1].range;
    let wrong = [
        vec![split(7, 1)],
        vec![split(1, edge.start)],
        vec![split(0, edge.start)],
        vec![merge(0, 2)],
        vec![merge(1, 1)],
        vec![merge(0, 1), split(0, 5)],
    ];
    for steps in wrong {
        let refused = bench.reshard(&id, &steps).await;
        assert!(matches!(refused, Err(LogError::BadChange { .. })), "{steps:?}: {refused:?}");
    }
    let other = bench.log.reshard(&id, "another", vec![split(0, 1)], Txn::new()).await;
    assert!(matches!(other, Err(LogError::NoSuchTopic(_))));
    assert_eq!(bench.log.topic(&id).await.expect("a topic"), before);
    bench.append(&id, 0, &["still open"]).await;
}

#[tokio::test]
async fn a_reshard_survives_a_crash_together_with_what_its_owner_keeps() {
    let bench = Bench::new().await;
    let id = bench.topic("t", 2).await;
    bench.append(&id, 0, &["a"]).await;
    bench.append(&id, 1, &["b"]).await;
    let note = Key::global("test");
    let incarnation = bench.log.routes(&id).expect("routes").incarnation.clone();
    let also = Txn::new().put(note.clone(), "kept");
    let topic = bench.log.reshard(&id, &incarnation, vec![merge(1, 0)], also).await.expect("a merge");
    bench.append(&id, 2, &["c"]).await;
    let crashed = bench.crashed().await;
    assert!(crashed.meta.get(&note).await.expect("a look").is_some());
    let found = crashed.log.topic(&id).await.expect("the topic");
    assert_eq!(found.partitions[..2], topic.partitions[..2]);
    assert_eq!((found.partitions[2].tail, &found.partitions[2].parents), (1, &vec![1, 0]));
    assert_eq!(crashed.contents(&id, 0).await, numbered(&["a"]));
    let refused = crashed.log.append(&id, vec![batch(1, ["late"])]).await;
    assert!(matches!(refused, Err(LogError::PartitionClosed { .. })));
}

#[tokio::test]
async fn a_reshard_that_cannot_be_stored_leaves_the_parents_open() {
    let bench = Bench::new().await;
    let id = bench.topic("t", 1).await;
    let incarnation = bench.log.routes(&id).expect("routes").incarnation.clone();
    // A requirement that does not hold stands for any other conflict.
    let never = Txn::new().require_present(Key::global("nothing"));
    assert!(bench.log.reshard(&id, &incarnation, vec![split(0, 9)], never).await.is_err());
    bench.append(&id, 0, &["a"]).await;
    assert!(bench.reshard(&id, &[split(0, 9)]).await.is_ok());
}

#[tokio::test]
async fn waiting_readers_learn_that_nothing_follows() {
    let bench = Bench::new().await;
    let id = bench.topic("t", 1).await;
    bench.append(&id, 0, &["a"]).await;
    let mut tail = bench.log.tail(&id, 0).await.expect("a watch");
    let steps = [split(0, 9)];
    let (told, done) = tokio::join!(tail.past_or_closed(1), bench.reshard(&id, &steps));
    assert_eq!((told, done.is_ok()), (1, true));
    let mut after = bench.log.tail(&id, 0).await.expect("a watch of a closed partition");
    assert_eq!(after.past_or_closed(1).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn appends_that_race_with_reshards_are_kept_once_and_in_order() {
    const WRITERS: u128 = 8;
    const RECORDS: usize = 150;
    let bench = Bench::new().await;
    let id = bench.topic("t", 1).await;
    let writer = |writer: u128| {
        let (log, id) = (bench.log.clone(), id.clone());
        bench.rt.spawn("writer", async move {
            let hash = u128::MAX / WRITERS * writer;
            for number in 0..RECORDS {
                let record = format!("{writer}:{number}");
                loop {
                    let partition = log.routes(&id).expect("routes").partition(hash).expect("no hole");
                    match log.append_batches(&id, &[batch(partition, [&record])]).await {
                        Ok(_) => break,
                        Err(LogError::PartitionClosed { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        })
    };
    let writers: Vec<_> = (0..WRITERS).map(writer).collect();
    for round in 0..20 {
        let topic = bench.log.topic(&id).await.expect("a topic");
        let mut open: Vec<_> =
            topic.partitions.iter().filter(|partition| partition.closed_at.is_none()).collect();
        open.sort_unstable_by_key(|partition| partition.range.start);
        let step = if round % 3 == 2 && open.len() > 1 {
            merge(open[0].index, open[1].index)
        } else {
            let chosen = open[round % open.len()];
            split(chosen.index, chosen.range.start + (chosen.range.end - chosen.range.start) / 2 + 1)
        };
        assert_covered(&bench.reshard(&id, &[step]).await.expect("a reshard"));
    }
    for done in join_all(writers).await {
        done.expect("a writer");
    }
    let topic = bench.log.topic(&id).await.expect("a topic");
    assert!(topic.partitions.len() > 20);
    let mut seen = BTreeSet::new();
    let mut last = vec![None; WRITERS as usize];
    // Parents have smaller indexes than their children, so this is the order a reader must see.
    for partition in &topic.partitions {
        for (_, text) in bench.contents(&id, partition.index).await {
            let (writer, number) = text.split_once(':').expect("two numbers");
            let (writer, number): (usize, usize) = (writer.parse().unwrap(), number.parse().unwrap());
            assert!(seen.insert((writer, number)), "{text} twice");
            assert!(last[writer].is_none_or(|before| before < number), "{text} after {:?}", last[writer]);
            last[writer] = Some(number);
        }
    }
    assert_eq!(seen.len(), RECORDS * WRITERS as usize);
}

#[tokio::test]
async fn closed_partitions_vanish_when_their_time_is_over() {
    let mut bench = Bench::new().await;
    let id = bench.topic("t", 1).await;
    bench.append(&id, 0, &["a"]).await;
    bench.reshard(&id, &[split(0, 9)]).await.expect("a split");
    bench.append(&id, 1, &["b"]).await;
    let indexes =
        |topic: &Topic| topic.partitions.iter().map(|partition| partition.index).collect::<Vec<_>>();
    bench.clock.advance(DAY - Duration::from_secs(60));
    bench.log.retain().await.expect("a look");
    assert_eq!(indexes(&bench.log.topic(&id).await.expect("a topic")), [0, 1, 2]);
    bench.clock.advance(Duration::from_secs(120));
    assert_eq!(indexes(&bench.log.topic(&id).await.expect("a topic")), [1, 2]);
    assert!(bench.log.routes(&id).expect("routes").get(0).is_some());
    bench.log.retain().await.expect("a look");
    assert!(bench.log.routes(&id).expect("routes").get(0).is_none());
    let missing = bench.log.read(&id, 0, 0, ALL).await;
    assert!(matches!(missing, Err(LogError::NoSuchPartition { partition: 0, .. })));

    bench.append(&id, 2, &["c"]).await;
    bench.reshard(&id, &[merge(1, 2)]).await.expect("indexes are not places");
    bench.reopen().await;
    assert_eq!(indexes(&bench.log.topic(&id).await.expect("a topic")), [1, 2, 3]);
    assert_eq!(bench.contents(&id, 2).await, numbered(&["c"]));
    bench.log.delete_topic(&id).await.expect("it is deleted");
    let crashed = bench.crashed().await;
    assert!(crashed.log.topic(&id).await.is_err());
    assert!(crashed.meta.scan(&Key::global("log"), None, 10).await.expect("a scan").len() <= 1);
}

#[tokio::test]
async fn what_a_failed_write_left_behind_a_closed_partition_is_never_read() {
    let bench = Bench::new().await;
    let id = bench.topic("t", 1).await;
    bench.append(&id, 0, &["a"]).await;
    bench.reshard(&id, &[split(0, 9)]).await.expect("a split");
    // The same as a group that was written and not acknowledged: its frames are good.
    let partition = bench.log.state(&id).expect("a topic").partition(0).expect("a partition").clone();
    partition.unseal();
    let payload = Payload::encode(&batch(0, ["ghost"]).records);
    bench.log.inner.submit(vec![Frame { partition, payload }]).await.expect("a write");
    let crashed = bench.crashed().await;
    assert_eq!(crashed.contents(&id, 0).await, numbered(&["a"]));
    assert_eq!(crashed.log.topic(&id).await.expect("a topic").partitions[0].tail, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_sequence_of_steps_leaves_a_hole(first in 1u32..5, steps in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>(), any::<u128>()), 1..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new().await;
            let id = bench.topic("t", first).await;
            for (join, place, at) in steps {
                let topic = bench.log.topic(&id).await.unwrap();
                let mut open: Vec<_> = topic.partitions.iter().filter(|partition| partition.closed_at.is_none()).collect();
                open.sort_unstable_by_key(|partition| partition.range.start);
                let place = place.index(open.len());
                let step = match open.get(place + 1) {
                    Some(next) if join => merge(open[place].index, next.index),
                    _ => split(open[place].index, at),
                };
                let after = match bench.reshard(&id, &[step]).await {
                    Ok(after) => after,
                    Err(LogError::BadChange { .. }) => bench.log.topic(&id).await.unwrap(),
                    Err(error) => panic!("{error}"),
                };
                assert_covered(&after);
            }
        });
    }
}
