use std::fs;
use std::os::unix::fs::FileExt;

use super::*;
use crate::tests::{Bench, batch};

fn inspected(bench: &Bench) -> (Inspection, Vec<FrameReport>) {
    let mut frames = Vec::new();
    let inspection = inspect(bench.dir.path(), |frame| frames.push(*frame)).expect("a directory");
    (inspection, frames)
}

async fn three_frames() -> Bench {
    let bench = Bench::new().await;
    let id = bench.topic("t", 2).await;
    bench.append(&id, 0, &["a", "b"]).await;
    bench.append(&id, 1, &["x"]).await;
    bench.log.append(&id, vec![batch(0, ["c"])]).await.expect("an append");
    bench
}

#[tokio::test]
async fn frames_partitions_and_times_are_shown_while_the_log_is_open() {
    let bench = three_frames().await;
    let (inspection, frames) = inspected(&bench);
    assert!(!inspection.is_damaged);
    let [segment] = &inspection.segments[..] else { panic!("one segment") };
    assert_eq!((segment.frames, segment.records, segment.partitions), (3, 4, 2));
    assert_eq!((segment.header, segment.index), (HeaderState::Sound, IndexState::Missing));
    assert_eq!((segment.bytes, segment.created), (segment.valid_bytes, Some(bench.clock.now())));
    let first = inspection.partitions.values().next().expect("a partition");
    assert_eq!((first.first, first.end, first.frames, first.records, first.skipped), (0, 3, 2, 3, 0));
    let places: Vec<_> = frames.iter().map(|frame| (frame.first, frame.records)).collect();
    assert_eq!(places, [(0, 2), (0, 1), (2, 1)]);
    assert_eq!(frames[1].position, frames[0].position + frames[0].bytes);
}

#[tokio::test]
async fn a_closed_segment_is_compared_with_its_index() {
    let mut bench = three_frames().await;
    bench.reopen().await;
    assert_eq!(inspected(&bench).0.segments[0].index, IndexState::Sound);
    let index = bench.dir.path().join(segment::index_name(1));
    let good = fs::read(&index).expect("an index");
    let mut bad = good.clone();
    *bad.last_mut().expect("a byte") ^= 1;
    fs::write(&index, &bad).expect("a write");
    let (inspection, _) = inspected(&bench);
    assert_eq!((inspection.segments[0].index, inspection.is_damaged), (IndexState::Damaged, true));
    fs::write(&index, &good).expect("a write");

    let (_, frames) = inspected(&bench);
    let file = fs::OpenOptions::new().write(true).open(bench.dir.path().join(segment::file_name(1)));
    file.expect("a segment").write_all_at(b"#", frames[1].position + frames[1].bytes - 1).expect("a write");
    let (inspection, frames) = inspected(&bench);
    assert_eq!((inspection.segments[0].index, inspection.is_damaged), (IndexState::Differs, true));
    assert_eq!(inspection.segments[0].damage.len(), 1);
    assert_eq!(frames.len(), 2);
}

#[tokio::test]
async fn an_interrupted_write_is_no_damage_and_a_hole_in_the_middle_is() {
    let bench = three_frames().await;
    let (_, frames) = inspected(&bench);
    let path = bench.dir.path().join(segment::file_name(1));
    let file = fs::OpenOptions::new().write(true).open(path).expect("a segment");
    file.set_len(frames[2].position + 70).expect("a cut");
    let (inspection, _) = inspected(&bench);
    let damage = |inspection: &Inspection| {
        let damage = inspection.segments[0].damage.iter();
        damage.map(|damage| (damage.position, damage.acknowledged)).collect::<Vec<_>>()
    };
    assert_eq!((damage(&inspection), inspection.is_damaged), (vec![(frames[2].position, false)], false));
    file.write_all_at(b"####", frames[0].position).expect("a write");
    let (inspection, _) = inspected(&bench);
    assert!(inspection.is_damaged);
    assert_eq!(damage(&inspection), [(frames[0].position, true), (frames[2].position, false)]);
}
