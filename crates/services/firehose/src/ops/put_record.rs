use std::sync::Arc;

use aws::{ApiError, Codec, Context, Format};
use bytes::Bytes;

use crate::decode::{self, PutRequest};
use crate::model::{PutRecordInput, PutRecordOutput};
use crate::{Firehose, put};

pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Firehose>,
    body: Bytes,
    codec: Codec,
) -> Result<Bytes, ApiError> {
    let quick = if codec.format == Format::Json { decode::put_record(&body) } else { None };
    let PutRequest { name, data } = match quick {
        Some(request) => request,
        None => codec.decode::<PutRecordInput>(&body)?.into(),
    };
    drop(body);
    let accepted = svc.append(&ctx, &name, data).await?;
    codec.encode(&PutRecordOutput { record_id: put::record_id(accepted, 0), encrypted: Some(false) })
}
