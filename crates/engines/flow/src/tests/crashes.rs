use std::collections::BTreeSet;

use bytes::Bytes;
use proptest::prelude::*;

use super::rig::*;
use crate::failpoints::at;
use crate::{Action, FlowStatus};

/// Numbered records; every seventh is bad.
fn numbered(range: std::ops::Range<i64>) -> Vec<Bytes> {
    range.map(|id| if id % 7 == 3 { Bytes::from(format!("bad {id}")) } else { json(id) }).collect()
}

/// Every record of `0..total` is delivered once or rejected once, and the ledger says so.
async fn assert_exactly_once(rig: &Rig, total: i64, status: &FlowStatus) {
    let (bad, good): (Vec<i64>, Vec<i64>) = (0..total).partition(|id| id % 7 == 3);
    assert_eq!(rig.delivered_ids().await, good);
    let mut rejected: Vec<i64> = Vec::new();
    for line in rig.error_lines().await {
        let data = base64_simd::STANDARD.decode_to_vec(line["data"].as_str().unwrap()).unwrap();
        rejected.push(std::str::from_utf8(&data[4..]).unwrap().parse().unwrap());
    }
    rejected.sort_unstable();
    assert_eq!(rejected, bad);
    let ledger = &status.ledger;
    assert_eq!(
        (ledger.delivered_records, ledger.rejected_records, ledger.missing_records, status.pending_records),
        (good.len() as u64, bad.len() as u64, 0, 0)
    );
    let objects = rig.objects("").await;
    assert_eq!(ledger.objects, objects.len() as u64);
    assert_eq!(ledger.object_bytes, objects.values().map(|bytes| bytes.len() as u64).sum::<u64>());
}

/// One batch for everything, and many that are worked on two at a time.
const BUFFERS: [u64; 2] = [1 << 20, 300];

#[tokio::test]
async fn a_crash_at_any_step_delivers_every_record_exactly_once() {
    for (name, buffer) in at::ALL.into_iter().flat_map(|name| BUFFERS.map(|buffer| (name, buffer))) {
        let mut rig = Rig::new().await;
        rig.topic(2).await;
        rig.table(&["day"]).await;
        rig.put(0, numbered(0..50)).await;
        rig.put(1, numbered(50..100)).await;
        // Only a batch that comes after another one finds it in work; plans are waited for only once.
        let first = buffer == BUFFERS[0] || [at::BEFORE_PLAN, at::AFTER_PLAN].contains(&name);
        rig.failpoints.arm(name, if first { 1 } else { 3 }, Action::Crash);
        let mut spec = parquet_spec();
        spec.buffer.bytes = buffer;
        rig.flow.create(&id(), &spec).await.unwrap();
        rig.failpoints.hit().await;
        // What comes between the crash and the restart belongs to a later batch.
        rig.put(0, numbered(100..110)).await;
        rig.restart().await;
        let status = rig.until_settled(110).await;
        assert_exactly_once(&rig, 110, &status).await;
    }
}

#[tokio::test]
async fn a_step_that_fails_is_tried_again_and_told() {
    for (name, buffer) in at::ALL.into_iter().flat_map(|name| BUFFERS.map(|buffer| (name, buffer))) {
        let rig = Rig::new().await;
        rig.topic(1).await;
        rig.table(&["day"]).await;
        rig.put(0, numbered(0..40)).await;
        rig.failpoints.arm(name, 1, Action::Fail);
        let mut spec = parquet_spec();
        spec.buffer.bytes = buffer;
        rig.flow.create(&id(), &spec).await.unwrap();
        rig.until(|status| status.last_error.as_deref() == Some(&format!("failpoint {name}"))).await;
        let status = rig.until(|status| status.ledger.settled_records() == 40 && status.last_error.is_none());
        assert_exactly_once(&rig, 40, &status.await).await;
    }
}

