//! Upkeep of the tables that we write to, from time to time, one table after the other.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::select;
use names::Scope;
use rt::Timestamp;

use super::compact::{CompactSettings, Compacted};
use super::expire::ExpireSettings;
use super::{Iceberg, IcebergError};
use crate::catalog::CatalogError;

/// A table with this property set to `false` is left alone.
pub const UPKEEP_PROPERTY: &str = "mulgil.upkeep.enabled";
/// The files of a table with this property set to `false` are not rewritten.
pub const COMPACTION_PROPERTY: &str = "mulgil.upkeep.compaction.enabled";

/// Tables that are looked after; further ones wait until others were.
const TABLES_MAX: usize = 10_000;

/// How tables are kept in shape.
#[derive(Debug, Clone, PartialEq)]
pub struct UpkeepSettings {
    /// Default true.
    pub enabled: bool,
    /// The pause between two rounds over all tables with new commits. Default one minute.
    pub interval: Duration,
    /// Bytes that one round reads at most to rewrite them, all tables together, as they lie in files: its budget of
    /// time and disk. Tables that find it used up wait for the next round. Default 4 GiB.
    pub round_bytes_max: u64,
    /// How often files that belong to no snapshot are looked for in a table. Default one day.
    pub orphans_interval: Duration,
    pub compact: CompactSettings,
    pub expire: ExpireSettings,
}

impl Default for UpkeepSettings {
    fn default() -> UpkeepSettings {
        UpkeepSettings {
            enabled: true,
            interval: Duration::from_secs(60),
            round_bytes_max: 4 << 30,
            orphans_interval: Duration::from_secs(24 * 3600),
            compact: CompactSettings::default(),
            expire: ExpireSettings::default(),
        }
    }
}

/// What upkeep did to one table since the process started.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UpkeepStatus {
    pub rounds: u64,
    pub compacted: Compacted,
    pub snapshots_expired: u64,
    /// Of expired snapshots, and orphans.
    pub files_deleted: u64,
    /// Files that no snapshot had.
    pub orphans_removed: u64,
    /// Rounds that ended with an error.
    pub failures: u64,
    pub last_round: Option<Timestamp>,
    /// Of the last round, for a person.
    pub last_error: Option<String>,
    /// Whether a round is at the table now.
    pub running: bool,
    /// The first commit of ours that no round has looked after.
    pub pending: Option<Timestamp>,
    orphans_looked_for: Option<Timestamp>,
}

type TableId = (Scope, String, String);

#[derive(Clone, Default)]
pub(super) struct Upkeep {
    tables: Arc<Mutex<BTreeMap<TableId, UpkeepStatus>>>,
}

impl Upkeep {
    fn tables(&self) -> MutexGuard<'_, BTreeMap<TableId, UpkeepStatus>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A commit of ours happened to the table.
    pub(super) fn note(&self, scope: &Scope, database: &str, name: &str, now: Timestamp) {
        let mut tables = self.tables();
        let id = (scope.clone(), database.to_owned(), name.to_owned());
        if tables.len() < TABLES_MAX || tables.contains_key(&id) {
            tables.entry(id).or_default().pending.get_or_insert(now);
        }
    }
}

impl Iceberg {
    /// Looks after the tables that we commit to, until stop is requested.
    pub async fn run_upkeep(&self, settings: UpkeepSettings) {
        let stop = self.rt.stop();
        while settings.enabled && !stop.is_requested() {
            let round = async {
                self.rt.sleep(settings.interval).await;
                self.upkeep_round(&settings).await;
            };
            select(pin!(stop.requested()), pin!(round)).await;
        }
    }

    /// One round over the tables with commits since the last one, those that have waited longest first.
    pub async fn upkeep_round(&self, settings: &UpkeepSettings) {
        let mut pending: Vec<(Timestamp, TableId)> = {
            let tables = self.upkeep.tables();
            tables.iter().filter_map(|(id, status)| Some((status.pending?, id.clone()))).collect()
        };
        pending.sort();
        let mut bytes_left = settings.round_bytes_max;
        for (since, id) in pending {
            self.update(&id, |status| status.running = true);
            let done = self.upkeep_table(&id, since, settings, &mut bytes_left).await;
            let mut tables = self.upkeep.tables();
            let Some(status) = tables.get_mut(&id) else { continue };
            status.rounds += 1;
            status.running = false;
            status.last_round = Some(self.rt.now());
            match done {
                Ok(()) => status.last_error = None,
                // Dropped, or made anew as something else.
                Err(
                    IcebergError::Catalog(CatalogError::NoSuchTable { .. } | CatalogError::NoSuchDatabase(_))
                    | IcebergError::NotIceberg { .. },
                ) => {
                    tables.remove(&id);
                }
                Err(error) => {
                    status.failures += 1;
                    status.last_error = Some(error.to_string());
                    status.pending.get_or_insert(since);
                }
            }
        }
    }

    async fn upkeep_table(
        &self,
        id: &TableId,
        since: Timestamp,
        settings: &UpkeepSettings,
        bytes_left: &mut u64,
    ) -> Result<(), IcebergError> {
        let (scope, database, name) = id;
        let table = self.load(scope, database, name).await?;
        self.update(id, |status| status.pending = None);
        let is_off =
            |property| table.metadata().properties().get(property).is_some_and(|value| value == "false");
        if is_off(UPKEEP_PROPERTY) {
            return Ok(());
        }
        if *bytes_left == 0 {
            self.update(id, |status| status.pending = Some(since));
        } else if !is_off(COMPACTION_PROPERTY) {
            let mut compact = settings.compact.clone();
            compact.bytes_max = compact.bytes_max.min(*bytes_left);
            let compacted = self.compact(scope, database, name, &compact).await?;
            *bytes_left = bytes_left.saturating_sub(compacted.bytes_before);
            self.update(id, |status| status.compacted.add(compacted));
        }
        let expired = self.expire(scope, database, name, &settings.expire).await?;
        self.update(id, |status| {
            status.snapshots_expired += expired.snapshots;
            status.files_deleted += expired.files;
        });
        let now = self.rt.now();
        let looked = self.upkeep.tables().get(id).and_then(|status| status.orphans_looked_for);
        let due = looked.is_none_or(|looked| now.saturating_since(looked) >= settings.orphans_interval);
        if due {
            let orphans = self.remove_orphans(scope, database, name, &settings.expire).await?;
            self.update(id, |status| {
                status.files_deleted += orphans;
                status.orphans_removed += orphans;
                status.orphans_looked_for = Some(now);
            });
        }
        Ok(())
    }

    fn update(&self, id: &TableId, change: impl FnOnce(&mut UpkeepStatus)) {
        if let Some(status) = self.upkeep.tables().get_mut(id) {
            change(status);
        }
    }

    /// What was done to each table: scope, database, table.
    pub fn upkeep_status(&self) -> Vec<(Scope, String, String, UpkeepStatus)> {
        let tables = self.upkeep.tables();
        let each = tables.iter();
        each.map(|((scope, database, name), status)| {
            (scope.clone(), database.clone(), name.clone(), status.clone())
        })
        .collect()
    }
}
