use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

/// The answer of a failed operation, independent of the wire protocol that carries it.
///
/// A code, an HTTP status, a message for the caller and, rarely, further members of the modelled
/// error shape. Statuses of 500 and above tell SDKs to retry, so they are reserved for faults of
/// ours; everything a caller must change is a 4xx.
#[derive(Clone)]
pub struct ApiError(Box<Inner>);

#[derive(Clone)]
struct Inner {
    code: Cow<'static, str>,
    status: u16,
    message: String,
    fields: Map<String, Value>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// Whose fault an error is: query protocols say it on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Sender,
    Receiver,
}

impl Fault {
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::Sender => "Sender",
            Fault::Receiver => "Receiver",
        }
    }
}

impl ApiError {
    /// An error with the modelled code and HTTP status.
    pub fn new(code: impl Into<Cow<'static, str>>, status: u16, message: impl Into<String>) -> Self {
        ApiError(Box::new(Inner {
            code: code.into(),
            status,
            message: message.into(),
            fields: Map::new(),
            source: None,
        }))
    }

    /// The caller's mistake, status 400.
    pub fn sender(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(code, 400, message)
    }

    /// A constraint of the service's model, or a rule like one, was violated.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::sender("ValidationException", message)
    }

    /// The request could not be decoded.
    pub fn serialization(message: impl Into<String>) -> Self {
        Self::sender("SerializationException", message)
    }

    /// The caller should slow down; SDKs back off and retry.
    pub fn throttled(message: impl Into<String>) -> Self {
        Self::sender("ThrottlingException", message)
    }

    /// The principal may not do this.
    pub fn access_denied(message: impl Into<String>) -> Self {
        Self::sender("AccessDeniedException", message)
    }

    /// A fault of ours. The cause is logged, never sent.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let mut error = Self::new(
            "InternalFailure",
            500,
            "The request processing has failed because of an unknown error, exception or failure.",
        );
        error.0.source = Some(Arc::from(source.into()));
        error
    }

    /// We cannot serve this now (overload, full disk); SDKs retry.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new("ServiceUnavailable", 503, message)
    }

    /// Adds a member of the modelled error shape beside the message.
    #[must_use]
    pub fn with_field(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.fields.insert(name.into(), value.into());
        self
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    pub fn code(&self) -> &str {
        &self.0.code
    }

    pub fn status(&self) -> u16 {
        self.0.status
    }

    pub fn message(&self) -> &str {
        &self.0.message
    }

    pub fn fields(&self) -> &Map<String, Value> {
        &self.0.fields
    }

    pub fn fault(&self) -> Fault {
        if self.0.status < 500 { Fault::Sender } else { Fault::Receiver }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.message)
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ApiError");
        debug.field("code", &self.0.code).field("status", &self.0.status).field("message", &self.0.message);
        if !self.0.fields.is_empty() {
            debug.field("fields", &self.0.fields);
        }
        if let Some(source) = &self.0.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl Error for ApiError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_ref().map(|source| source.as_ref() as &(dyn Error + 'static))
    }
}
