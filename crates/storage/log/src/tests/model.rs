//! Random operations beside a model that keeps everything in vectors.

use proptest::prelude::*;

use super::*;
use crate::Position;

const PARTITIONS: u32 = 3;

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<(u32, Vec<u16>)>),
    Read { partition: u32, from: u64, records: usize, bytes: usize },
    Locate { partition: u32, seconds_ago: u64 },
    Trim { partition: u32, before: u64 },
    Advance { minutes: u64 },
    Retain,
    Reopen,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let partition = 0..PARTITIONS;
    let sizes = prop::collection::vec(0u16..400, 1..8);
    prop_oneof![
        8 => prop::collection::vec((partition.clone(), sizes), 1..4).prop_map(Step::Append),
        8 => (partition.clone(), 0u64..200, 0usize..40, 0usize..3000)
            .prop_map(|(partition, from, records, bytes)| Step::Read { partition, from, records, bytes }),
        2 => (partition.clone(), 0u64..200_000).prop_map(|(partition, seconds_ago)| Step::Locate { partition, seconds_ago }),
        1 => (partition, 0u64..100).prop_map(|(partition, before)| Step::Trim { partition, before }),
        2 => (0u64..600).prop_map(|minutes| Step::Advance { minutes }),
        1 => Just(Step::Retain),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
    ]
}

#[derive(Default)]
struct Model {
    records: Vec<(Timestamp, Vec<u8>)>,
    oldest: usize,
}

impl Model {
    fn expire(&mut self, since: Timestamp) {
        let kept = self.records.partition_point(|(at, _)| *at < since);
        self.oldest = self.oldest.max(kept);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn the_log_behaves_like_vectors(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(run(steps))?;
    }
}

async fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let settings = LogSettings {
        segment_bytes: 8 << 10,
        frame_bytes: 500,
        tail_cache_bytes: 3000,
        index_cache_bytes: 300,
        open_files: 2,
        ..settings()
    };
    let mut bench = Bench::with(settings).await;
    let id = bench.topic("t", PARTITIONS).await;
    let mut models: Vec<Model> = (0..PARTITIONS).map(|_| Model::default()).collect();
    for step in steps {
        let now = bench.clock.now();
        models.iter_mut().for_each(|model| model.expire(now.minus(DAY)));
        match step {
            Step::Append(batches) => append(&bench, &id, &mut models, batches).await?,
            Step::Read { partition, from, records, bytes } => {
                let limit = ReadLimit { records, bytes };
                let page = bench.log.read(&id, partition, from, limit).await.expect("a read");
                check_page(&models[partition as usize], &page, from, limit)?;
            }
            Step::Locate { partition, seconds_ago } => {
                let time = now.minus(Duration::from_secs(seconds_ago));
                let found = bench.log.locate(&id, partition, Position::At(time)).await.expect("a position");
                let model = &models[partition as usize];
                let expected = model.records.partition_point(|(at, _)| *at < time).max(model.oldest);
                prop_assert_eq!(found, expected as u64);
            }
            Step::Trim { partition, before } => {
                bench.log.trim(&id, partition, before).await.expect("a trim");
                let model = &mut models[partition as usize];
                model.oldest = model.oldest.max((before as usize).min(model.records.len()));
            }
            Step::Advance { minutes } => bench.clock.advance(Duration::from_secs(minutes * 60)),
            Step::Retain => drop(bench.log.retain().await.expect("a pass")),
            // A pass first: what was trimmed is only certain to stay away once it is marked.
            Step::Reopen => {
                bench.log.retain().await.expect("a pass");
                bench.reopen().await;
            }
            Step::Crash => {
                bench.log.retain().await.expect("a pass");
                bench = bench.crashed().await;
            }
        }
    }
    for (partition, model) in (0..).zip(&mut models) {
        model.expire(bench.clock.now().minus(DAY));
        let page = bench.read(&id, partition, 0).await;
        prop_assert_eq!(page.records.len(), model.records.len() - model.oldest);
        check_page(model, &page, 0, ALL)?;
    }
    Ok(())
}

async fn append(
    bench: &Bench,
    id: &TopicId,
    models: &mut [Model],
    batches: Vec<(u32, Vec<u16>)>,
) -> Result<(), TestCaseError> {
    let mut new = Vec::new();
    for (partition, sizes) in batches {
        let model = &mut models[partition as usize];
        let mut records = Vec::new();
        for size in sizes {
            let mut data = model.records.len().to_le_bytes().to_vec();
            data.resize(8 + usize::from(size), size as u8);
            model.records.push((bench.clock.now(), data.clone()));
            records.push(NewRecord { key: bytes::Bytes::new(), data: data.into() });
        }
        new.push(Batch { partition, records });
    }
    let counts: Vec<_> = new.iter().map(|batch| batch.records.len()).collect();
    let appended = bench.log.append(id, new).await.expect("an append");
    prop_assert_eq!(appended.iter().map(|appended| appended.count as usize).collect::<Vec<_>>(), counts);
    Ok(())
}

fn check_page(model: &Model, page: &Page, from: u64, limit: ReadLimit) -> Result<(), TestCaseError> {
    prop_assert_eq!((page.oldest, page.tail), (model.oldest as u64, model.records.len() as u64));
    let start = from.max(page.oldest);
    prop_assert_eq!(page.next, start + page.records.len() as u64);
    prop_assert!(!page.records.is_empty() || start >= page.tail);
    prop_assert!(page.records.len() <= limit.records.max(1));
    let size: usize = page.records.iter().map(|record| record.data.len()).sum();
    prop_assert!(size <= limit.bytes || page.records.len() == 1);
    for (offset, record) in (start..).zip(&page.records) {
        let (at, data) = &model.records[offset as usize];
        prop_assert_eq!((record.offset, record.at, &record.data[..]), (offset, *at, &data[..]));
    }
    Ok(())
}
