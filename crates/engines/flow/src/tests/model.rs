//! Random records through random operators, against a model that takes the long way.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use rt::Rt;

use super::operators::gzip;
use super::rig::*;
use crate::failpoints::at;
use crate::{
    Action, Compression, Encode, Extract, FlowSettings, FlowSpec, Operator, Partitioning, RawEncode, Split,
};

/// Stands behind each delivered record; no record has it.
const END: &str = "\u{1}";

#[derive(Clone, Debug)]
enum Piece {
    Event { id: u32, kind: u8 },
    NoKind { id: u32 },
    Garbage,
}

#[derive(Clone, Debug)]
struct Record {
    pieces: Vec<Piece>,
    compressed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Shape {
    decompress: bool,
    split: Option<bool>,
    partition: bool,
    compression: Compression,
}

/// Where a record ends: delivered below a prefix, in an error output, or nowhere.
type Ends = (Vec<(String, String)>, BTreeMap<&'static str, u64>, u64);

impl Piece {
    fn text(&self) -> String {
        match self {
            Piece::Event { id, kind } => format!(r#"{{"id":{id},"kind":"{kind}"}}"#),
            Piece::NoKind { id } => format!(r#"{{"id":{id},"kind":""}}"#),
            Piece::Garbage => "oops".to_owned(),
        }
    }
}

impl Record {
    fn text(&self) -> String {
        self.pieces.iter().map(Piece::text).collect::<Vec<_>>().join("\n")
    }

    fn data(&self) -> Bytes {
        if self.compressed { gzip(self.text().as_bytes()) } else { self.text().into() }
    }
}

fn spec(shape: Shape) -> FlowSpec {
    let mut spec = raw_spec();
    spec.encode = Encode::Raw(RawEncode { delimiter: Some(END.to_owned()), compression: shape.compression });
    spec.sink.error_prefix = "errors/!{firehose:error-output-type}/".to_owned();
    if shape.decompress {
        spec.operators.push(Operator::Decompress);
    }
    match shape.split {
        Some(true) => spec.operators.push(Operator::Split(Split::Json)),
        Some(false) => spec.operators.push(Operator::Split(Split::Delimited(b"\n".to_vec()))),
        None => {}
    }
    if shape.partition {
        spec.sink.prefix = "events/!{partitionKeyFromQuery:kind}/".to_owned();
        spec.operators.push(Operator::Extract(Extract { query: "{kind: .kind}".to_owned() }));
        spec.partitioning = Some(Partitioning::default());
    } else {
        spec.sink.prefix = "events/!{firehose:random-string}/".to_owned();
    }
    spec
}

fn model(shape: Shape, records: &[Record]) -> Ends {
    let (mut delivered, mut failed, mut dropped) = (Vec::new(), BTreeMap::new(), 0);
    for record in records {
        if shape.decompress && !record.compressed {
            *failed.entry("decompression-failed").or_default() += 1;
            continue;
        }
        let whole = String::from_utf8_lossy(&record.data()).into_owned();
        let whole = if shape.decompress { record.text() } else { whole };
        let garbage = record.pieces.iter().any(|piece| matches!(piece, Piece::Garbage));
        let readable = shape.decompress || !record.compressed;
        let parts: Vec<(String, Option<&Piece>)> = match shape.split {
            Some(true) if garbage || !readable => {
                *failed.entry("processing-failed").or_default() += 1;
                continue;
            }
            Some(_) if readable => record.pieces.iter().map(|piece| (piece.text(), Some(piece))).collect(),
            Some(_) => whole
                .split('\n')
                .filter(|part| !part.is_empty())
                .map(|part| (part.to_owned(), None))
                .collect(),
            None => {
                let alone = (readable && record.pieces.len() == 1).then(|| &record.pieces[0]);
                vec![(whole, alone)]
            }
        };
        if parts.is_empty() {
            dropped += 1;
        }
        for (text, piece) in parts {
            match (shape.partition, piece) {
                (false, _) => delivered.push((String::new(), text)),
                (true, Some(Piece::Event { kind, .. })) => delivered.push((kind.to_string(), text)),
                (true, _) => *failed.entry("processing-failed").or_default() += 1,
            }
        }
    }
    delivered.sort();
    (delivered, failed, dropped)
}

fn record() -> impl Strategy<Value = Record> {
    let piece = prop_oneof![
        6 => (any::<u32>(), 0_u8..5).prop_map(|(id, kind)| Piece::Event { id, kind }),
        1 => any::<u32>().prop_map(|id| Piece::NoKind { id }),
        1 => Just(Piece::Garbage),
    ];
    let pieces = proptest::collection::vec(piece, 0..4);
    (pieces, any::<bool>()).prop_map(|(pieces, compressed)| Record { pieces, compressed })
}

fn shape() -> impl Strategy<Value = Shape> {
    let compression = prop_oneof![Just(Compression::None), Just(Compression::Gzip)];
    (any::<bool>(), any::<Option<bool>>(), any::<bool>(), compression).prop_map(
        |(decompress, split, partition, compression)| Shape { decompress, split, partition, compression },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn any_records_through_any_operators_end_where_the_model_says(
        shape in shape(),
        records in proptest::collection::vec(record(), 1..40),
        buffer in 50_u64..5_000,
        partition_bytes in 1_usize..2_000,
        crash in proptest::option::of((0..at::ALL.len(), 1_u32..3)),
    ) {
        // Binary records would have to be read as text by the model.
        let shape = Shape { decompress: shape.decompress || records.iter().any(|record| record.compressed), ..shape };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(agrees(shape, records, buffer, partition_bytes, crash));
    }
}

async fn agrees(
    shape: Shape,
    records: Vec<Record>,
    buffer: u64,
    partition_bytes: usize,
    crash: Option<(usize, u32)>,
) {
    let settings = FlowSettings { batch_spacing: Duration::ZERO, partition_bytes, ..FlowSettings::default() };
    let mut rig = Rig::with(settings).await;
    rig.topic(1).await;
    rig.put(0, records.iter().map(Record::data)).await;
    let mut spec = spec(shape);
    spec.buffer.bytes = buffer;
    if let Some((failpoint, nth)) = crash {
        rig.failpoints.arm(at::ALL[failpoint], nth, Action::Crash);
    }
    rig.flow.create(&id(), &spec).await.unwrap();
    if crash.is_some() {
        // The failpoint need not be on the way; then the process dies anywhere.
        Rt::system().timeout(Duration::from_millis(20), rig.failpoints.hit()).await;
        rig.restart().await;
    }
    let status = rig.until(|status| status.ledger.taken_records == records.len() as u64).await;
    let mut delivered = Vec::new();
    for (key, bytes) in rig.objects("events/").await {
        let text = match shape.compression {
            Compression::Gzip => gunzip(&bytes),
            _ => String::from_utf8(bytes.to_vec()).unwrap(),
        };
        let kind = if shape.partition { key.split('/').nth(1).unwrap().to_owned() } else { String::new() };
        delivered.extend(text.split_terminator(END).map(|record| (kind.clone(), record.to_owned())));
    }
    delivered.sort();
    let mut failed = BTreeMap::new();
    for kind in ["decompression-failed", "processing-failed"] {
        let objects = rig.objects(&format!("errors/{kind}/")).await;
        let lines: usize =
            objects.values().map(|bytes| bytes.iter().filter(|byte| **byte == b'\n').count()).sum();
        if lines > 0 {
            failed.insert(kind, lines as u64);
        }
    }
    let found: Ends = (delivered, failed, status.ledger.dropped_records);
    assert_eq!(found, model(shape, &records), "{shape:?}");
    assert!(status.ledger.balances());
}
