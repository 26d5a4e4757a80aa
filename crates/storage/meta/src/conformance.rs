//! What every store must do. Each check gets an empty store.

use std::ops::Bound;

use futures::FutureExt;
use names::{AccountId, Region, Scope};

use crate::{CommitError, Key, Meta, Revision, Txn};

fn root() -> Key {
    let scope = Scope::new(AccountId::new("000000000000").unwrap(), Region::new("us-east-1").unwrap());
    Key::scoped(&scope, "test")
}

fn at(name: &str) -> Key {
    root().with(name)
}

async fn value(meta: &Meta, key: &Key) -> Option<String> {
    let entry = meta.get(key).await.unwrap()?;
    Some(String::from_utf8(entry.value.to_vec()).unwrap())
}

fn conflict(result: Result<Revision, CommitError>) -> Key {
    match result {
        Err(CommitError::Conflict { key }) => key,
        other => panic!("expected a conflict, got {other:?}"),
    }
}

pub(crate) async fn a_commit_is_read_back_with_its_revision(meta: Meta) {
    let first = meta.commit(Txn::new().put(at("a"), "1").put(at("b"), "2")).await.unwrap();
    let second = meta.commit(Txn::new().put(at("b"), "3")).await.unwrap();
    assert!(second > first);
    let found = meta.get_many(&[at("b"), at("none"), at("a")]).await.unwrap();
    assert_eq!(found[0].as_ref().unwrap().revision, second);
    assert_eq!(found[0].as_ref().unwrap().value, "3");
    assert!(found[1].is_none());
    assert_eq!(found[2].as_ref().unwrap().revision, first);
}

pub(crate) async fn a_transaction_whose_requirement_fails_writes_nothing(meta: Meta) {
    let revision = meta.commit(Txn::new().put(at("a"), "1")).await.unwrap();
    let write = |txn: Txn| txn.put(at("other"), "x");
    let absent = write(Txn::new().require_absent(at("a")));
    assert_eq!(conflict(meta.commit(absent).await), at("a"));
    let present = write(Txn::new().require_present(at("b")));
    assert_eq!(conflict(meta.commit(present).await), at("b"));
    let stale = write(Txn::new().require_revision(at("a"), Revision(revision.0 + 1)));
    assert_eq!(conflict(meta.commit(stale).await), at("a"));
    let gone = write(Txn::new().require_revision(at("b"), revision));
    assert_eq!(conflict(meta.commit(gone).await), at("b"));
    let empty = write(Txn::new().require_empty(root()));
    assert_eq!(conflict(meta.commit(empty).await), root());
    assert_eq!(value(&meta, &at("other")).await, None);

    let holds = Txn::new()
        .require_absent(at("b"))
        .require_present(at("a"))
        .require_revision(at("a"), revision)
        .require_empty(at("a"));
    meta.commit(write(holds)).await.unwrap();
    assert_eq!(value(&meta, &at("other")).await.as_deref(), Some("x"));
}

pub(crate) async fn a_transaction_without_writes_only_checks(meta: Meta) {
    let revision = meta.commit(Txn::new().put(at("a"), "1")).await.unwrap();
    assert_eq!(meta.commit(Txn::new().require_present(at("a"))).await.unwrap(), revision);
    assert_eq!(conflict(meta.commit(Txn::new().require_absent(at("a"))).await), at("a"));
}

pub(crate) async fn of_two_that_require_the_same_revision_one_wins(meta: Meta) {
    let revision = meta.commit(Txn::new().put(at("a"), "0")).await.unwrap();
    let change =
        |text: &'static str| meta.commit(Txn::new().require_revision(at("a"), revision).put(at("a"), text));
    let results = futures::future::join_all(["1", "2", "3", "4"].map(change)).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
}

pub(crate) async fn a_scan_is_in_order_within_the_prefix_and_in_pages(meta: Meta) {
    let mut txn = Txn::new().put(root(), "root").put(Key::global("test").with("z"), "elsewhere");
    for name in ["b", "a", "a\0", "a\0b", "", "ab", "물길"] {
        txn = txn.put(at(name), name.to_owned());
    }
    for number in [300, 2, u64::MAX] {
        txn = txn.put(root().with_u64(number), number.to_string());
    }
    meta.commit(txn).await.unwrap();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = meta.scan(&root(), after.as_ref(), 3).await.unwrap();
        seen.extend(page.iter().map(|entry| String::from_utf8(entry.value.to_vec()).unwrap()));
        match page.last() {
            Some(last) => after = Some(last.key.clone()),
            None => break,
        }
    }
    let max = u64::MAX.to_string();
    assert_eq!(seen, ["", "a", "a\0", "a\0b", "ab", "b", "물길", "2", "300", &max]);
}

