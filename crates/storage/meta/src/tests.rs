use std::ops::Bound;

use bytes::Bytes;
use proptest::prelude::*;
use rt::Rt;

use crate::{CommitError, Key, Meta, MetaError, Revision, Segment, Txn, conformance};

async fn on_disk() -> (tempfile::TempDir, Meta) {
    let dir = tempfile::tempdir().unwrap();
    let meta = Meta::open(&dir.path().join("meta.db"), Rt::system()).await.unwrap();
    (dir, meta)
}

macro_rules! conformance {
    ($($check:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $check() {
                super::conformance::$check(super::Meta::in_memory(super::Rt::system()).await).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test]
            async fn $check() {
                let (_dir, meta) = super::on_disk().await;
                super::conformance::$check(meta).await;
            })*
        }
    };
}

conformance!(
    a_commit_is_read_back_with_its_revision,
    a_transaction_whose_requirement_fails_writes_nothing,
    a_transaction_without_writes_only_checks,
    of_two_that_require_the_same_revision_one_wins,
    a_scan_is_in_order_within_the_prefix_and_in_pages,
    a_range_respects_both_kinds_of_bounds,
    deletes_remove_a_key_or_a_subtree,
    writes_of_one_transaction_are_applied_in_their_order,
    a_watch_resolves_after_a_commit_that_touched_its_prefix,
    clear_removes_everything_and_revisions_go_on,
    long_scans_and_many_gets_agree_with_short_ones,
);

#[test]
fn a_key_tells_its_segments() {
    let key = Key::global("x").with("a\0b").with("").with_u64(258).with([0, 255, 0]);
    let text = |bytes: &[u8]| Segment::Text(bytes.to_vec());
    let segments =
        [text(b"global"), text(b"x"), text(b"a\0b"), text(b""), Segment::Number(258), text(&[0, 255, 0])];
    assert_eq!(key.segments(), segments);
    assert_eq!(key.depth(), segments.len());
    for (index, segment) in segments.iter().enumerate() {
        assert_eq!(key.segment(index).as_ref(), Some(segment));
    }
    assert_eq!(key.segment(segments.len()), None);
    assert!(key.starts_with(&Key::global("x").with("a\0b")));
    assert!(!key.starts_with(&Key::global("x").with("a")));
    assert_eq!(Key::global("x").with("a").last_str().as_deref(), Some("a"));
    assert_eq!(Key::global("x").with_u64(9).last_u64(), Some(9));
    assert_eq!(Key::global("x").with("a").to_string(), "global/x/a");
}

fn segments() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let byte = prop_oneof![Just(0), Just(1), Just(255), any::<u8>()];
    prop::collection::vec(prop::collection::vec(byte, 0..4), 0..4)
}

fn key_of(segments: &[Vec<u8>]) -> Key {
    segments.iter().fold(Key::global("t"), |key, segment| key.with(segment))
}

proptest! {
    #[test]
    fn keys_sort_as_their_segments_do(one in segments(), other in segments()) {
        prop_assert_eq!(key_of(&one).cmp(&key_of(&other)), one.cmp(&other));
        prop_assert_eq!(key_of(&one).starts_with(&key_of(&other)), one.starts_with(&other));
    }
}

#[derive(Debug, Clone)]
enum Action {
    Commit { check: Option<(u8, u8)>, writes: Vec<(u8, u8)> },
    Clear,
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let commit = (prop::option::of((0..4u8, 0..12u8)), prop::collection::vec((0..4u8, 0..12u8), 0..4))
        .prop_map(|(check, writes)| Action::Commit { check, writes });
    prop::collection::vec(prop_oneof![20 => commit, 1 => Just(Action::Clear)], 1..30)
}

/// Twelve keys, three of them above others.
fn small_key(number: u8) -> Key {
    let key = Key::global("t").with([b'a' + number % 3]);
    if number < 3 { key } else { key.with_u64(u64::from(number / 3)) }
}

fn txn_of(check: Option<(u8, u8)>, writes: &[(u8, u8)], seen: &[Option<Revision>]) -> Txn {
    let mut txn = Txn::new();
    if let Some((kind, number)) = check {
        let key = small_key(number);
        txn = match (kind, seen[usize::from(number)]) {
            (0, _) => txn.require_absent(key),
            (1, _) => txn.require_present(key),
            (2, _) => txn.require_empty(key),
            (_, Some(revision)) => txn.require_revision(key, revision),
            (_, None) => txn.require_revision(key, Revision(u64::MAX >> 1)),
        };
    }
    for (index, (kind, number)) in writes.iter().enumerate() {
        let key = small_key(*number);
        txn = match kind {
            0 | 1 => txn.put(key, format!("{index}-{number}")),
            2 => txn.delete(key),
            _ => txn.delete_prefix(key),
        };
    }
    txn
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_database_does_what_a_sorted_map_does(actions in actions()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_dir, disk) = on_disk().await;
            let model = Meta::in_memory(Rt::system()).await;
            for action in actions {
                match action {
                    Action::Clear => {
                        disk.clear().await.unwrap();
                        model.clear().await.unwrap();
                    }
                    Action::Commit { check, writes } => {
                        let keys: Vec<Key> = (0..12).map(small_key).collect();
                        let found = model.get_many(&keys).await.unwrap();
                        let seen: Vec<_> =
                            found.iter().map(|entry| entry.as_ref().map(|entry| entry.revision)).collect();
                        let txn = txn_of(check, &writes, &seen);
                        let (done, expected) = (disk.commit(txn.clone()).await, model.commit(txn).await);
                        match (done, expected) {
                            (Ok(done), Ok(expected)) => assert_eq!(done, expected),
                            (
                                Err(CommitError::Conflict { key: done }),
                                Err(CommitError::Conflict { key: expected }),
                            ) => assert_eq!(done, expected),
                            (done, expected) => panic!("{done:?} instead of {expected:?}"),
                        }
                    }
                }
                let all = |meta: &Meta| {
                    let meta = meta.clone();
                    async move { meta.scan_range(Bound::Unbounded, Bound::Unbounded, 100).await.unwrap() }
                };
                assert_eq!(all(&disk).await, all(&model).await);
            }
        });
    }
}

#[tokio::test]
async fn json_goes_in_and_comes_out_and_what_has_no_json_form_fails_the_commit() {
    let meta = Meta::in_memory(Rt::system()).await;
    let key = Key::global("t").with("a");
    meta.commit(Txn::new().put_json(key.clone(), &vec![1, 2])).await.unwrap();
    let entry = meta.get(&key).await.unwrap().unwrap();
    assert_eq!(entry.json::<Vec<u8>>().unwrap(), [1, 2]);
    assert!(matches!(entry.json::<String>(), Err(MetaError::Decode { .. })));
    let keyed_by_pairs = std::collections::BTreeMap::from([((1, 2), 3)]);
    let txn = Txn::new().put(key.clone(), "x").put_json(key.clone(), &keyed_by_pairs);
    assert!(matches!(meta.commit(txn).await, Err(CommitError::Meta(MetaError::Encode { .. }))));
    assert_eq!(meta.get(&key).await.unwrap().unwrap().value, Bytes::from("[1,2]"));
}

#[tokio::test]
async fn a_watch_that_is_dropped_leaves_nothing_behind() {
    let meta = Meta::in_memory(Rt::system()).await;
    let key = Key::global("t");
    let (first, second) = (meta.watch(&key), meta.watch(&key));
    assert_eq!(meta.watches.len(), 1);
    drop(first);
    assert_eq!(meta.watches.len(), 1);
    drop(second);
    assert_eq!(meta.watches.len(), 0);
}
