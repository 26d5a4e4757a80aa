//! Settings of an account in a region.

use aws::ApiError;
use meta::{CommitError, Txn};
use names::Scope;
use rt::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Kinesis;
use crate::error::from_meta;
use crate::keys::KinesisKey;
use crate::limits::COMMITMENT_LIFE;
use crate::model::{
    MinimumThroughputBillingCommitmentInputStatus as Wanted,
    MinimumThroughputBillingCommitmentOutput as Output,
    MinimumThroughputBillingCommitmentOutputStatus as Status, error,
};

/// What is stored of an account: its throughput commitment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccountRecord {
    started: Option<Timestamp>,
    /// When it ends or ended; `None` while nobody asked for that.
    ended: Option<Timestamp>,
}

impl AccountRecord {
    pub(crate) fn is_committed(&self, now: Timestamp) -> bool {
        self.started.is_some() && self.ended.is_none_or(|ended| now < ended)
    }

    fn earliest_end(&self) -> Option<Timestamp> {
        self.started.map(|started| started.plus(COMMITMENT_LIFE))
    }

    /// Enabling anew takes back an end that is to come; the end comes when the least time is over.
    fn set(&mut self, wanted: Wanted, now: Timestamp) {
        match wanted {
            Wanted::Enabled if self.is_committed(now) => self.ended = None,
            Wanted::Enabled => *self = AccountRecord { started: Some(now), ended: None },
            Wanted::Disabled if self.is_committed(now) && self.ended.is_none() => {
                self.ended = self.earliest_end().map(|earliest| earliest.max(now));
            }
            Wanted::Disabled => {}
        }
    }

    pub(crate) fn describe(&self, now: Timestamp) -> Output {
        let committed = self.is_committed(now);
        let status = match (committed, self.ended) {
            (true, None) => Status::Enabled,
            (true, Some(_)) => Status::EnabledUntilEarliestAllowedEnd,
            (false, _) => Status::Disabled,
        };
        Output {
            status,
            started_at: self.started.map(Into::into),
            ended_at: self.ended.filter(|_| !committed).map(Into::into),
            earliest_allowed_end_at: self.earliest_end().filter(|_| committed).map(Into::into),
        }
    }
}

impl Kinesis {
    pub(crate) async fn account(&self, scope: &Scope) -> Result<AccountRecord, ApiError> {
        let entry = self.meta.get(&KinesisKey::Account(scope).key()).await.map_err(from_meta)?;
        entry.map_or_else(|| Ok(AccountRecord::default()), |entry| entry.json().map_err(from_meta))
    }

    pub(crate) async fn change_account(
        &self,
        scope: &Scope,
        wanted: Wanted,
        now: Timestamp,
    ) -> Result<AccountRecord, ApiError> {
        let mut record = self.account(scope).await?;
        record.set(wanted, now);
        let txn = Txn::new().put_json(KinesisKey::Account(scope).key(), &record);
        match self.meta.commit(txn).await {
            Ok(_) => Ok(record),
            Err(CommitError::Meta(error)) => Err(from_meta(error)),
            Err(CommitError::Conflict { .. }) => {
                Err(error::limit_exceeded_exception("The settings are being changed. Try again later."))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    #[test]
    fn a_commitment_lasts_a_day_at_least() {
        let after = |hours: u64| START.plus(Duration::from_secs(hours * 3600));
        let mut record = AccountRecord::default();
        assert_eq!(record.describe(START).status, Status::Disabled);
        record.set(Wanted::Enabled, START);
        record.set(Wanted::Disabled, after(2));
        let ending = record.describe(after(3));
        assert_eq!(ending.status, Status::EnabledUntilEarliestAllowedEnd);
        assert_eq!(ending.earliest_allowed_end_at, Some(after(24).into()));
        let ended = record.describe(after(24));
        assert_eq!((ended.status, ended.ended_at), (Status::Disabled, Some(after(24).into())));
        record.set(Wanted::Enabled, after(30));
        record.set(Wanted::Disabled, after(60));
        assert!(!record.is_committed(after(60)), "a commitment older than a day ends at once");
    }

    #[test]
    fn an_end_to_come_is_taken_back() {
        let mut record = AccountRecord::default();
        record.set(Wanted::Enabled, START);
        record.set(Wanted::Disabled, START);
        record.set(Wanted::Enabled, START);
        let later = START.plus(COMMITMENT_LIFE * 2);
        assert_eq!(record.describe(later).status, Status::Enabled);
    }
}
