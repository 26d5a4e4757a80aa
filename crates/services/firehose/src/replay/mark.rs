//! How far an error object was replayed: an object beside it, named so that query engines pass it over.

use aws::client::{Client, ClientError};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::ReplayError;

const PREFIX: &str = "_replayed-";

/// The format of a stored mark.
const VERSION: u32 = 1;

/// Whether a key is a mark, or one of those that Hive and its kin do not look at either.
pub(super) fn is_hidden(key: &str) -> bool {
    let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
    name.is_empty() || name.starts_with(['_', '.'])
}

pub(super) struct Mark {
    bucket: String,
    key: String,
    /// Of the mark as it was read or written last.
    etag: Option<String>,
    stored: Stored,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    version: u32,
    delivery_stream: String,
    /// Records, from the first of the object on, that are certainly put.
    replayed: usize,
    /// Records after these that are being put.
    in_flight: usize,
    done: bool,
}

impl Mark {
    pub(super) async fn read(client: &Client, bucket: &str, object: &str) -> Result<Mark, ReplayError> {
        let name = object.rfind('/').map_or(0, |slash| slash + 1);
        let key = format!("{}{PREFIX}{}", &object[..name], &object[name..]);
        let path = format!("/{bucket}/{key}");
        let answer = client.send(Method::GET, "s3", &path, &[], &[], Bytes::new()).await?;
        let mut mark = Mark { bucket: bucket.to_owned(), key, etag: None, stored: Stored::default() };
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(mark);
        }
        let answer = answer.checked()?;
        mark.etag = answer.headers.get("etag").and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        mark.stored =
            serde_json::from_slice(&answer.body).map_err(|error| ReplayError::Mark(error.to_string()))?;
        if mark.stored.version > VERSION {
            return Err(ReplayError::Mark("a newer version wrote it".to_owned()));
        }
        Ok(mark)
    }

    pub(super) fn is_done(&self) -> bool {
        self.stored.done
    }

    pub(super) fn replayed(&self) -> usize {
        self.stored.replayed
    }

    /// Of which nobody knows whether they were put.
    pub(super) fn in_flight(&self) -> usize {
        self.stored.in_flight
    }

    /// The next `records` are about to be put, by nobody else.
    pub(super) async fn begin(
        &mut self,
        client: &Client,
        stream: &str,
        records: usize,
    ) -> Result<(), ReplayError> {
        self.stored.in_flight = records;
        self.write(client, stream).await
    }

    /// They are put; written down with what comes next.
    pub(super) fn end(&mut self, records: usize) {
        self.stored.replayed += records;
        self.stored.in_flight = 0;
    }

    pub(super) async fn finish(&mut self, client: &Client, stream: &str) -> Result<(), ReplayError> {
        self.stored.done = true;
        self.write(client, stream).await
    }

    /// Fails if the mark is not the one that was read or written last.
    async fn write(&mut self, client: &Client, stream: &str) -> Result<(), ReplayError> {
        self.stored.version = VERSION;
        stream.clone_into(&mut self.stored.delivery_stream);
        let body = serde_json::to_vec(&self.stored).map_err(|error| ReplayError::Mark(error.to_string()))?;
        let path = format!("/{}/{}", self.bucket, self.key);
        let condition = match &self.etag {
            Some(etag) => ("if-match", etag.as_str()),
            None => ("if-none-match", "*"),
        };
        let headers = [condition, ("content-type", "application/json")];
        let answer = client.send(Method::PUT, "s3", &path, &[], &headers, Bytes::from(body)).await?;
        match answer.checked() {
            Ok(answer) => {
                self.etag = answer.headers.get("etag").and_then(|tag| tag.to_str().ok()).map(str::to_owned);
                Ok(())
            }
            Err(ClientError { status: 404 | 409 | 412, .. }) => Err(ReplayError::Busy),
            Err(error) => Err(error.into()),
        }
    }
}
