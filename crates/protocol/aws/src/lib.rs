//! The wire: everything AWS's APIs have in common, so that a service is its handlers alone.
//!
//! A request passes the [`listener`](serve), is routed by its head ([`Router`]), proven by its
//! signature ([`sigv4`]), decoded and checked by the shapes of its operation ([`codec`], [`model`]),
//! authorised ([`Authorizer`]), and answered by a typed handler ([`operation()`]). Services in the
//! same process call each other through [`Caller`], which does all of that except the wire.
//!
//! Guarantees:
//! - A handler sees only values that satisfy the public model of its service, and only fields that
//!   its contract executes or stores. Everything else is refused by name.
//! - Signatures are compared in constant time; what they must cover is checked to be covered.
//! - Bodies, connections and headers are bounded ([`Limits`]); arbitrary bytes never panic.
//! - What the caller must change is a 4xx; 5xx, which SDKs retry, is kept for faults of ours.
//!
//! It never knows what an operation means, never stores anything, and never checks S3's requests:
//! those go to the [`HttpService`] behind everything, which brings its own protocol.
//!
//! Start reading at [`Router`], then `router/answer.rs`.

mod authorize;
mod blob;
pub mod body;
mod caller;
pub mod cbor;
pub mod client;
pub mod codec;
mod context;
mod credentials;
mod envelope;
mod error;
pub mod event_stream;
mod listener;
pub mod model;
mod operation;
pub mod paging;
mod router;
pub mod sigv4;
mod timestamp;
mod tls;

pub use authorize::{Authorizer, LocalAccount};
pub use blob::{Blob, decode_base64};
pub use body::Body;
pub use caller::Caller;
pub use codec::{Codec, Format};
pub use context::{Context, Principal};
pub use credentials::{Credential, CredentialStore, Issued, MemoryCredentials, TemporaryKeys, Unchecked};
pub use error::{ApiError, Fault};
pub use event_stream::Event;
pub use listener::{serve, serve_tls};
pub use model::{OperationModel, ServiceModel};
pub use operation::{Operation, Service, operation, raw_operation, stream_operation};
pub use router::{HttpService, Limits, Router, RouterBuilder};
pub use timestamp::AwsTimestamp;
pub use tls::{Tls, TlsError};