pub(crate) async fn a_range_respects_both_kinds_of_bounds(meta: Meta) {
    let mut txn = Txn::new();
    for name in ["a", "b", "c", "d"] {
        txn = txn.put(at(name), name.to_owned());
    }
    meta.commit(txn.put(at("b").with("below"), "b/below")).await.unwrap();
    let names = async |from, to| {
        let found = meta.scan_range(from, to, 10).await.unwrap();
        found.iter().map(|entry| String::from_utf8_lossy(&entry.value).into_owned()).collect::<Vec<_>>()
    };
    let (b, d) = (at("b"), at("d"));
    assert_eq!(names(Bound::Included(b.clone()), Bound::Excluded(d.clone())).await, ["b", "b/below", "c"]);
    assert_eq!(names(Bound::Excluded(b.clone()), Bound::Included(d.clone())).await, ["b/below", "c", "d"]);
    assert_eq!(names(Bound::Unbounded, Bound::Excluded(b.clone())).await, ["a"]);
    assert_eq!(names(Bound::Included(d.clone()), Bound::Unbounded).await, ["d"]);
    assert!(names(Bound::Included(d), Bound::Excluded(b)).await.is_empty());
}

pub(crate) async fn deletes_remove_a_key_or_a_subtree(meta: Meta) {
    let txn = Txn::new()
        .put(at("a"), "1")
        .put(at("a").with("x"), "2")
        .put(at("a").with_u64(7), "3")
        .put(at("ab"), "4")
        .put(at("b"), "5");
    meta.commit(txn).await.unwrap();
    meta.commit(Txn::new().delete_prefix(at("a")).delete(at("b")).delete(at("none"))).await.unwrap();
    let left = meta.scan(&root(), None, 10).await.unwrap();
    assert_eq!(left.iter().map(|entry| entry.key.clone()).collect::<Vec<_>>(), [at("ab")]);
}

pub(crate) async fn writes_of_one_transaction_are_applied_in_their_order(meta: Meta) {
    let txn = Txn::new().put(at("a"), "1").delete_prefix(at("a")).put(at("a"), "2").put(at("b"), "3");
    meta.commit(txn.merge(Txn::new().delete(at("b")))).await.unwrap();
    assert_eq!(value(&meta, &at("a")).await.as_deref(), Some("2"));
    assert_eq!(value(&meta, &at("b")).await, None);
}

pub(crate) async fn a_watch_resolves_after_a_commit_that_touched_its_prefix(meta: Meta) {
    let mut watch = meta.watch(&at("a"));
    let mut deep = meta.watch(&at("a").with("x").with("y"));
    assert!(watch.changed().now_or_never().is_none());
    meta.commit(Txn::new().put(at("ab"), "1")).await.unwrap();
    assert!(watch.changed().now_or_never().is_none());
    for touch in [
        Txn::new().put(at("a").with("x"), "1"),
        Txn::new().put(at("a"), "1"),
        Txn::new().delete(at("a")),
        Txn::new().delete_prefix(root()),
    ] {
        meta.commit(touch).await.unwrap();
        watch.changed().await;
        assert!(watch.changed().now_or_never().is_none());
    }
    deep.changed().await;
    assert!(deep.changed().now_or_never().is_none());
    let failed = Txn::new().require_present(at("none")).put(at("a"), "1");
    conflict(meta.commit(failed).await);
    assert!(watch.changed().now_or_never().is_none());
}

pub(crate) async fn clear_removes_everything_and_revisions_go_on(meta: Meta) {
    let mut watch = meta.watch(&at("a"));
    let before = meta.commit(Txn::new().put(at("a"), "1")).await.unwrap();
    watch.changed().await;
    meta.clear().await.unwrap();
    watch.changed().await;
    assert!(meta.scan_range(Bound::Unbounded, Bound::Unbounded, 10).await.unwrap().is_empty());
    assert!(meta.commit(Txn::new().put(at("a"), "1")).await.unwrap() > before);
}

pub(crate) async fn long_scans_and_many_gets_agree_with_short_ones(meta: Meta) {
    let keys: Vec<Key> = (0..500).map(|number| root().with_u64(number)).collect();
    let txn = keys.iter().fold(Txn::new(), |txn, key| txn.put(key.clone(), key.to_string()));
    meta.commit(txn).await.unwrap();
    let all = meta.scan(&root(), None, 1000).await.unwrap();
    assert_eq!(all.iter().map(|entry| entry.key.clone()).collect::<Vec<_>>(), keys);
    assert_eq!(meta.scan(&root(), None, 100).await.unwrap(), all[..100]);
    let got: Vec<_> = meta.get_many(&keys).await.unwrap().into_iter().map(Option::unwrap).collect();
    assert_eq!(got, all);
}
