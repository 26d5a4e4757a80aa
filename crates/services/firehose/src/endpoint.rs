//! Destinations outside: the outlet of the engine, speaking the protocols that HTTP endpoints and Splunk's HTTP
//! Event Collector know.

mod client;
mod http_endpoint;
mod splunk;
#[cfg(test)]
mod tests;

use flow::{Answer, Outlet, Request, Trouble};
use futures::FutureExt;
use futures::future::BoxFuture;
use rt::Rt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use client::CertificateError;
use client::HttpsClient;
pub(crate) use http_endpoint::HttpEndpoint;
pub(crate) use splunk::Splunk;

/// Delivers to endpoints outside. Cheap to clone.
#[derive(Clone)]
pub struct Endpoints {
    rt: Rt,
    client: HttpsClient,
}

/// What the engine keeps of an endpoint and gives back with every request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Target {
    Http(HttpEndpoint),
    Splunk(Splunk),
}

impl Endpoints {
    /// `ca_pem` holds certificates, as PEM, that are trusted beside the system's.
    ///
    /// # Errors
    /// When it is not PEM, or holds no certificate.
    pub fn new(rt: Rt, ca_pem: Option<&[u8]>) -> Result<Endpoints, CertificateError> {
        Ok(Endpoints { client: HttpsClient::new(rt.clone(), ca_pem)?, rt })
    }
}

impl Outlet for Endpoints {
    fn deliver(&self, target: Value, request: Request) -> BoxFuture<'_, Answer> {
        async move {
            match serde_json::from_value(target) {
                Ok(Target::Http(endpoint)) => endpoint.deliver(&self.rt, &self.client, request).await,
                Ok(Target::Splunk(splunk)) => splunk.deliver(&self.rt, &self.client, request).await,
                Err(error) => Answer::TryAgain(Trouble::new(
                    "UnknownTarget",
                    format!("written by another version: {error}"),
                )),
            }
        }
        .boxed()
    }
}

impl Target {
    pub(crate) fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("settings of strings and numbers are JSON")
    }
}
