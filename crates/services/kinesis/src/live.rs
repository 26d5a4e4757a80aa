//! What is kept in memory of a stream that is in use: its settings, so that a put need not look them up, and
//! the pace of its shards.

use std::sync::Arc;

use aws::ApiError;
use log::{Routes, TopicId};
use meta::Revision;

use crate::error::{from_meta, stream_not_found};
use crate::keys::KinesisKey;
use crate::limits::SHARDS_MAX;
use crate::pace::Pace;
use crate::stream::StreamRecord;
use crate::{Kinesis, Throughput};

/// A stream's settings as they were at one commit, and the pace of its incarnation.
#[derive(Clone)]
pub(crate) struct Live {
    incarnation: String,
    revision: Revision,
    /// The largest partition key and data together.
    pub(crate) record_bytes_max: usize,
    pub(crate) on_demand: bool,
    pub(crate) pace: Arc<Pace>,
}

impl Kinesis {
    /// The stream's settings and pace.
    pub(crate) async fn live(&self, stream: &TopicId, routes: &Routes) -> Result<Arc<Live>, ApiError> {
        if let Some(known) = self.known(stream, routes) {
            return Ok(known);
        }
        let entry = self.meta.get(&KinesisKey::Stream(stream).key()).await.map_err(from_meta)?;
        let entry = entry.ok_or_else(|| stream_not_found(stream))?;
        let record = entry.json().map_err(from_meta)?;
        Ok(self.remember(stream, routes, &record, entry.revision))
    }

    /// The same if it is in memory.
    pub(crate) fn known(&self, stream: &TopicId, routes: &Routes) -> Option<Arc<Live>> {
        self.live.read().get(stream).filter(|known| known.incarnation == routes.incarnation).cloned()
    }

    /// Keeps the settings unless newer ones are known.
    pub(crate) fn remember(
        &self,
        stream: &TopicId,
        routes: &Routes,
        record: &StreamRecord,
        revision: Revision,
    ) -> Arc<Live> {
        let mut all = self.live.write();
        // Forgets deleted streams when there are many; those in use come back with their next put.
        if all.len() >= SHARDS_MAX {
            all.clear();
        }
        let known = all.get(stream).filter(|known| known.incarnation == routes.incarnation);
        if let Some(known) = known
            && known.revision >= revision
        {
            return known.clone();
        }
        let live = Arc::new(Live {
            incarnation: routes.incarnation.clone(),
            revision,
            record_bytes_max: record.record_kib as usize * 1024,
            on_demand: record.on_demand,
            pace: known.map_or_else(|| Arc::new(Pace::new()), |known| known.pace.clone()),
        });
        all.insert(stream.clone(), live.clone());
        live
    }

    /// Whether AWS's numbers are enforced.
    pub(crate) fn is_limited(&self) -> bool {
        self.settings.limits == Throughput::Aws
    }
}