#[tokio::test]
async fn a_redone_batch_has_the_same_names_and_the_same_bytes() {
    let mut rig = Rig::new().await;
    rig.topic(1).await;
    rig.table(&["day"]).await;
    rig.put(0, numbered(0..30)).await;
    rig.failpoints.arm(at::AFTER_PLAN, 1, Action::Crash);
    rig.flow.create(&id(), &parquet_spec()).await.unwrap();
    rig.failpoints.hit().await;
    let planned = crate::state::State::load(&rig.meta, &id()).await.unwrap().unwrap().planned();
    let mut contents = BTreeSet::new();
    for _ in 0..2 {
        // Later attempts find more records, another time and a newer table; none of it may matter.
        rig.put(0, numbered(100..105)).await;
        rig.clock.advance(std::time::Duration::from_secs(7200));
        let mut table = rig.lake.catalog().table(&scope(), "db", "events").await.unwrap();
        table.columns.push(lake::Column::new("extra", "string"));
        rig.lake.catalog().update_table(&scope(), table, None, true).await.unwrap();
        let before = rig.meta.get(&crate::keys::plan(&id())).await.unwrap().unwrap();
        rig.restart().await;
        rig.until_settled(30).await;
        contents.insert(rig.objects(&planned.data_key).await.into_iter().next().unwrap());
        // Take the commit back, as if the process had died just before it.
        rig.flow.crash().await;
        for key in [planned.data_key.clone(), planned.error_keys[0].1.clone()] {
            rig.objects.delete(BUCKET, &key).await.unwrap();
        }
        let state = crate::state::State::load(&rig.meta, &id()).await.unwrap().unwrap();
        let mut txn = meta::Txn::new()
            .put(before.key.clone(), before.value.clone())
            .delete_prefix(crate::keys::offsets(&id()));
        let fresh = crate::state::StoredLedger::new(&state.incarnation, crate::Ledger::default());
        txn = txn.put_json(crate::keys::ledger(&id()), &fresh);
        rig.meta.commit(txn).await.unwrap();
    }
    assert_eq!(contents.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_history_of_puts_and_crashes_delivers_exactly_once(
        partitions in 1_u32..4,
        buffer in 200_u64..5_000,
        steps in proptest::collection::vec(
            (0_u32..4, 1_i64..40, proptest::option::of((0..at::ALL.len(), 1_u32..3))),
            1..12,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(history(partitions, buffer, steps));
    }
}

/// Where to put how many records, and which failpoint to die at, passed how many times.
type Step = (u32, i64, Option<(usize, u32)>);

async fn history(partitions: u32, buffer: u64, steps: Vec<Step>) {
    let mut rig = Rig::new().await;
    rig.topic(partitions).await;
    rig.table(&["day"]).await;
    let mut spec = parquet_spec();
    spec.buffer.bytes = buffer;
    rig.flow.create(&id(), &spec).await.unwrap();
    let mut next = 0;
    for (partition, count, crash) in steps {
        if let Some((failpoint, nth)) = crash {
            rig.failpoints.arm(at::ALL[failpoint], nth, Action::Crash);
        }
        rig.put(partition % partitions, numbered(next..next + count)).await;
        next += count;
        if crash.is_some() {
            // The failpoint need not be on the way of this batch; then the process dies anywhere.
            rt::Rt::system().timeout(std::time::Duration::from_millis(20), rig.failpoints.hit()).await;
            rig.restart().await;
        }
    }
    rig.restart().await;
    let status =
        rig.until(|status| status.pending_records == 0 && status.ledger.settled_records() >= next as u64);
    let status = status.await;
    assert_exactly_once(&rig, next, &status).await;
}

#[tokio::test]
async fn a_batch_in_work_is_given_up_when_its_source_was_replaced() {
    let mut rig = Rig::new().await;
    rig.topic(1).await;
    rig.table(&["day"]).await;
    rig.put(0, numbered(0..20)).await;
    rig.failpoints.arm(at::AFTER_PLAN, 1, Action::Crash);
    rig.flow.create(&id(), &parquet_spec()).await.unwrap();
    rig.failpoints.hit().await;
    rig.flow.crash().await;
    rig.log.delete_topic(&topic()).await.unwrap();
    rig.topic(1).await;
    rig.put(0, numbered(0..30)).await;
    rig.restart().await;
    let status = rig.until_settled(30).await;
    assert_exactly_once(&rig, 30, &status).await;
}
