//! Deliveries to places outside, one of which lives in this process.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::rig::*;
use crate::failpoints::at;
use crate::{
    Action, Answer, Cause, Encode, FlowId, FlowSpec, Outlet, Phase, Request, RequestEncode, Trouble,
};

/// Takes every request, unless it has been told what to answer next.
#[derive(Default)]
struct Place {
    seen: Mutex<Vec<Request>>,
    taken: Mutex<BTreeMap<String, Vec<Bytes>>>,
    answers: Mutex<VecDeque<Answer>>,
    /// Never answers.
    silent: bool,
}

impl Outlet for Place {
    fn deliver(&self, target: Value, request: Request) -> BoxFuture<'_, Answer> {
        assert_eq!(target, json!({ "place": 1 }));
        self.seen.lock().push(request.clone());
        if self.silent {
            return std::future::pending().boxed();
        }
        let known = self.taken.lock().contains_key(&request.id);
        let answer = if known { None } else { self.answers.lock().pop_front() };
        let answer = answer.unwrap_or(Answer::Accepted);
        if answer == Answer::Accepted {
            self.taken.lock().insert(request.id, request.records);
        }
        std::future::ready(answer).boxed()
    }
}

impl Place {
    fn answering(answers: impl IntoIterator<Item = Answer>) -> Arc<Place> {
        Arc::new(Place { answers: Mutex::new(answers.into_iter().collect()), ..Place::default() })
    }

    fn records(&self) -> Vec<String> {
        let taken = self.taken.lock();
        let mut records: Vec<String> =
            taken.values().flatten().map(|data| String::from_utf8_lossy(data).into_owned()).collect();
        records.sort_unstable();
        records
    }
}

fn later() -> Answer {
    Answer::TryAgain(Trouble::new("Place.Busy", "the place is busy"))
}

fn never() -> Answer {
    Answer::Refused(Trouble::new("Place.TooLarge", "the place has no room"))
}

fn spec() -> FlowSpec {
    let encode = RequestEncode {
        target: json!({ "place": 1 }),
        delimiter: None,
        request_bytes: 64 << 20,
        retry: Duration::from_secs(60),
        failure: Cause::Endpoint,
    };
    FlowSpec { encode: Encode::Requests(Box::new(encode)), ..raw_spec() }
}

fn with(change: impl FnOnce(&mut RequestEncode)) -> FlowSpec {
    let mut spec = spec();
    if let Encode::Requests(encode) = &mut spec.encode {
        change(encode);
    }
    spec
}

async fn rig(place: &Arc<Place>) -> Rig {
    let rig = Rig::new().await;
    let _same = rig.flow.clone().with_outlet(place.clone());
    rig.topic(1).await;
    rig
}

async fn restart(rig: &mut Rig, place: &Arc<Place>) {
    rig.restart().await;
    let _same = rig.flow.clone().with_outlet(place.clone());
}

fn numbered(range: std::ops::Range<u32>) -> Vec<Bytes> {
    range.map(|n| Bytes::from(format!("{n:05}"))).collect()
}

fn names(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|n| format!("{n:05}")).collect()
}

/// The data in the lines of the error output.
async fn rejected(rig: &Rig) -> Vec<String> {
    let mut rejected = Vec::new();
    for line in rig.error_lines().await {
        let data = base64_simd::STANDARD.decode_to_vec(line["data"].as_str().unwrap()).unwrap();
        rejected.push(String::from_utf8(data).unwrap());
    }
    rejected.sort_unstable();
    rejected
}

#[tokio::test]
async fn records_go_out_in_order_in_requests_that_end_at_the_limit() {
    let place = Place::answering([]);
    let rig = rig(&place).await;
    rig.put(0, numbered(0..10)).await;
    // Eight bytes of base64 and twelve beside them, four times.
    let spec = with(|encode| {
        encode.request_bytes = 80;
        encode.delimiter = Some("\n".to_owned());
    });
    rig.flow.create(&id(), &spec).await.unwrap();
    let status = rig.until_settled(10).await;
    assert_eq!((status.ledger.delivered_records, status.ledger.delivered_bytes), (10, 50));
    let seen = place.seen.lock();
    let sizes: Vec<usize> = seen.iter().map(|request| request.records.len()).collect();
    assert_eq!(sizes, [4, 4, 2]);
    let sent: Vec<Bytes> = seen.iter().flat_map(|request| request.records.clone()).collect();
    let expected: Vec<Bytes> = names(0..10).iter().map(|name| Bytes::from(format!("{name}\n"))).collect();
    assert_eq!(sent, expected);
    assert_eq!(place.taken.lock().len(), 3);
}

