//! Objects that are written now and become visible later, all in one commit.

use bytes::Bytes;
use meta::{Revision, Txn};
use objects::{EtagKind, ObjectError, ObjectWriter, Objects, PublishError, PutOptions, Staged};

use crate::FlowError;

/// An object in the making; dropping it leaves nothing behind.
pub(crate) struct Output {
    bucket: String,
    writer: ObjectWriter,
}

/// A complete, durable object that nobody can see yet; dropping it takes it away.
pub(crate) struct Sealed {
    staged: Staged,
}

impl Output {
    pub(crate) async fn open(
        objects: &Objects,
        bucket: &str,
        key: &str,
        content_type: Option<String>,
    ) -> Result<Output, FlowError> {
        let options = PutOptions { content_type, etag: EtagKind::Unique, ..PutOptions::default() };
        match objects.writer(bucket, key, options).await {
            Ok(writer) => Ok(Output { bucket: bucket.to_owned(), writer }),
            Err(source) => Err(sink_error(bucket, source)),
        }
    }

    pub(crate) async fn write(&mut self, bytes: Bytes) -> Result<(), FlowError> {
        self.writer.write(bytes).await.map_err(|source| sink_error(&self.bucket, source))
    }

    /// Returns when what was written so far holds no memory.
    pub(crate) async fn flush(&mut self) -> Result<(), FlowError> {
        self.writer.flush().await.map_err(|source| sink_error(&self.bucket, source))
    }

    pub(crate) async fn seal(self) -> Result<Sealed, FlowError> {
        let Output { bucket, writer } = self;
        let staged = writer.stage().await.map_err(|source| sink_error(&bucket, source))?;
        Ok(Sealed { staged })
    }
}

impl Sealed {
    pub(crate) fn size(&self) -> u64 {
        self.staged.size()
    }

    pub(crate) fn into_staged(self) -> Staged {
        self.staged
    }
}

/// Makes the objects visible and applies `txn`, both or neither.
pub(crate) async fn publish(
    objects: &Objects,
    bucket: &str,
    sealed: Vec<Sealed>,
    txn: Txn,
) -> Result<Revision, FlowError> {
    let staged = sealed.into_iter().map(|sealed| sealed.staged).collect();
    match objects.publish(staged, txn).await {
        Ok((_infos, revision)) => Ok(revision),
        Err(PublishError::Conflict { .. }) => Err(FlowError::Conflict),
        Err(PublishError::Object(source)) => Err(sink_error(bucket, source)),
    }
}

pub(crate) fn sink_error(bucket: &str, source: ObjectError) -> FlowError {
    FlowError::Sink { bucket: bucket.to_owned(), source }
}
