use std::sync::Arc;

use aws::{ApiError, Context};

use crate::model::{PutRecordInput, PutRecordOutput};
use crate::{Firehose, put};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Firehose>,
    input: PutRecordInput,
) -> Result<PutRecordOutput, ApiError> {
    let PutRecordInput { delivery_stream_name: name, record } = input;
    let accepted = svc.append(&ctx, &name, vec![record.data.into_bytes()]).await?;
    Ok(PutRecordOutput { record_id: put::record_id(accepted, 0), encrypted: Some(false) })
}
