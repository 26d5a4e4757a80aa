use std::time::Duration;

use names::{AccountId, Region, Scope};
use proptest::prelude::*;
use rt::{ManualClock, Timestamp};

use super::*;
use crate::filter::PartitionFilter;
use crate::model::{Column, Database, Partition, Storage, Table};

fn scope() -> Scope {
    Scope::new(AccountId::new("000000000000").unwrap(), Region::new("us-east-1").unwrap())
}

async fn catalog() -> (Catalog, ManualClock) {
    let (rt, clock) = Rt::manual(Timestamp::from_millis(1_000), 7);
    (Catalog::new(Meta::in_memory(rt.clone()).await, rt), clock)
}

fn flights() -> Table {
    let mut table = Table::new("Air", "Flights");
    table.columns = vec![Column::new("delay", "int")];
    table.partition_keys = vec![Column::new("day", "string"), Column::new("origin", "string")];
    table.storage.location = Some("s3://lake/flights".into());
    table
}

async fn with_flights() -> (Catalog, ManualClock) {
    let (catalog, clock) = catalog().await;
    catalog.create_database(&scope(), Database::new("AIR")).await.unwrap();
    catalog.create_table(&scope(), flights()).await.unwrap();
    (catalog, clock)
}

fn partition(day: &str, origin: &str) -> Partition {
    Partition::new(vec![day.into(), origin.into()], Storage::default())
}

fn values(listing: &Listing<Partition>) -> Vec<String> {
    listing.items.iter().map(|partition| partition.values.join("/")).collect()
}

#[tokio::test]
async fn names_are_found_in_any_case_and_stored_in_lower() {
    let (catalog, _) = with_flights().await;
    assert_eq!(catalog.database(&scope(), "aIr").await.unwrap().name, "air");
    let table = catalog.table(&scope(), "AIR", "FLIGHTS").await.unwrap();
    assert_eq!((table.database.as_str(), table.name.as_str()), ("air", "flights"));
    let again = catalog.create_database(&scope(), Database::new("Air")).await;
    assert!(matches!(again, Err(CatalogError::DatabaseExists(name)) if name == "air"));
    let again = catalog.create_table(&scope(), flights()).await;
    assert!(matches!(again, Err(CatalogError::TableExists { .. })));
}

#[tokio::test]
async fn an_absent_database_is_told_apart_from_an_absent_table() {
    let (catalog, _) = with_flights().await;
    let scope = scope();
    assert!(matches!(catalog.table(&scope, "air", "x").await, Err(CatalogError::NoSuchTable { .. })));
    assert!(matches!(catalog.table(&scope, "sea", "x").await, Err(CatalogError::NoSuchDatabase(_))));
    assert!(matches!(
        catalog.create_table(&scope, Table::new("sea", "x")).await,
        Err(CatalogError::NoSuchDatabase(_))
    ));
    assert!(matches!(catalog.delete_table(&scope, "air", "x").await, Err(CatalogError::NoSuchTable { .. })));
    assert!(matches!(catalog.delete_database(&scope, "sea").await, Err(CatalogError::NoSuchDatabase(_))));
}

