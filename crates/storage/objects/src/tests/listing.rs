use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{BUCKET, Bench};
use crate::{ListRequest, Objects, PutOptions};

async fn fill(objects: &Objects, keys: impl IntoIterator<Item = &str>) {
    for key in keys {
        objects.put(BUCKET, key, "x".into(), PutOptions::default()).await.unwrap();
    }
}

/// All pages: what each item is listed by, groups marked with a star.
async fn pages(objects: &Objects, mut request: ListRequest) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        let page = objects.list(BUCKET, &request).await.unwrap();
        assert!(page.objects.len() + page.prefixes.len() <= request.limit);
        let mut items: Vec<_> = page.objects.iter().map(|object| object.key.clone()).collect();
        items.extend(page.prefixes.iter().map(|prefix| format!("{prefix}*")));
        items.sort_by(|one, other| one.trim_end_matches('*').cmp(other.trim_end_matches('*')));
        seen.extend(items);
        match page.next {
            Some(next) => request.start_after = Some(next),
            None => return seen,
        }
    }
}

fn request(prefix: &str, delimiter: &str, limit: usize) -> ListRequest {
    let delimiter = (!delimiter.is_empty()).then(|| delimiter.to_owned());
    ListRequest { prefix: prefix.to_owned(), delimiter, start_after: None, limit }
}

#[tokio::test]
async fn keys_are_grouped_by_what_they_have_up_to_the_delimiter() {
    let bench = Bench::new().await;
    fill(&bench.objects, ["a", "b/1", "b/2", "b/c/3", "b0", "물/길"]).await;
    for limit in [1, 2, 100] {
        assert_eq!(pages(&bench.objects, request("", "/", limit)).await, ["a", "b/*", "b0", "물/*"]);
        assert_eq!(pages(&bench.objects, request("b/", "/", limit)).await, ["b/1", "b/2", "b/c/*"]);
        assert_eq!(pages(&bench.objects, request("b", "", limit)).await, ["b/1", "b/2", "b/c/3", "b0"]);
    }
    assert!(pages(&bench.objects, request("c", "/", 10)).await.is_empty());
}

#[tokio::test]
async fn a_listing_begins_after_a_key_or_behind_a_whole_group() {
    let bench = Bench::new().await;
    fill(&bench.objects, ["a", "b/1", "b/2", "c"]).await;
    let after = async |start: &str, delimiter: &str| {
        let request = ListRequest { start_after: Some(start.to_owned()), ..request("", delimiter, 10) };
        pages(&bench.objects, request).await
    };
    assert_eq!(after("b/1", "").await, ["b/2", "c"]);
    assert_eq!(after("b/1", "/").await, ["b/*", "c"]);
    assert_eq!(after("b/", "/").await, ["c"]);
    assert_eq!(after("b/", "").await, ["b/1", "b/2", "c"]);
    assert_eq!(after("zz", "/").await, [""; 0]);
}

#[tokio::test]
async fn a_limit_of_nothing_lists_nothing() {
    let bench = Bench::new().await;
    fill(&bench.objects, ["a"]).await;
    let page = bench.objects.list(BUCKET, &request("", "", 0)).await.unwrap();
    assert!(page.objects.is_empty() && page.next.is_none());
}

#[tokio::test]
async fn groups_larger_than_a_scan_are_stepped_over() {
    let bench = Bench::new().await;
    let keys: Vec<String> =
        (0..300).map(|number| format!("day={}/{number:04}", number / 150)).chain(["z".into()]).collect();
    fill(&bench.objects, keys.iter().map(String::as_str)).await;
    assert_eq!(pages(&bench.objects, request("", "/", 10)).await, ["day=0/*", "day=1/*", "z"]);
}

fn expected(keys: &BTreeSet<String>, prefix: &str, delimiter: &str) -> Vec<String> {
    let mut items = Vec::new();
    for key in keys.iter().filter(|key| key.starts_with(prefix)) {
        let group = (!delimiter.is_empty())
            .then(|| key[prefix.len()..].find(delimiter))
            .flatten()
            .map(|at| format!("{}*", &key[..prefix.len() + at + delimiter.len()]));
        let item = group.unwrap_or_else(|| key.clone());
        if items.last() != Some(&item) {
            items.push(item);
        }
    }
    items
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_listing_in_pages_of_any_size_is_what_a_sorted_set_gives(
        keys in prop::collection::btree_set("[a-b/é]{1,5}", 0..20),
        requests in prop::collection::vec(("[a-b/é]{0,3}", "(|/|b|//|é)", 1..5usize), 6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new().await;
            fill(&bench.objects, keys.iter().map(String::as_str)).await;
            for (prefix, delimiter, limit) in requests {
                let listed = pages(&bench.objects, request(&prefix, &delimiter, limit)).await;
                assert_eq!(listed, expected(&keys, &prefix, &delimiter), "{prefix:?} {delimiter:?} {limit}");
            }
        });
    }
}
