use std::sync::Arc;

use aws::{ApiError, Context};

use crate::model::{UpdateMaxRecordSizeInput, UpdateMaxRecordSizeOutput, error};
use crate::{Kinesis, stream};

/// Puts that begin after this returns obey the new size.
pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: UpdateMaxRecordSizeInput,
) -> Result<UpdateMaxRecordSizeOutput, ApiError> {
    let arn = input.stream_arn.as_deref();
    let arn = arn.ok_or_else(|| error::invalid_argument_exception("StreamARN must be specified."))?;
    let stream = stream::of_arn(&ctx, arn)?;
    let kib = u32::try_from(input.max_record_size_in_ki_b).map_err(ApiError::internal)?;
    svc.change(&stream, |record| {
        record.record_kib = kib;
        Ok(())
    })
    .await?;
    Ok(UpdateMaxRecordSizeOutput {})
}
