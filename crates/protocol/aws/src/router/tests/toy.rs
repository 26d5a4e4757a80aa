//! Two small services, one per protocol, with everything a handler can do.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::model::{
    ANY, ErrorModel, INTEGER, Member, OperationModel, Protocol, RefusedField, RefusedOperation, STRING,
    Schema, ServiceModel, TIMESTAMP,
};
use crate::{
    ApiError, AwsTimestamp, Blob, Caller, Codec, Context, Event, Operation, Service, operation,
    raw_operation, stream_operation,
};

pub(super) struct Toy {
    caller: Caller,
    last: Mutex<Option<Context>>,
    pub waiting: Notify,
    pub go_on: Notify,
    pub done: Notify,
}

impl Toy {
    pub fn new(caller: Caller) -> Toy {
        Toy {
            caller,
            last: Mutex::new(None),
            waiting: Notify::new(),
            go_on: Notify::new(),
            done: Notify::new(),
        }
    }

    pub fn last_context(&self) -> Context {
        self.last.lock().clone().expect("a handler has run")
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Echo {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Blob>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<AwsTimestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<i32>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Length {
    length: usize,
}

async fn echo(ctx: Context, toy: Arc<Toy>, input: Echo) -> Result<Echo, ApiError> {
    *toy.last.lock() = Some(ctx);
    Ok(input)
}

async fn forward(ctx: Context, toy: Arc<Toy>, input: Echo) -> Result<Echo, ApiError> {
    let input = serde_json::to_value(&input).map_err(ApiError::internal)?;
    let answer = toy.caller.call(&ctx, "toy", "Echo", input).await?;
    serde_json::from_value(answer).map_err(ApiError::internal)
}

async fn raw(_: Context, _: Arc<Toy>, body: Bytes, codec: Codec) -> Result<Bytes, ApiError> {
    codec.decode::<Echo>(&body)?;
    codec.encode(&Length { length: body.len() })
}

async fn panic(_: Context, _: Arc<Toy>, _: serde_json::Value) -> Result<(), ApiError> {
    panic!("on purpose");
}

async fn fail(_: Context, _: Arc<Toy>, input: Echo) -> Result<(), ApiError> {
    match input.name.as_str() {
        "ours" => Err(ApiError::internal("the secret cause")),
        name => {
            Err(ApiError::new("ResourceNotFoundException", 400, format!("no {name}")).with_field("Extra", 7))
        }
    }
}

async fn wait(_: Context, toy: Arc<Toy>, _: serde_json::Value) -> Result<(), ApiError> {
    toy.waiting.notify_one();
    toy.go_on.notified().await;
    toy.done.notify_one();
    Ok(())
}

/// Three of the union's events, then what the name asks for.
async fn stream(
    _: Context,
    toy: Arc<Toy>,
    input: Echo,
) -> Result<impl Stream<Item = Result<Note, ApiError>>, ApiError> {
    if input.name == "refused" {
        return Err(ApiError::sender("ResourceNotFoundException", "there is no stream"));
    }
    let gone = Gone(toy.clone());
    let note = |count| Ok(Note { count, data: input.data.clone().unwrap_or_default() });
    let first = futures::stream::iter([note(1), note(2), note(3)]);
    let last: BoxStream<'static, Result<Note, ApiError>> = match input.name.as_str() {
        "for ever" => futures::stream::unfold(4, move |count| {
            let toy = gone.0.clone();
            let _held = &gone;
            async move {
                toy.waiting.notify_one();
                toy.go_on.notified().await;
                Some((Ok(Note { count, data: Blob::default() }), count + 1))
            }
        })
        .boxed(),
        "modelled" => failing(ApiError::sender("NoteException", "no more").with_field("Extra", 7)),
        "ours" => failing(ApiError::internal("the secret cause")),
        "panic" => futures::stream::poll_fn(|_| panic!("on purpose")).boxed(),
        _ => futures::stream::empty().boxed(),
    };
    Ok(first.chain(last))
}

fn failing(error: ApiError) -> BoxStream<'static, Result<Note, ApiError>> {
    // What follows an error is never asked for.
    futures::stream::iter([Err(error)]).chain(futures::stream::poll_fn(|_| panic!("polled again"))).boxed()
}

/// Tells when the stream that holds it is dropped.
struct Gone(Arc<Toy>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.done.notify_one();
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Note {
    count: u32,
    data: Blob,
}

impl Event for Note {
    const EXCEPTIONS: &'static [&'static str] = &["NoteException"];

    fn name(&self) -> &'static str {
        "Note"
    }

