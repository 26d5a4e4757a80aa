use std::sync::Arc;
use std::time::Duration;

use aws::{ApiError, Context};
use meta::Txn;

use crate::error::{from_log, from_meta, stream_exists};
use crate::keys::KinesisKey;
use crate::limits::{ON_DEMAND_SHARDS, RECORD_KIB, RETENTION_HOURS_MIN};
use crate::model::{CreateStreamInput, CreateStreamOutput, StreamMode, error};
use crate::stream::StreamRecord;
use crate::{Kinesis, stream, tags, warm};

/// The stream is ACTIVE when this returns.
pub(crate) async fn handle(
    ctx: Context,
    svc: Arc<Kinesis>,
    input: CreateStreamInput,
) -> Result<CreateStreamOutput, ApiError> {
    let stream = stream::topic_id(&ctx.scope, &input.stream_name);
    let on_demand =
        input.stream_mode_details.is_some_and(|details| details.stream_mode == StreamMode::OnDemand);
    let warm_mibps = warm::wanted(&svc, &ctx, on_demand, input.warm_throughput_mi_bps).await?;
    let shards = shard_count(input.shard_count, on_demand)?.max(warm_mibps.unwrap_or_default());
    let mut record = StreamRecord {
        on_demand,
        record_kib: input
            .max_record_size_in_ki_b
            .and_then(|kib| u32::try_from(kib).ok())
            .unwrap_or(RECORD_KIB),
        warm_mibps: warm_mibps.filter(|mibps| *mibps > 0),
        ..StreamRecord::default()
    };
    tags::add(&stream, &mut record.tags, &input.tags.unwrap_or_default())?;
    if svc.log.routes(&stream).is_ok() {
        return Err(stream_exists(&stream));
    }
    svc.check_room(&stream, 0, shards as usize).await?;
    if on_demand {
        svc.check_on_demand_room(&stream).await?;
    }
    let retention = Duration::from_secs(RETENTION_HOURS_MIN.unsigned_abs().into()) * 3600;
    let also = Txn::new().put_json(KinesisKey::Stream(&stream).key(), &record);
    svc.log
        .create_topic_with(&stream, shards, retention, also)
        .await
        .map_err(|error| from_log(&stream, error))?;
    svc.set_on_demand(&stream, on_demand);
    Ok(CreateStreamOutput {})
}

fn shard_count(given: Option<i32>, on_demand: bool) -> Result<u32, ApiError> {
    match (given, on_demand) {
        (None, true) => Ok(ON_DEMAND_SHARDS),
        (Some(_), true) => {
            Err(error::validation_exception("ShardCount cannot be specified for streams in ON_DEMAND mode."))
        }
        (None, false) => {
            Err(error::validation_exception("ShardCount must be specified for streams in PROVISIONED mode."))
        }
        (Some(count), false) => u32::try_from(count).map_err(ApiError::internal),
    }
}

/// What an account has in a region.
pub(crate) struct Usage {
    pub(crate) open_shards: usize,
    pub(crate) on_demand_streams: usize,
}

impl Kinesis {
    pub(crate) async fn usage(&self, scope: &names::Scope) -> Result<Usage, ApiError> {
        let streams = self.log.topics(scope, "stream").await;
        let routes = streams.iter().filter_map(|stream| self.log.routes(stream).ok());
        let open_shards = routes.map(|routes| routes.open_count()).sum();
        let keys: Vec<_> = streams.iter().map(|stream| KinesisKey::Stream(stream).key()).collect();
        let mut on_demand_streams = 0;
        for entry in self.meta.get_many(&keys).await.map_err(from_meta)?.into_iter().flatten() {
            on_demand_streams += usize::from(entry.json::<StreamRecord>().map_err(from_meta)?.on_demand);
        }
        Ok(Usage { open_shards, on_demand_streams })
    }
}
