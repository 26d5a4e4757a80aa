//! What the two operations on retention share.

use std::time::Duration;

use aws::ApiError;
use log::TopicId;

use crate::Kinesis;
use crate::error::from_log;
use crate::limits::{RETENTION_HOURS_MAX, RETENTION_HOURS_MIN};
use crate::model::error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Increase,
    Decrease,
}

impl Kinesis {
    /// The same period is fine in either direction.
    pub(crate) async fn set_retention(
        &self,
        stream: &TopicId,
        hours: i32,
        direction: Direction,
    ) -> Result<(), ApiError> {
        let failed = |error| from_log(stream, error);
        let now = self.log.topic(stream).await.map_err(failed)?.retention.as_secs() / 3600;
        let invalid = |message: String| Err(error::invalid_argument_exception(message));
        if hours < RETENTION_HOURS_MIN {
            return invalid(format!(
                "Minimum allowed retention period is {RETENTION_HOURS_MIN} hours. Requested retention period \
                 ({hours} hours) is too short."
            ));
        }
        if hours > RETENTION_HOURS_MAX {
            return invalid(format!(
                "Maximum allowed retention period is {RETENTION_HOURS_MAX} hours. Requested retention period \
                 ({hours} hours) is too long."
            ));
        }
        let wanted = u64::from(hours.unsigned_abs());
        let name = &stream.name;
        match direction {
            Direction::Increase if wanted < now => invalid(format!(
                "Requested retention period ({hours} hours) for stream {name} can not be shorter than existing \
                 retention period ({now} hours). Use DecreaseRetentionPeriod API."
            )),
            Direction::Decrease if wanted > now => invalid(format!(
                "Requested retention period ({hours} hours) for stream {name} can not be longer than existing \
                 retention period ({now} hours). Use IncreaseRetentionPeriod API."
            )),
            _ => {
                let retention = Duration::from_secs(wanted * 3600);
                self.log.set_retention(stream, retention).await.map_err(failed)
            }
        }
    }
}
