use bytes::Bytes;
use serde_json::json;

use super::world::*;
use crate::replay::{BATCH_RECORDS_MAX, Replay, ReplayError, Report, Step};

const OBJECT: &str = "errors/flights-1-2026-11-22-08-50-13-0f8fad5b-d9cb-469f-a165-70867728950e";
const MARK: &str = "errors/_replayed-flights-1-2026-11-22-08-50-13-0f8fad5b-d9cb-469f-a165-70867728950e";

fn lines(range: std::ops::Range<usize>) -> Bytes {
    let line = |n| format!("{{\"errorCode\":\"x\",\"rawData\":\"{}\"}}\n", base64(&format!("{n}\n")));
    range.map(line).collect::<String>().into()
}

fn replay(world: &World, to: Option<&str>, dry_run: bool) -> Replay {
    let (client, rt) = (world.client.clone(), world.rt.clone());
    Replay::new(client, rt, "s3://lake/errors/", to.map(str::to_owned), dry_run).unwrap()
}

/// The report, and the objects that failed with the reasons.
async fn run(replay: &Replay) -> (Report, Vec<(String, ReplayError)>) {
    let mut failed = Vec::new();
    let told = |step| {
        if let Step::Failed { key, error } = step {
            failed.push((key, error));
        }
    };
    (replay.run(told).await.unwrap(), failed)
}

async fn delivered(world: &World, records: u64) -> Vec<usize> {
    world.settled("flights", records).await;
    let contents = world.contents("delivered/").await;
    let mut numbers: Vec<usize> =
        contents.iter().flat_map(|(_, text)| text.lines()).map(|line| line.parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

async fn with_errors(records: usize) -> World {
    let world = World::start().await;
    world.create("flights", json!({ "Prefix": "delivered/", "ErrorOutputPrefix": "errors/" })).await;
    world.client.put_object("lake", OBJECT, lines(0..records)).await.unwrap();
    world
}

#[tokio::test]
async fn every_record_of_an_error_object_is_put_once_and_the_object_is_not_replayed_again() {
    let records = BATCH_RECORDS_MAX * 2 + 100;
    let world = with_errors(records).await;
    let (report, _) = run(&replay(&world, None, true)).await;
    assert_eq!((report.objects, report.records, report.dry_run), (1, records, true));
    let (report, _) = run(&replay(&world, None, false)).await;
    assert_eq!((report.objects, report.records, report.skipped, report.failed), (1, records, 0, 0));
    let (report, _) = run(&replay(&world, None, false)).await;
    assert_eq!((report.objects, report.records, report.skipped), (0, 0, 1));
    assert_eq!(delivered(&world, records as u64).await, (0..records).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_interrupted_replay_goes_on_and_repeats_only_the_batch_in_flight() {
    let records = BATCH_RECORDS_MAX + 50;
    let world = with_errors(records).await;
    // As it is after the first batch was put and before that was written down.
    let first: Vec<_> =
        (0..BATCH_RECORDS_MAX).map(|n| json!({ "Data": base64(&format!("{n}\n")) })).collect();
    world.ok("PutRecordBatch", json!({ "DeliveryStreamName": "flights", "Records": first })).await;
    let mark =
        json!({ "version": 1, "deliveryStream": "flights", "replayed": 0, "inFlight": 500, "done": false });
    world.client.put_object("lake", MARK, mark.to_string().into()).await.unwrap();
    let (report, _) = run(&replay(&world, None, false)).await;
    assert_eq!((report.records, report.repeated), (records, BATCH_RECORDS_MAX));
    // As it is after the second batch was announced and not put.
    let mut expected: Vec<usize> = (0..records).chain(0..BATCH_RECORDS_MAX).collect();
    expected.sort_unstable();
    assert_eq!(delivered(&world, (records + BATCH_RECORDS_MAX) as u64).await, expected);
}

#[tokio::test]
async fn a_replay_goes_on_behind_what_is_put_for_certain() {
    let world = with_errors(10).await;
    let mark =
        json!({ "version": 1, "deliveryStream": "flights", "replayed": 7, "inFlight": 0, "done": false });
    world.client.put_object("lake", MARK, mark.to_string().into()).await.unwrap();
    let (report, _) = run(&replay(&world, None, false)).await;
    assert_eq!((report.records, report.repeated), (3, 0));
    assert_eq!(delivered(&world, 3).await, [7, 8, 9]);
}

#[tokio::test]
async fn an_object_that_is_no_error_object_is_named_and_the_others_are_replayed() {
    let world = with_errors(3).await;
    world.client.put_object("lake", "errors/a.txt", "hello".into()).await.unwrap();
    world.client.put_object("lake", "errors/_hidden", "hello".into()).await.unwrap();
    let (report, failed) = run(&replay(&world, Some("flights"), false)).await;
    assert_eq!((report.objects, report.failed), (1, 1));
    assert!(matches!(&failed[..], [(key, ReplayError::Line { line: 1, .. })] if key == "errors/a.txt"));
    assert_eq!(delivered(&world, 3).await, [0, 1, 2]);
    let (_, failed) = run(&replay(&world, None, false)).await;
    assert!(matches!(&failed[..], [(_, ReplayError::NoStream)]));
}

#[tokio::test]
async fn a_delivery_stream_that_is_not_there_or_takes_no_puts_is_told() {
    let world = with_errors(3).await;
    let (report, failed) = run(&replay(&world, Some("nothing"), false)).await;
    assert_eq!((report.objects, report.failed), (0, 1));
    assert!(failed[0].1.to_string().contains("ResourceNotFoundException"), "{:?}", failed[0].1);
    let (report, _) = run(&replay(&world, None, false)).await;
    assert_eq!(report.records, 3);
}

#[tokio::test]
async fn a_bucket_that_is_not_there_and_a_place_that_is_none_are_told() {
    let world = World::start().await;
    let there = |place: &str| Replay::new(world.client.clone(), world.rt.clone(), place, None, false);
    assert!(matches!(there("lake/errors").err(), Some(ReplayError::Location(_))));
    let failure = there("s3://elsewhere/errors/").unwrap().run(|_| ()).await.unwrap_err();
    assert!(failure.to_string().contains("NoSuchBucket"), "{failure}");
}
