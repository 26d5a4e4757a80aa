use std::future::{Future, ready};
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::codec::{Codec, Format};
use crate::event_stream::{Event, Events, frame};
use crate::model::{OperationModel, ServiceModel};
use crate::{ApiError, Context};

/// A built operation of a service whose state is `S`: its model and its handler.
pub struct Operation<S> {
    pub(crate) model: &'static OperationModel,
    pub(crate) run: Box<Run<S>>,
}

type Answer = BoxFuture<'static, Result<Payload, ApiError>>;

type Run<S> = dyn Fn(Context, Arc<S>, Codec, Payload) -> Answer + Send + Sync;

/// The same with the service's state built in.
type BoundRun = dyn Fn(Context, Codec, Payload) -> Answer + Send + Sync;

/// What goes into a handler and comes out again: bytes over HTTP, values in process.
pub(crate) enum Payload {
    Wire(Bytes),
    Value(Value),
    /// Comes out only, and only over HTTP.
    Events(Events),
}

/// An operation with a typed handler: the input is decoded and completely checked before `handle`
/// runs, the output is encoded after.
pub fn operation<S, I, O, H, F>(model: &'static OperationModel, handle: H) -> Operation<S>
where
    S: Send + Sync + 'static,
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
    H: Fn(Context, Arc<S>, I) -> F + Send + Sync + 'static,
    F: Future<Output = Result<O, ApiError>> + Send + 'static,
{
    let run = move |context: Context, state: Arc<S>, codec: Codec, payload: Payload| {
        let (input, in_process) = match payload {
            Payload::Wire(body) => (codec.decode::<I>(&body), false),
            Payload::Value(value) => (codec.input::<I>(value), true),
            Payload::Events(_) => return ready(Err(no_events())).boxed(),
        };
        let answer = match input {
            Ok(input) => handle(context, state, input),
            Err(error) => return ready(Err(error)).boxed(),
        };
        async move {
            let output = answer.await?;
            if in_process {
                serde_json::to_value(&output).map(Payload::Value).map_err(ApiError::internal)
            } else {
                codec.encode(&output).map(Payload::Wire)
            }
        }
        .boxed()
    };
    Operation { model, run: Box::new(run) }
}

/// An operation that decodes and encodes its own bodies, for the hot ones. `handle` gets the body
/// as it arrived, and [`Codec`] to fall back on; it must refuse all that [`Codec::decode`] refuses.
pub fn raw_operation<S, H, F>(model: &'static OperationModel, handle: H) -> Operation<S>
where
    S: Send + Sync + 'static,
    H: Fn(Context, Arc<S>, Bytes, Codec) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Bytes, ApiError>> + Send + 'static,
{
    let run = move |context: Context, state: Arc<S>, mut codec: Codec, payload: Payload| {
        let (body, in_process) = match payload {
            Payload::Wire(body) => (body, false),
            Payload::Value(value) => {
                codec.format = Format::Json;
                (Bytes::from(value.to_string()), true)
            }
            Payload::Events(_) => return ready(Err(no_events())).boxed(),
        };
        let answer = handle(context, state, body, codec);
        async move {
            let body = answer.await?;
            if in_process { codec.value(&body).map(Payload::Value) } else { Ok(Payload::Wire(body)) }
        }
        .boxed()
    };
    Operation { model, run: Box::new(run) }
}

/// An operation that answers with an event stream. The input is checked as for [`operation()`]; an error of
/// `handle` itself is an ordinary answer, one in the stream ends it. See [`crate::event_stream`] for the
/// stream's life. Cannot be called in process.
pub fn stream_operation<S, I, T, E, H, F>(model: &'static OperationModel, handle: H) -> Operation<S>
where
    S: Send + Sync + 'static,
    I: DeserializeOwned + Send + 'static,
    T: Stream<Item = Result<E, ApiError>> + Send + 'static,
    E: Event,
    H: Fn(Context, Arc<S>, I) -> F + Send + Sync + 'static,
    F: Future<Output = Result<T, ApiError>> + Send + 'static,
{
    let run = move |context: Context, state: Arc<S>, codec: Codec, payload: Payload| {
        let input = match payload {
            Payload::Wire(body) => codec.decode::<I>(&body),
            Payload::Value(_) => {
                let (service, operation) = (codec.service.name, codec.operation.name);
                Err(crate::envelope::unknown_operation(
                    codec.format,
                    format!("{service}:{operation} answers with a stream and cannot be called in process"),
                ))
            }
            Payload::Events(_) => Err(no_events()),
        };
        let answer = match input {
            Ok(input) => handle(context, state, input),
            Err(error) => return ready(Err(error)).boxed(),
        };
        async move {
            let events = answer.await?;
            let frames = events
                .map(move |event| {
                    event.and_then(|event| frame(&codec, event.name(), |out| event.write(&codec, out)))
                })
                .boxed();
            Ok(Payload::Events(Events { frames, exceptions: E::EXCEPTIONS, codec }))
        }
        .boxed()
    };
    Operation { model, run: Box::new(run) }
}

fn no_events() -> ApiError {
    ApiError::internal("a request came as a stream of events")
}

/// A service as the router holds it.
pub struct Service {
    pub(crate) model: &'static ServiceModel,
    pub(crate) body_bytes_max: usize,
    operations: Vec<Entry>,
}

struct Entry {
    model: &'static OperationModel,
    run: Box<BoundRun>,
}

/// Bodies of JSON and query services are held in memory. Ten MiB of blobs (the largest any
/// service takes) are 13.4 MiB of base64.
const BODY_BYTES_MAX: usize = 16 << 20;

impl Service {
    /// # Panics
    /// When an operation that the model calls built has no handler, or the other way round: a
    /// service that contradicts its contract must not start.
    pub fn new<S: Send + Sync + 'static>(
        model: &'static ServiceModel,
        state: Arc<S>,
        operations: Vec<Operation<S>>,
    ) -> Service {
        for built in model.operations {
            let handlers = operations.iter().filter(|operation| operation.model.name == built.name).count();
            assert!(handlers == 1, "{}:{} is built and has {handlers} handlers", model.name, built.name);
        }
        let operations: Vec<Entry> = operations
            .into_iter()
            .map(|operation| {
                let Operation { model: own, run } = operation;
                assert!(
                    model.operation(own.name).is_some(),
                    "{}:{} has a handler but is not built",
                    model.name,
                    own.name
                );
                let state = state.clone();
                Entry {
                    model: own,
                    run: Box::new(move |context, codec, payload| run(context, state.clone(), codec, payload)),
                }
            })
            .collect();
        Service { model, body_bytes_max: BODY_BYTES_MAX, operations }
    }

    /// Another bound for request bodies, in bytes.
    #[must_use]
    pub fn with_body_limit(mut self, bytes_max: usize) -> Service {
        self.body_bytes_max = bytes_max;
        self
    }

    /// The built operation of this name, or the error that names it.
    pub(crate) fn find(&self, name: &str, format: Format) -> Result<usize, ApiError> {
        let found = self.operations.iter().position(|operation| operation.model.name == name);
        found.ok_or_else(|| {
            let model = self.model;
            let message = match model.refusal(name) {
                Some(reason) => format!("{}:{name} is not supported by Mulgil: {reason}", model.name),
                None => format!("{} has no operation '{name}'", model.full_name),
            };
            crate::envelope::unknown_operation(format, message)
        })
    }

    pub(crate) fn operation(&self, index: usize) -> &'static OperationModel {
        self.operations[index].model
    }

    pub(crate) fn run(&self, index: usize, context: Context, format: Format, payload: Payload) -> Answer {
        let entry = &self.operations[index];
        let codec = Codec { format, service: self.model, operation: entry.model };
        (entry.run)(context, codec, payload)
    }
}