    fn write(&self, codec: &Codec, out: &mut Vec<u8>) -> Result<(), ApiError> {
        codec.encode_into(self, out)
    }
}

pub(super) fn operations() -> Vec<Operation<Toy>> {
    vec![
        operation(&ECHO, echo),
        operation(&FORWARD, forward),
        raw_operation(&RAW, raw),
        operation(&PANIC, panic),
        operation(&FAIL, fail),
        operation(&WAIT, wait),
        stream_operation(&STREAM, stream),
    ]
}

pub(super) fn service(toy: Arc<Toy>) -> Service {
    Service::new(&SERVICE, toy, operations()).with_body_limit(1 << 20)
}

pub(super) fn query_service(toy: Arc<Toy>) -> Service {
    Service::new(&QUERY_SERVICE, toy, vec![operation(&ECHO, echo), operation(&FAIL, fail)])
}

pub(super) fn all_service(toy: Arc<Toy>) -> Service {
    Service::new(&ALL_SERVICE, toy, vec![operation(&ECHO, echo), operation(&FAIL, fail)])
}

static BLOB: Schema = Schema::blob();
static NAME: Schema = Schema::string().sized(Some(1), Some(8));
static MEMBERS: Schema = Schema::structure(
    "Echo",
    &[
        Member::required("Name", &NAME),
        Member::new("Data", &BLOB),
        Member::new("Since", &TIMESTAMP),
        Member::new("Count", &INTEGER),
        Member::new("Fancy", &ANY),
    ],
);
static NOTHING: Schema = Schema::structure("Nothing", &[]);
static LENGTH: Schema =
    Schema::structure("Length", &[Member::new("Length", &INTEGER), Member::new("Unused", &STRING)]);

const fn model(name: &'static str, input: &'static Schema, output: &'static Schema) -> OperationModel {
    OperationModel {
        name,
        method: "POST",
        uri: "/",
        input,
        output,
        result_wrapper: "EchoResult",
        errors: &[],
        idempotency_token: None,
        refused_fields: &[RefusedField { path: &["Fancy"], reason: "it is not plain" }],
    }
}

static ECHO: OperationModel = model("Echo", &MEMBERS, &MEMBERS);
static FORWARD: OperationModel = model("Forward", &MEMBERS, &MEMBERS);
static RAW: OperationModel = model("Raw", &MEMBERS, &LENGTH);
static PANIC: OperationModel = model("Panic", &NOTHING, &NOTHING);
static FAIL: OperationModel = model("Fail", &MEMBERS, &NOTHING);
static WAIT: OperationModel = model("Wait", &NOTHING, &NOTHING);
static STREAM: OperationModel = model("Stream", &MEMBERS, &NOTHING);

pub(super) static SERVICE: ServiceModel = ServiceModel {
    name: "toy",
    signing_name: "toy",
    full_name: "Toy Service",
    protocol: Protocol::Json11,
    target_prefix: "Toy_20260101",
    api_version: "2026-01-01",
    xml_namespace: "",
    constraint_error: "ValidationException",
    unsupported_field_error: "InvalidArgumentException",
    operations: &[&ECHO, &FORWARD, &RAW, &PANIC, &FAIL, &WAIT, &STREAM],
    refused: &[RefusedOperation { name: "Explode", reason: "toys must not" }],
    errors: &[],
};

static QUERY_SERVICE: ServiceModel = ServiceModel {
    name: "toyq",
    signing_name: "toyq",
    full_name: "Toy Query Service",
    protocol: Protocol::Query,
    target_prefix: "",
    api_version: "2026-01-01",
    xml_namespace: "urn:toyq",
    constraint_error: "ValidationError",
    unsupported_field_error: "ValidationError",
    operations: &[&ECHO, &FAIL],
    refused: &[RefusedOperation { name: "Explode", reason: "toys must not" }],
    errors: &[],
};

/// One that speaks every protocol.
static ALL_SERVICE: ServiceModel = ServiceModel {
    name: "toyall",
    signing_name: "toyall",
    full_name: "Toy Service of All Protocols",
    protocol: Protocol::RpcV2Cbor,
    target_prefix: "ToyAll",
    api_version: "2026-01-01",
    xml_namespace: "urn:toyall",
    constraint_error: "ValidationError",
    unsupported_field_error: "ValidationError",
    operations: &[&ECHO, &FAIL],
    refused: &[],
    errors: &[ErrorModel { name: "ResourceNotFoundException", code: "ResourceNotFound", status: 400 }],
};
