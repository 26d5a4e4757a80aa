//! Recovery of whatever lies in the directory: no panic, no allocation beyond the files' size, and what is
//! appended afterwards is kept.

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::inspect::inspect;
use crate::{frame, segment};

/// What a file may be made of.
#[derive(Clone, Debug)]
enum Piece {
    Noise(Vec<u8>),
    Zeros(u16),
    /// A sound header of a frame that says anything, and some payload with or without its checksum.
    Frame {
        header: frame::Header,
        payload: Vec<u8>,
        fits: bool,
    },
}

fn piece() -> impl Strategy<Value = Piece> {
    let small = (any::<u32>(), any::<u32>(), 0..9u64, any::<i64>(), any::<u64>());
    let numbers = (small, prop_oneof![0..50u64, any::<u64>()]);
    let frame = (numbers, prop::collection::vec(any::<u8>(), 0..200), any::<bool>());
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..300).prop_map(Piece::Noise),
        1 => any::<u16>().prop_map(|count| Piece::Zeros(count % 5000)),
        3 => frame.prop_map(|(((length, count, partition, at, durable), first), payload, fits)| {
            let header = frame::Header {
                key_id: 0,
                length,
                count: if fits { count % 20 } else { count },
                checksum: 0,
                partition: (1 << 32) + partition,
                first,
                at,
                durable,
                salt: 7,
            };
            Piece::Frame { header, payload, fits }
        }),
    ]
}

fn bytes(pieces: &[Piece], header: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    if header {
        bytes = segment::FileHeader { id: 3, created: 5, salt: 7, cuts: Vec::new() }.encode();
    }
    for piece in pieces {
        match piece {
            Piece::Noise(noise) => bytes.extend(noise),
            Piece::Zeros(count) => bytes.resize(bytes.len() + usize::from(*count), 0),
            Piece::Frame { header, payload, fits } => {
                let mut header = *header;
                if *fits {
                    (header.length, header.checksum) = (payload.len() as u32, crc32c::crc32c(payload));
                }
                bytes.extend(header.encode());
                bytes.extend(payload);
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn any_files_are_opened_or_refused_and_the_log_goes_on(
        segments in prop::collection::vec((prop::collection::vec(piece(), 0..6), any::<bool>()), 1..3),
        index in prop::collection::vec(piece(), 0..3),
        cut in any::<prop::sample::Index>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(opened(&segments, &index, cut))?;
    }
}

async fn opened(
    segments: &[(Vec<Piece>, bool)],
    index: &[Piece],
    cut: prop::sample::Index,
) -> Result<(), TestCaseError> {
    let empty = Bench::new().await;
    let id = empty.topic("t", 9).await;
    let strange = empty
        .crashed_with(|dir| {
            for (number, (pieces, header)) in (3..).zip(segments) {
                fs::write(dir.join(segment::file_name(number)), bytes(pieces, *header)).expect("a file");
            }
            let mut bytes = [b"MGLI\x01\0\0\0".to_vec(), bytes(index, false)].concat();
            bytes.truncate(cut.index(bytes.len()) + 1);
            fs::write(dir.join(segment::index_name(3)), bytes).expect("a file");
        })
        .await;
    inspect(strange.dir.path(), |_| {}).expect("a directory");
    for partition in 0..9 {
        let tail = strange.log.topic(&id).await.expect("the topic").partitions[partition as usize].tail;
        // An offset close to the end of all numbers leaves no room.
        if tail < 1 << 40 {
            let first = strange.append(&id, partition, &["after"]).await.first;
            prop_assert_eq!(first, tail);
            let page = strange.log.read(&id, partition, first, ALL).await.expect("a read");
            prop_assert_eq!(&page.records[0].data[..], b"after");
            strange.read(&id, partition, 0).await;
        }
    }
    Ok(())
}