#[tokio::test]
async fn a_crash_after_a_request_was_taken_repeats_it_with_its_id_and_its_records() {
    for nth in 1..=3 {
        let place = Place::answering([]);
        let mut rig = rig(&place).await;
        rig.put(0, numbered(0..10)).await;
        rig.failpoints.arm(at::AFTER_REQUEST, nth, Action::Crash);
        rig.flow.create(&id(), &with(|encode| encode.request_bytes = 80)).await.unwrap();
        rig.failpoints.hit().await;
        // What comes after the plan is not in its requests, whatever time it is.
        rig.put(0, numbered(10..12)).await;
        rig.clock.advance(Duration::from_secs(5));
        restart(&mut rig, &place).await;
        let status = rig.until_settled(12).await;
        assert_eq!(place.records(), names(0..12));
        let seen = place.seen.lock().clone();
        for request in &seen {
            let first = seen.iter().find(|before| before.id == request.id).unwrap();
            assert_eq!(request, first);
        }
        let again = seen.len() - place.taken.lock().len();
        assert!(again >= nth as usize, "{again} of {} requests came again", seen.len());
        assert_eq!((status.ledger.delivered_records, status.ledger.rejected_records), (12, 0));
    }
}

#[tokio::test]
async fn a_request_that_is_not_taken_is_tried_again_and_the_ones_before_it_are_not() {
    let place = Place::answering([Answer::Accepted, later(), later(), Answer::Accepted]);
    let rig = rig(&place).await;
    rig.put(0, numbered(0..8)).await;
    rig.flow.create(&id(), &with(|encode| encode.request_bytes = 80)).await.unwrap();
    let told = rig.until(|status| status.phase == Phase::Retrying).await;
    assert_eq!(told.last_error.as_deref(), Some("a request was not taken: Place.Busy: the place is busy"));
    let status = rig.until_settled(8).await;
    assert_eq!((status.ledger.delivered_records, status.failures), (8, 2));
    let seen = place.seen.lock();
    assert_eq!(seen.len(), 4);
    assert_ne!(seen[0].id, seen[1].id);
    assert!(seen[1..].iter().all(|request| *request == seen[1]));
}

#[tokio::test]
async fn a_place_that_moved_is_found_as_soon_as_the_settings_say_where() {
    let place = Arc::new(Place { answers: Mutex::new(vec![later(); 3].into()), ..Place::default() });
    let rig = rig(&place).await;
    rig.put(0, numbered(0..3)).await;
    rig.flow.create(&id(), &spec()).await.unwrap();
    rig.until(|status| status.phase == Phase::Retrying).await;
    rig.flow.update(&id(), &with(|encode| encode.retry = Duration::ZERO)).await.unwrap();
    // The time to try is over at once, by the settings of now.
    let status = rig.until_settled(3).await;
    assert_eq!((status.ledger.rejected_records, status.ledger.delivered_records), (3, 0));
}

#[tokio::test]
async fn records_that_are_not_taken_in_time_go_to_the_error_output_and_the_next_ones_go_out() {
    let place = Arc::new(Place { answers: Mutex::new(vec![later(); 40].into()), ..Place::default() });
    let rig = rig(&place).await;
    let mut spec = with(|encode| encode.retry = Duration::from_secs(3));
    spec.sink.error_prefix = "errors/!{firehose:error-output-type}/".to_owned();
    spec.sink.errors = crate::ErrorShape::new([
        ("code", crate::ErrorValue::Code),
        ("why", crate::ErrorValue::Reason),
        ("tries", crate::ErrorValue::Attempts),
        ("data", crate::ErrorValue::Data),
    ]);
    rig.flow.create(&id(), &spec).await.unwrap();
    rig.put(0, numbered(0..5)).await;
    let status = rig.until_settled(5).await;
    assert_eq!((status.ledger.delivered_records, status.ledger.rejected_records), (0, 5));
    assert_eq!(rejected(&rig).await, names(0..5));
    let line = &rig.error_lines().await[0];
    assert_eq!(
        (line["code"].as_str(), line["why"].as_str()),
        (Some("Place.Busy"), Some("the place is busy"))
    );
    assert_eq!(line["tries"].as_u64(), Some(place.seen.lock().len() as u64));
    assert_eq!(rig.objects("errors/http-endpoint-failed/").await.len(), 1);
    place.answers.lock().clear();
    rig.put(0, numbered(5..9)).await;
    rig.until_settled(9).await;
    assert_eq!(place.records(), names(5..9));
}

