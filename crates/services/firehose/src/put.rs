//! Direct puts: into the topic of the delivery stream, durable before the answer.

use aws::{ApiError, Context};
use bytes::Bytes;
use log::{Appended, Batch, LogError, NewRecord};

use crate::Firehose;
use crate::error::log_error;
use crate::model::error;
use crate::stream::{Source, topic_id};

impl Firehose {
    /// Appends the records of one request, all or none.
    pub(crate) async fn append(
        &self,
        ctx: &Context,
        name: &str,
        records: Vec<Bytes>,
    ) -> Result<Appended, ApiError> {
        let (count, bytes) = (records.len() as u64, records.iter().map(|data| data.len() as u64).sum());
        let records = records.into_iter().map(|data| NewRecord { key: Bytes::new(), data }).collect();
        let batches = vec![Batch { partition: 0, records }];
        match self.log.append(&topic_id(&ctx.scope, name), batches).await {
            Ok(appended) => {
                let accepted = appended.into_iter().next().expect("one batch was appended");
                self.count_accepted(&ctx.scope, name, accepted, bytes);
                Ok(accepted)
            }
            // Looked up only now, so that a put that succeeds costs no look-up.
            Err(LogError::NoSuchTopic(topic)) => match self.stream(ctx, name).await?.source {
                Source::Kinesis { .. } => Err(error::invalid_argument_exception(
                    "This operation is not permitted on KinesisStreamAsSource delivery stream type.",
                )),
                Source::DirectPut { .. } => Err(log_error(&ctx.scope, name, LogError::NoSuchTopic(topic))),
            },
            Err(failure) => {
                if matches!(failure, LogError::Overloaded | LogError::StorageFull) {
                    self.count_throttled(&ctx.scope, name, count);
                }
                Err(log_error(&ctx.scope, name, failure))
            }
        }
    }
}

/// Opaque, and another one for every record ever put.
pub(crate) fn record_id(accepted: Appended, index: u64) -> String {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&accepted.at.as_millis().to_be_bytes());
    id[8..].copy_from_slice(&(accepted.first + index).to_be_bytes());
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(id)
}
