use std::io::{Cursor, Read};

use flate2::read::GzDecoder;
use proptest::prelude::*;
use snap::read::FrameDecoder;

use super::*;

fn object(format: Compression, pieces: &[Vec<u8>]) -> Vec<u8> {
    let mut compressor = Compressor::new(format, "records".to_owned());
    let mut object = Vec::new();
    for piece in pieces {
        object.extend_from_slice(&compressor.push(piece.clone()).unwrap());
    }
    object.extend_from_slice(&compressor.finish().unwrap());
    object
}

fn read_hadoop(mut object: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut take = |count: usize| {
        let (taken, rest) = object.split_at(count);
        object = rest;
        (taken, rest.is_empty())
    };
    loop {
        let (head, empty) = take(4);
        assert!(!empty);
        let length = u32::from_be_bytes(head.try_into().unwrap()) as usize;
        let compressed = u32::from_be_bytes(take(4).0.try_into().unwrap()) as usize;
        let (block, last) = take(compressed);
        let block = snap::raw::Decoder::new().decompress_vec(block).unwrap();
        assert_eq!(block.len(), length);
        plain.extend_from_slice(&block);
        if last {
            return plain;
        }
    }
}

fn read(format: Compression, object: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match format {
        Compression::None => plain.extend_from_slice(object),
        Compression::Gzip => {
            GzDecoder::new(object).read_to_end(&mut plain).unwrap();
        }
        Compression::Zip => {
            let mut archive = zip::ZipArchive::new(Cursor::new(object)).unwrap();
            assert_eq!(archive.len(), 1);
            let mut file = archive.by_index(0).unwrap();
            assert_eq!(file.name().unwrap(), "records");
            file.read_to_end(&mut plain).unwrap();
        }
        Compression::Snappy => {
            FrameDecoder::new(object).read_to_end(&mut plain).unwrap();
        }
        Compression::HadoopSnappy => plain = read_hadoop(object),
    }
    plain
}

const ALL: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Zip, Compression::Snappy, Compression::HadoopSnappy];

/// Bytes that compress a little.
fn text(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        b'a' + ((state >> 40) % 20) as u8
    };
    (0..length).map(|_| byte()).collect()
}

#[test]
fn what_was_compressed_in_blocks_is_read_as_one_object() {
    let pieces = [text(10, 1), text(3 * BLOCK_BYTES / 2, 2), text(1, 3), text(BLOCK_BYTES, 4), text(500, 5)];
    for format in ALL {
        assert_eq!(read(format, &object(format, &pieces)), pieces.concat(), "{format:?}");
    }
}

#[test]
fn an_object_of_nothing_is_valid_too() {
    for format in [Compression::None, Compression::Gzip, Compression::Zip] {
        assert_eq!(read(format, &object(format, &[])), b"", "{format:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_come_back(pieces in proptest::collection::vec((1_usize..400_000, any::<u64>()), 1..5)) {
        let pieces: Vec<Vec<u8>> = pieces.into_iter().map(|(length, seed)| text(length, seed)).collect();
        for format in ALL {
            prop_assert_eq!(read(format, &object(format, &pieces)), pieces.concat());
        }
    }
}
