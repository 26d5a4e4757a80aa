//! What a function's answers and failures come to.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::operators::{Marker, transform};
use super::rig::*;
use crate::{FlowError, FlowSettings, FlowSpec, FlowStatus, FunctionError, Functions, Operator, Transform};

/// Answers what the test says, whatever it is asked; `$0`, `$1` stand for the ids it was asked for.
struct Parrot(&'static str);

impl Functions for Parrot {
    fn invoke(&self, _function: String, payload: Bytes) -> BoxFuture<'_, Result<Bytes, FunctionError>> {
        let request: Value = serde_json::from_slice(&payload).unwrap();
        let mut answer = self.0.to_owned();
        for (index, record) in request["records"].as_array().unwrap().iter().enumerate() {
            answer = answer.replace(&format!("${index}"), record["recordId"].as_str().unwrap());
        }
        Box::pin(async move { Ok(answer.into()) })
    }
}

fn spec(transform: Transform) -> FlowSpec {
    let mut spec = raw_spec();
    spec.sink.error_prefix = "errors/!{firehose:error-output-type}/".to_owned();
    spec.operators = vec![Operator::Transform(transform)];
    spec
}

async fn delivered(functions: Arc<dyn Functions>, transform: Transform, ids: &[i64]) -> (Rig, FlowStatus) {
    let rig = Rig::with_functions(FlowSettings::default(), functions).await;
    rig.topic(1).await;
    rig.put(0, ids.iter().map(|id| json(*id))).await;
    rig.flow.create(&id(), &spec(transform)).await.unwrap();
    let clock = rig.clock.clone();
    let rt = rig.rt.clone();
    // The pauses between attempts are waited for on the test's clock.
    let ticking = rt.spawn("ticking", async move {
        loop {
            clock.advance(std::time::Duration::from_secs(1));
            rt::Rt::system().sleep(std::time::Duration::from_millis(5)).await;
        }
    });
    let status = rig.until(|status| status.ledger.taken_records == ids.len() as u64).await;
    ticking.abort();
    assert!(status.ledger.balances(), "{status:?}");
    (rig, status)
}

async fn reasons(rig: &Rig) -> Vec<String> {
    let lines = rig.error_lines().await;
    lines.iter().map(|line| line["reason"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_function_changes_drops_and_refuses_records() {
    let marker = Marker { failures: AtomicU32::new(0) };
    let (rig, status) = delivered(Arc::new(marker), transform(), &[1, 11, 13, 2]).await;
    let ledger = &status.ledger;
    assert_eq!((ledger.delivered_records, ledger.dropped_records, ledger.rejected_records), (2, 1, 1));
    let text = rig.objects("events/").await.into_values().next().unwrap();
    let first: Value = serde_json::from_slice(text.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    assert_eq!(first, json!({ "id": 1, "name": "n1", "seen": true }));
    assert_eq!(reasons(&rig).await, ["ProcessingFailed status set for record"]);
}

#[tokio::test]
async fn a_call_that_fails_is_made_again_and_its_records_are_rejected_in_the_end() {
    let marker = || Arc::new(Marker { failures: AtomicU32::new(2) });
    let (_, status) = delivered(marker(), transform(), &[1, 2]).await;
    assert_eq!(status.ledger.delivered_records, 2);
    let (rig, status) = delivered(marker(), Transform { retries: 1, ..transform() }, &[1, 2]).await;
    assert_eq!(status.ledger.rejected_records, 2);
    assert_eq!(reasons(&rig).await, ["the function failed: not yet"; 2]);
}

#[tokio::test]
async fn an_answer_that_is_none_fails_every_record_of_the_request() {
    for (answer, reason) in [
        ("{", "the function's answer cannot be read"),
        ("{}", "the function's answer cannot be read"),
        (r#"{"records":[{"recordId":"$0","result":"Dropped"}]}"#, "leaves out the record id"),
        (
            r#"{"records":[{"recordId":"$0","result":"Dropped"},{"recordId":"$0","result":"Dropped"}]}"#,
            "has a record id twice",
        ),
    ] {
        let (rig, status) = delivered(Arc::new(Parrot(answer)), transform(), &[1, 2]).await;
        assert_eq!(status.ledger.rejected_records, 2, "{answer}");
        assert!(reasons(&rig).await.iter().all(|told| told.contains(reason)), "{answer}");
    }
}

#[tokio::test]
async fn a_result_that_is_none_fails_its_record_alone() {
    let answer = r#"{"records":[{"recordId":"$1","result":"Ok","data":"b25l"},
        {"recordId":"$0","result":"Perhaps"},{"recordId":"$2","result":"Ok","data":"?"}]}"#;
    let (rig, status) = delivered(Arc::new(Parrot(answer)), transform(), &[1, 2, 3]).await;
    assert_eq!((status.ledger.delivered_records, status.ledger.rejected_records), (1, 2));
    let reasons = reasons(&rig).await;
    assert!(
        reasons[0].contains("\"Perhaps\" is none of") && reasons[1].contains("not base64"),
        "{reasons:?}"
    );
}

#[tokio::test]
async fn keys_of_a_function_need_a_function() {
    let rig = Rig::new().await;
    rig.topic(1).await;
    let mut spec = raw_spec();
    spec.sink.prefix = "events/!{partitionKeyFromLambda:shelf}/".to_owned();
    let refused = rig.flow.create(&id(), &spec).await.unwrap_err();
    assert!(matches!(refused, FlowError::Spec(crate::SpecError::NotPartitioned)), "{refused}");
    spec.partitioning = Some(crate::Partitioning::default());
    let refused = rig.flow.create(&id(), &spec).await.unwrap_err();
    assert!(matches!(refused, FlowError::Spec(crate::SpecError::NoSuchKey(_))), "{refused}");
}