#[tokio::test]
async fn a_request_that_will_never_be_taken_is_not_tried_again() {
    let place = Place::answering([never()]);
    let rig = rig(&place).await;
    rig.put(0, numbered(0..8)).await;
    rig.flow.create(&id(), &with(|encode| encode.request_bytes = 80)).await.unwrap();
    let status = rig.until_settled(8).await;
    assert_eq!((status.ledger.delivered_records, status.ledger.rejected_records), (4, 4));
    assert_eq!((rejected(&rig).await, place.records()), (names(0..4), names(4..8)));
    assert_eq!((place.seen.lock().len(), status.failures), (2, 0));
}

#[tokio::test]
async fn a_place_that_is_silent_keeps_nobody_else_from_delivering() {
    let place = Arc::new(Place { silent: true, ..Place::default() });
    let rig = rig(&place).await;
    rig.put(0, numbered(0..3)).await;
    for name in ["a", "b", "c", "d"] {
        rig.flow.create(&FlowId::new(scope(), name), &spec()).await.unwrap();
    }
    rig.flow.create(&id(), &raw_spec()).await.unwrap();
    assert_eq!(rig.until_settled(3).await.ledger.delivered_records, 3);
}

#[tokio::test]
async fn operators_and_a_backup_of_the_source_come_before_requests() {
    let place = Place::answering([]);
    let rig = rig(&place).await;
    rig.put(0, [Bytes::from_static(b"{\"a\":1}{\"a\":2}"), Bytes::from_static(b"no json")]).await;
    let spec = FlowSpec {
        operators: vec![crate::Operator::Split(crate::Split::Json)],
        backup: Some(crate::Backup {
            bucket: BUCKET.to_owned(),
            prefix: "backup/".to_owned(),
            name: "events".to_owned(),
            suffix: String::new(),
            compression: crate::Compression::None,
            content_type: None,
        }),
        ..spec()
    };
    rig.flow.create(&id(), &spec).await.unwrap();
    let status = rig.until_settled(3).await;
    assert_eq!((status.ledger.delivered_records, status.ledger.rejected_records), (2, 1));
    assert_eq!(place.records(), ["{\"a\":1}", "{\"a\":2}"]);
    let kept: Vec<Bytes> = rig.objects("backup/").await.into_values().collect();
    assert_eq!(kept, [Bytes::from_static(b"{\"a\":1}{\"a\":2}no json")]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn any_history_of_answers_and_crashes_has_every_record_at_the_place_or_in_the_error_output_once(
        answers in proptest::collection::vec(0_u8..4, 0..30),
        crashes in proptest::collection::vec((0_u32..3, 1_u32..60), 1..5),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(history(answers, crashes));
    }
}

async fn history(answers: Vec<u8>, crashes: Vec<(u32, u32)>) {
    let answer = |answer: &u8| match answer {
        0 => Answer::Accepted,
        1 => never(),
        _ => later(),
    };
    let place = Place::answering(answers.iter().map(answer));
    let mut rig = rig(&place).await;
    let spec = with(|encode| {
        encode.request_bytes = 80;
        encode.retry = Duration::from_secs(2);
    });
    rig.flow.create(&id(), &spec).await.unwrap();
    let mut next = 0;
    for (nth, count) in crashes {
        if nth > 0 {
            rig.failpoints.arm(at::AFTER_REQUEST, nth, Action::Crash);
        }
        rig.put(0, numbered(next..next + count)).await;
        next += count;
        rt::Rt::system().timeout(Duration::from_millis(20), rig.failpoints.hit()).await;
        restart(&mut rig, &place).await;
    }
    let status = rig.until(|status| status.ledger.settled_records() >= u64::from(next)).await;
    let mut found = [place.records(), rejected(&rig).await].concat();
    found.sort_unstable();
    assert_eq!(found, names(0..next));
    let ledger = &status.ledger;
    assert_eq!(ledger.delivered_records as usize, place.records().len());
    assert!(ledger.balances());
}
