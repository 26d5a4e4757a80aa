use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::*;
use crate::frame;

fn segment_file(dir: &Path) -> PathBuf {
    files(dir, "segment").pop().expect("a segment")
}

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

fn flip(path: &Path, position: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).expect("a file");
    let mut byte = [0];
    file.read_exact_at(&mut byte, position).expect("a byte");
    file.write_all_at(&[byte[0] ^ 0x10], position).expect("a byte");
}

fn cut(path: &Path, length: u64) {
    OpenOptions::new().write(true).open(path).expect("a file").set_len(length).expect("a cut");
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).expect("a file").len()
}

/// Three appends to partition 0 and one to partition 1 between them, and where each frame begins and ends.
async fn four_frames() -> (Bench, TopicId, Vec<u64>) {
    let bench = Bench::new().await;
    let id = bench.topic("t", 2).await;
    let mut ends = vec![4096];
    for (partition, data) in [(0, "first"), (0, "second"), (1, "other"), (0, "third")] {
        bench.append(&id, partition, &[data]).await;
        ends.push(length(&segment_file(bench.dir.path())));
    }
    (bench, id, ends)
}

#[tokio::test]
async fn a_torn_tail_is_truncated_but_an_acknowledged_batch_is_kept() {
    let (bench, id, ends) = four_frames().await;
    for end in ends[3] + 1..ends[4] {
        let torn = bench.crashed_with(|dir| cut(&segment_file(dir), end)).await;
        assert_eq!(torn.contents(&id, 0).await, numbered(&["first", "second"]), "cut at {end}");
        assert_eq!(torn.contents(&id, 1).await, numbered(&["other"]));
        assert_eq!(length(&files(torn.dir.path(), "segment")[0]), ends[3]);
        assert_eq!((torn.log.stats().quarantined, torn.log.stats().torn_bytes), (0, end - ends[3]));
        assert_eq!(torn.append(&id, 0, &["again"]).await.first, 2);
    }
}

#[tokio::test]
async fn a_flipped_byte_in_the_last_frame_is_a_torn_tail() {
    let (bench, id, ends) = four_frames().await;
    for position in ends[3]..ends[4] {
        let torn = bench.crashed_with(|dir| flip(&segment_file(dir), position)).await;
        assert_eq!(torn.contents(&id, 0).await, numbered(&["first", "second"]), "flipped at {position}");
        assert_eq!(torn.log.stats().quarantined, 0);
    }
}

#[tokio::test]
async fn a_damaged_batch_in_the_middle_is_quarantined_and_the_rest_is_served() {
    let (bench, id, ends) = four_frames().await;
    for position in ends[1]..ends[2] {
        let mut damaged = bench.crashed_with(|dir| flip(&segment_file(dir), position)).await;
        let kept = [(0, "first".to_owned()), (2, "third".to_owned())];
        assert_eq!(damaged.contents(&id, 0).await, kept, "flipped at {position}");
        assert_eq!(damaged.contents(&id, 1).await, numbered(&["other"]));
        assert_eq!(damaged.log.stats().quarantined, 1);
        assert_eq!(damaged.log.stats().quarantined_bytes, ends[2] - ends[1]);
        assert_eq!(damaged.read(&id, 0, 1).await.records[0].offset, 2);
        assert_eq!(damaged.append(&id, 0, &["fourth"]).await.first, 3);
        damaged.reopen().await;
        assert_eq!(damaged.contents(&id, 0).await.len(), 3);
    }
}

#[tokio::test]
async fn damage_in_an_indexed_segment_is_found_by_the_reader() {
    let (mut bench, id, ends) = four_frames().await;
    bench.reopen().await;
    for position in ends[1]..ends[2] {
        let damaged = bench.crashed_with(|dir| flip(&segment_file(dir), position)).await;
        assert_eq!(damaged.log.stats().quarantined, 0, "an indexed segment is not read when the log opens");
        let kept = [(0, "first".to_owned()), (2, "third".to_owned())];
        assert_eq!(damaged.contents(&id, 0).await, kept, "flipped at {position}");
        assert!(damaged.log.stats().quarantined >= 1);
    }
}

#[tokio::test]
async fn a_partition_whose_last_batch_is_damaged_reads_to_its_end() {
    let (mut bench, id, ends) = four_frames().await;
    bench.reopen().await;
    let damaged = bench.crashed_with(|dir| flip(&segment_file(dir), ends[4] - 1)).await;
    let page = damaged.read(&id, 0, 0).await;
    assert_eq!((page.records.len(), page.next, page.tail), (2, 3, 3));
    let page = damaged.log.read(&id, 0, 2, ALL).await.expect("a read");
    assert_eq!((page.records.len(), page.next), (0, 3));
}

