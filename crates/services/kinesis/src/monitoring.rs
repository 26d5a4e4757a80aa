//! Which shard-level metrics are wanted: kept and shown.

use std::collections::BTreeSet;

use aws::{ApiError, Context};

use crate::model::{EnhancedMonitoringOutput, MetricsName};
use crate::{Kinesis, stream};

/// Each of them by name; `ALL` stands for all others.
fn expand(names: &[MetricsName]) -> BTreeSet<String> {
    let is_one = |name: &&MetricsName| **name != MetricsName::All;
    let all = names.contains(&MetricsName::All);
    let named = if all { MetricsName::ALL.iter().filter(is_one) } else { names.iter().filter(is_one) };
    named.map(|name| name.as_str().to_owned()).collect()
}

impl Kinesis {
    pub(crate) async fn set_metrics(
        &self,
        ctx: &Context,
        name: Option<&str>,
        arn: Option<&str>,
        names: &[MetricsName],
        wanted: bool,
    ) -> Result<EnhancedMonitoringOutput, ApiError> {
        let stream = stream::named(ctx, name, arn)?;
        let names = expand(names);
        let before = self.record(&stream).await?.metric_names();
        let change = |record: &mut crate::stream::StreamRecord| {
            if wanted {
                record.metrics.extend(names.iter().cloned());
            } else {
                record.metrics.retain(|name| !names.contains(name));
            }
            Ok(())
        };
        let after = self.change(&stream, change).await?.metric_names();
        Ok(EnhancedMonitoringOutput {
            stream_arn: Some(stream::arn(&stream)),
            stream_name: Some(stream.name),
            current_shard_level_metrics: Some(before),
            desired_shard_level_metrics: Some(after),
        })
    }
}