#[tokio::test]
async fn scopes_do_not_see_each_other() {
    let (catalog, _) = with_flights().await;
    let other = Scope::new(AccountId::new("000000000000").unwrap(), Region::new("eu-west-1").unwrap());
    assert!(matches!(catalog.database(&other, "air").await, Err(CatalogError::NoSuchDatabase(_))));
    assert!(catalog.databases(&other, &PageRequest::first(10)).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn an_update_keeps_the_creation_time_and_archives_what_it_replaces() {
    let (catalog, clock) = with_flights().await;
    let scope = scope();
    for version in 1..=3_u64 {
        clock.advance(Duration::from_millis(10));
        let mut table = flights();
        table.description = Some(format!("version {version}"));
        let archive = version != 3;
        let stored = catalog.update_table(&scope, table, None, archive).await.unwrap();
        assert_eq!(stored.version, version);
        assert_eq!(
            (stored.created.as_millis(), stored.updated.as_millis()),
            (1_000, 1_000 + 10 * version as i64)
        );
    }
    let page = PageRequest::first(2);
    let newest = catalog.table_versions(&scope, "air", "flights", &page).await.unwrap();
    assert_eq!(newest.items.iter().map(|table| table.version).collect::<Vec<_>>(), [3, 1]);
    let page = PageRequest::after(newest.next, 2);
    let rest = catalog.table_versions(&scope, "air", "flights", &page).await.unwrap();
    assert_eq!(rest.items.iter().map(|table| table.version).collect::<Vec<_>>(), [0]);
    assert_eq!(rest.next, None);
    let first = catalog.table_version(&scope, "air", "flights", 1).await.unwrap();
    assert_eq!(first.description.as_deref(), Some("version 1"));
    let gone = catalog.table_version(&scope, "air", "flights", 2).await;
    assert!(matches!(gone, Err(CatalogError::NoSuchVersion { version: 2, .. })), "it was not archived");
    let current = catalog.delete_table_version(&scope, "air", "flights", 3).await;
    assert!(matches!(current, Err(CatalogError::CurrentVersion { .. })));
    catalog.delete_table_version(&scope, "air", "flights", 1).await.unwrap();
    assert!(matches!(
        catalog.delete_table_version(&scope, "air", "flights", 1).await,
        Err(CatalogError::NoSuchVersion { .. })
    ));
}

#[tokio::test]
async fn an_update_based_on_an_old_version_is_refused_and_changes_nothing() {
    let (catalog, _) = with_flights().await;
    let scope = scope();
    catalog.update_table(&scope, flights(), Some(0), true).await.unwrap();
    let mut late = flights();
    late.owner = Some("late".into());
    let conflict = catalog.update_table(&scope, late, Some(0), true).await;
    assert!(matches!(conflict, Err(CatalogError::VersionConflict { .. })));
    assert_eq!(catalog.table(&scope, "air", "flights").await.unwrap().owner, None);
}

#[tokio::test]
async fn of_many_updates_over_one_version_exactly_one_happens() {
    // On disk, where all of them read before the first commits.
    let dir = tempfile::tempdir().unwrap();
    let (rt, _clock) = Rt::manual(Timestamp::from_millis(1_000), 7);
    let catalog = Catalog::new(Meta::open(&dir.path().join("meta"), rt.clone()).await.unwrap(), rt);
    let scope = scope();
    catalog.create_database(&scope, Database::new("air")).await.unwrap();
    catalog.create_table(&scope, flights()).await.unwrap();
    let updates = (0..8).map(|_| catalog.update_table(&scope, flights(), Some(0), true));
    let outcomes = futures::future::join_all(updates).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let updates = (0..8).map(|_| catalog.update_table(&scope, flights(), None, true));
    let outcomes = futures::future::join_all(updates).await;
    assert!(outcomes.iter().all(Result::is_ok), "without a condition all happen, one after the other");
    assert_eq!(catalog.table(&scope, "air", "flights").await.unwrap().version, 9);
}

#[tokio::test]
async fn deleting_a_database_deletes_what_is_in_it() {
    let (catalog, _) = with_flights().await;
    let scope = scope();
    catalog.create_database(&scope, Database::new("airport")).await.unwrap();
    catalog.create_partition(&scope, "air", "flights", partition("1", "ICN")).await.unwrap();
    catalog.update_table(&scope, flights(), None, true).await.unwrap();
    catalog.delete_database(&scope, "air").await.unwrap();
    catalog.create_database(&scope, Database::new("air")).await.unwrap();
    assert!(catalog.tables(&scope, "air", &PageRequest::first(10)).await.unwrap().items.is_empty());
    catalog.create_table(&scope, flights()).await.unwrap();
    let page = PageRequest::first(10);
    assert!(catalog.partitions(&scope, "air", "flights", None, &page).await.unwrap().items.is_empty());
    assert_eq!(catalog.table_versions(&scope, "air", "flights", &page).await.unwrap().items.len(), 1);
    assert!(catalog.database(&scope, "airport").await.is_ok());
}

#[tokio::test]
async fn listings_page_in_name_order_without_gaps_or_repeats() {
    let (catalog, _) = catalog().await;
    let scope = scope();
    for name in ["c", "a", "e", "b", "d"] {
        catalog.create_database(&scope, Database::new(name)).await.unwrap();
    }
    let mut names = Vec::new();
    let mut page = PageRequest::first(2);
    loop {
        let listing = catalog.databases(&scope, &page).await.unwrap();
        names.extend(listing.items.into_iter().map(|database| database.name));
        match listing.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn a_batch_of_partitions_reports_on_each() {
    let (catalog, _) = with_flights().await;
    let scope = scope();
    catalog.create_partition(&scope, "air", "flights", partition("1", "ICN")).await.unwrap();
    let batch = vec![
        partition("1", "ICN"),
        partition("1", "GMP"),
        partition("1", "GMP"),
        Partition::new(vec!["1".into()], Storage::default()),
    ];
    let outcomes = catalog.create_partitions(&scope, "air", "flights", batch).await.unwrap();
    assert!(matches!(outcomes[0], Err(CatalogError::PartitionExists { .. })));
    assert!(outcomes[1].is_ok());
    assert!(matches!(outcomes[2], Err(CatalogError::PartitionExists { .. })));
    assert!(matches!(outcomes[3], Err(CatalogError::Invalid { field: "values", .. })));
    let again = vec![partition("1", "GMP"), partition("2", "GMP")];
    assert_eq!(catalog.add_partitions_if_absent(&scope, "air", "flights", again).await.unwrap(), 1);
    let outcomes = catalog
        .delete_partitions(
            &scope,
            "air",
            "flights",
            &[vec!["2".into(), "GMP".into()], vec!["9".into(), "x".into()]],
        )
        .await
        .unwrap();
    assert!(outcomes[0].is_ok() && matches!(outcomes[1], Err(CatalogError::NoSuchPartition { .. })));
    let at = [vec!["1".into(), "GMP".into()], vec!["2".into(), "GMP".into()]];
    let found = catalog.partitions_at(&scope, "air", "flights", &at).await.unwrap();
    assert!(found[0].is_some() && found[1].is_none());
}

#[tokio::test]
async fn a_partition_can_be_changed_and_moved_but_not_onto_another() {
    let (catalog, clock) = with_flights().await;
    let scope = scope();
    let of = |day: &str| vec![day.to_owned(), "ICN".to_owned()];
    for day in ["1", "2"] {
        catalog.create_partition(&scope, "air", "flights", partition(day, "ICN")).await.unwrap();
    }
    clock.advance(Duration::from_secs(1));
    let mut changed = partition("1", "ICN");
    changed.parameters.insert("rows".into(), "5".into());
    catalog.update_partition(&scope, "air", "flights", &of("1"), changed.clone()).await.unwrap();
    let found = catalog.partition(&scope, "air", "flights", &of("1")).await.unwrap();
    assert_eq!((found.created.as_millis(), found.parameters["rows"].as_str()), (1_000, "5"));
    changed.values = of("2");
    let onto = catalog.update_partition(&scope, "air", "flights", &of("1"), changed.clone()).await;
    assert!(matches!(onto, Err(CatalogError::PartitionExists { .. })));
    changed.values = of("3");
    catalog.update_partition(&scope, "air", "flights", &of("1"), changed).await.unwrap();
    let all = catalog.partitions(&scope, "air", "flights", None, &PageRequest::first(9)).await.unwrap();
    assert_eq!(values(&all), ["2/ICN", "3/ICN"]);
}

#[tokio::test]
async fn partitions_of_a_table_whose_name_begins_another_stay_apart() {
    let (catalog, _) = with_flights().await;
    let scope = scope();
    let mut other = flights();
    other.name = "flights2".into();
    catalog.create_table(&scope, other).await.unwrap();
    catalog.create_partition(&scope, "air", "flights", partition("1", "ICN")).await.unwrap();
    catalog.create_partition(&scope, "air", "flights2", partition("2", "ICN")).await.unwrap();
    let keys = flights().partition_keys;
    let from = PartitionFilter::parse("day >= '1'", &keys).unwrap();
    for filter in [None, Some(&from)] {
        let listing =
            catalog.partitions(&scope, "air", "flights", filter, &PageRequest::first(9)).await.unwrap();
        assert_eq!(values(&listing), ["1/ICN"]);
    }
}

#[tokio::test]
async fn attachments_go_with_their_owner() {
    let (catalog, _) = with_flights().await;
    let scope = scope();
    let at = ["1".to_owned(), "ICN".to_owned()];
    let database = Owner::Database("Air");
    let table = Owner::Table { database: "air", table: "Flights" };
    let partition_owner = Owner::Partition { database: "air", table: "flights", values: &at };
    let note = [("a".to_owned(), serde_json::json!({"x": 1})), ("b".to_owned(), serde_json::json!(2))];
    let absent = catalog.attach(&scope, partition_owner, "k", &note).await;
    assert!(matches!(absent, Err(CatalogError::NoSuchPartition { .. })));
    catalog.create_partition(&scope, "air", "flights", partition("1", "ICN")).await.unwrap();
    for owner in [database, table, partition_owner] {
        catalog.attach(&scope, owner, "k", &note).await.unwrap();
        assert_eq!(catalog.attached(&scope, owner, "k").await.unwrap(), note);
        assert_eq!(catalog.attached(&scope, owner, "other").await.unwrap(), []);
        assert!(catalog.detach(&scope, owner, "k", "a").await.unwrap());
        assert!(!catalog.detach(&scope, owner, "k", "a").await.unwrap());
    }
    catalog.delete_partition(&scope, "air", "flights", &at).await.unwrap();
    catalog.create_partition(&scope, "air", "flights", partition("1", "ICN")).await.unwrap();
    assert_eq!(catalog.attached(&scope, partition_owner, "k").await.unwrap(), []);
    catalog.delete_table(&scope, "air", "flights").await.unwrap();
    catalog.create_table(&scope, flights()).await.unwrap();
    assert_eq!(catalog.attached(&scope, table, "k").await.unwrap(), []);
    assert_eq!(catalog.attached(&scope, database, "k").await.unwrap(), note[1..]);
    catalog.delete_database(&scope, "air").await.unwrap();
    catalog.create_database(&scope, Database::new("air")).await.unwrap();
    assert_eq!(catalog.attached(&scope, database, "k").await.unwrap(), []);
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Ranges, paging and filtering together find what filtering everything finds.
    #[test]
    fn a_filtered_paged_listing_finds_exactly_the_matches(
        places in proptest::collection::btree_set(("[ab%/]{1,2}", "[xy\u{0}]{1,2}"), 0..40),
        expression in prop_oneof![
            Just("day = 'a'".to_owned()),
            Just("day IN ('a', 'ab', 'b') AND origin > 'x'".to_owned()),
            Just("day >= 'a%' AND day < 'b'".to_owned()),
            Just("day = 'b' AND origin <= 'x'".to_owned()),
            Just("day <= 'a'".to_owned()),
            Just("day BETWEEN 'a' AND 'ab' AND origin = 'y'".to_owned()),
            Just("day = 'a' OR origin = 'y'".to_owned()),
            Just("day LIKE 'a%'".to_owned()),
            Just("NOT day = 'a'".to_owned()),
        ],
        limit in 1..5_usize,
    ) {
        runtime().block_on(async {
            let (catalog, _) = with_flights().await;
            let scope = scope();
            let all: Vec<Partition> = places.iter().map(|(day, origin)| partition(day, origin)).collect();
            catalog.add_partitions_if_absent(&scope, "air", "flights", all.clone()).await.unwrap();
            let filter = PartitionFilter::parse(&expression, &flights().partition_keys).unwrap();
            let wanted: Vec<String> =
                all.iter().filter(|one| filter.matches(&one.values)).map(|one| one.values.join("/")).collect();
            let mut found = Vec::new();
            let mut page = PageRequest::first(limit);
            loop {
                let listing = catalog.partitions(&scope, "air", "flights", Some(&filter), &page).await.unwrap();
                assert!(listing.items.len() <= limit);
                found.extend(values(&listing));
                match listing.next {
                    Some(next) => page.after = Some(next),
                    None => break,
                }
            }
            assert_eq!(found, wanted);
        });
    }
}