#[tokio::test]
async fn a_missing_or_damaged_side_file_is_made_anew() {
    let (mut bench, id, _) = four_frames().await;
    bench.reopen().await;
    let good = fs::read(&files(bench.dir.path(), "index")[0]).expect("a side file");
    for position in 0..good.len() as u64 {
        let damaged = bench.crashed_with(|dir| flip(&files(dir, "index")[0], position)).await;
        assert_eq!(damaged.contents(&id, 0).await, numbered(&["first", "second", "third"]), "at {position}");
        assert_eq!(damaged.contents(&id, 1).await, numbered(&["other"]));
    }
    let missing =
        bench.crashed_with(|dir| fs::remove_file(&files(dir, "index")[0]).expect("a removal")).await;
    assert_eq!(missing.contents(&id, 0).await, numbered(&["first", "second", "third"]));
    assert_eq!(fs::read(&files(missing.dir.path(), "index")[0]).expect("a side file"), good);
}

#[tokio::test]
async fn a_segment_with_a_damaged_header_still_gives_its_frames() {
    let (bench, id, _) = four_frames().await;
    let damaged = bench.crashed_with(|dir| flip(&segment_file(dir), 3)).await;
    assert_eq!(damaged.contents(&id, 0).await, numbered(&["first", "second", "third"]));
}

#[tokio::test]
async fn a_segment_that_never_got_a_frame_goes() {
    let (bench, id, _) = four_frames().await;
    for end in [0, 1, 4095, 4096, 4100] {
        let empty = bench.crashed_with(|dir| cut(&segment_file(dir), end)).await;
        assert_eq!(empty.log.stats().segments, 0);
        assert_eq!(empty.append(&id, 0, &["new"]).await.first, 0);
    }
}

#[tokio::test]
async fn a_segment_of_a_newer_version_is_refused() {
    let (bench, _, _) = four_frames().await;
    let dir = TempDir::new().expect("a temporary directory");
    let path = dir.path().join("0000000000000001.segment");
    let mut bytes = fs::read(segment_file(bench.dir.path())).expect("a segment");
    bytes[8] = 2;
    let checksum = crc32c::crc32c(&bytes[..4092]);
    bytes[4092..4096].copy_from_slice(&checksum.to_le_bytes());
    fs::write(&path, bytes).expect("a file");
    let opened = Log::open(dir.path(), bench.meta.clone(), bench.rt.clone(), LogSettings::default()).await;
    assert!(matches!(opened, Err(OpenError::NewerVersion { found: 2, supported: 1, .. })));
}

#[tokio::test]
async fn a_record_that_contains_a_frame_is_not_taken_for_one() {
    let (bench, id, ends) = four_frames().await;
    let bytes = fs::read(segment_file(bench.dir.path())).expect("a segment");
    let mut header = frame::Header::decode(&bytes[ends[0] as usize..]).expect("a header");
    header.salt ^= 1;
    let forged =
        [&header.encode()[..], &bytes[ends[0] as usize + frame::HEADER_BYTES..ends[1] as usize]].concat();
    let record = NewRecord { key: "key".into(), data: forged.into() };
    bench.log.append(&id, vec![Batch { partition: 1, records: vec![record] }]).await.expect("an append");
    bench.append(&id, 1, &["after"]).await;
    // The header of the frame around it is damaged, so the scan walks through the record.
    let damaged = bench.crashed_with(|dir| flip(&segment_file(dir), ends[4] + 30)).await;
    assert_eq!(damaged.contents(&id, 0).await, numbered(&["first", "second", "third"]));
    assert_eq!(damaged.contents(&id, 1).await, [(0, "other".to_owned()), (2, "after".to_owned())]);
}

#[tokio::test]
async fn a_hole_in_the_last_unacknowledged_group_is_not_called_corruption() {
    let bench = Bench::new().await;
    let id = bench.topic("t", 2).await;
    bench.append(&id, 0, &["kept"]).await;
    let start = length(&segment_file(bench.dir.path()));
    bench.log.append(&id, vec![batch(0, ["hole"]), batch(1, ["reached the disk"])]).await.expect("an append");
    let torn = bench.crashed_with(|dir| flip(&segment_file(dir), start + 64)).await;
    assert_eq!(torn.log.stats().quarantined, 0);
    assert_eq!(torn.contents(&id, 0).await, numbered(&["kept"]));
    assert_eq!(torn.contents(&id, 1).await, numbered(&["reached the disk"]));
}
