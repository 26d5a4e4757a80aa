//! Snapshots that nobody needs any more, the files that only they had, and files that nobody ever had.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::str::FromStr;
use std::time::Duration;

use ::iceberg::spec::{MAIN_BRANCH, ManifestFile, SnapshotRetention, TableMetadata};
use meta::Txn;
use names::Scope;
use objects::ListRequest;
use rt::Timestamp;

use super::commit::Change;
use super::load::references;
use super::storage::split;
use super::{Iceberg, IcebergError, IcebergTable, manifests, summary};
use crate::location;

const AGE_PROPERTY: &str = "history.expire.max-snapshot-age-ms";
const KEEP_PROPERTY: &str = "history.expire.min-snapshots-to-keep";
const COLLECT_PROPERTY: &str = "gc.enabled";

/// Keys listed or deleted at once.
const KEYS_PAGE: usize = 1_000;

/// The most files one run looks at.
const FILES_MAX: usize = 1_000_000;

/// Which snapshots and files go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpireSettings {
    /// Older snapshots go, if the table has no `history.expire.max-snapshot-age-ms`. Default five days, as in
    /// iceberg.
    pub age_max: Duration,
    /// So many of the latest stay whatever their age, if the table has no
    /// `history.expire.min-snapshots-to-keep`. Default 1.
    pub keep_min: usize,
    /// Of more than these, the oldest go whatever their age, if the table does not say an age itself: every
    /// snapshot makes every commit and every load slower. Default 1,000.
    pub keep_max: usize,
    /// Files that no snapshot has go when they are older than this: another writer may be about to commit
    /// younger ones. Default three days, as in iceberg.
    pub orphan_age: Duration,
}

impl Default for ExpireSettings {
    fn default() -> ExpireSettings {
        let day = Duration::from_secs(24 * 3600);
        ExpireSettings { age_max: day * 5, keep_min: 1, keep_max: 1_000, orphan_age: day * 3 }
    }
}

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expired {
    pub snapshots: u64,
    pub files: u64,
}

impl Iceberg {
    /// Forgets old snapshots of the main branch, and deletes the files that only they had. Branches and tags
    /// keep theirs.
    pub async fn expire(
        &self,
        scope: &Scope,
        database: &str,
        name: &str,
        settings: &ExpireSettings,
    ) -> Result<Expired, IcebergError> {
        let table = self.load(scope, database, name).await?;
        let expired = old_snapshots(table.metadata(), settings, self.rt.now())?;
        if expired.is_empty() || !collects(&table) {
            return Ok(Expired::default());
        }
        let change = Change { expired: expired.clone(), ..Change::default() };
        let after = self.commit(scope, table.clone(), &change, Vec::new(), Txn::new()).await?;
        let files = self.left_behind(&table, &after, &expired).await?;
        let files = self.delete_files(files).await?;
        Ok(Expired { snapshots: expired.len() as u64, files })
    }

    /// The files that only the expired snapshots had.
    ///
    /// In a history without side branches, a snapshot has what the one before it had or what was added since. So what
    /// neither the oldest kept snapshot has, nor a kept one has added, no kept one has: reading the oldest kept one
    /// and the current one is enough, however many there are. Else all of them are read; also where another engine
    /// made one of them, which may have added again a file that was removed before.
    async fn left_behind(
        &self,
        before: &IcebergTable,
        after: &IcebergTable,
        expired: &[i64],
    ) -> Result<BTreeSet<String>, IcebergError> {
        let roots = roots(after.metadata());
        let is_line = roots.len() == 1 && {
            let line: HashSet<i64> = ancestors(before.metadata(), roots[0]).collect();
            let mut later =
                after.metadata().snapshots().filter(|snapshot| snapshot.snapshot_id() != roots[0]);
            expired.iter().all(|id| line.contains(id))
                && later.all(|snapshot| summary::is_ours(snapshot.summary()))
        };
        let known = if is_line {
            let ends: HashSet<i64> = roots.into_iter().chain(after.snapshot_id()).collect();
            self.reachable(after, &|id| ends.contains(&id)).await?
        } else {
            self.reachable(after, &|_| true).await?
        };
        let kept = |manifest: &ManifestFile| {
            known.contains(&manifest.manifest_path)
                || (is_line && after.metadata().snapshot_by_id(manifest.added_snapshot_id).is_some())
        };
        let mut files = BTreeSet::new();
        for id in expired {
            let Some(snapshot) = before.metadata().snapshot_by_id(*id) else { continue };
            files.insert(snapshot.manifest_list().to_owned());
            for manifest in manifests::of_snapshot(before, Some(*id)).await? {
                if kept(&manifest) || !files.insert(manifest.manifest_path.clone()) {
                    continue;
                }
                for (_, entries) in manifests::load(before, vec![manifest]).await? {
                    files.extend(entries.iter().map(|entry| entry.file_path().to_owned()));
                }
                if files.len() > FILES_MAX {
                    return Err(IcebergError::TooMany { limit: FILES_MAX, what: "expired files" });
                }
            }
        }
        files.retain(|file| !known.contains(file));
        Ok(files)
    }

    /// Deletes files below the table's folders that belong to no snapshot and are no metadata it remembers,
    /// and are older than [`ExpireSettings::orphan_age`].
    pub async fn remove_orphans(
        &self,
        scope: &Scope,
        database: &str,
        name: &str,
        settings: &ExpireSettings,
    ) -> Result<u64, IcebergError> {
        let table = self.load(scope, database, name).await?;
        if !collects(&table) {
            return Ok(0);
        }
        let before = self.rt.now().minus(settings.orphan_age);
        let mut old = BTreeSet::new();
        for folder in ["data", "metadata"] {
            let place = location::parse(&format!("{}/{folder}", table.metadata().location()))?;
            let mut request = ListRequest {
                prefix: place.prefix.clone(),
                delimiter: None,
                start_after: None,
                limit: KEYS_PAGE,
            };
            loop {
                let page = self.objects.list(&place.bucket, &request).await?;
                let objects = page.objects.into_iter().filter(|object| object.modified < before);
                old.extend(objects.map(|object| format!("s3://{}/{}", object.bucket, object.key)));
                if old.len() > FILES_MAX {
                    return Err(IcebergError::TooMany { limit: FILES_MAX, what: "files" });
                }
                match page.next {
                    Some(next) => request.start_after = Some(next),
                    None => break,
                }
            }
        }
        if old.is_empty() {
            return Ok(0);
        }
        // Loaded after the listing: what was committed meanwhile is not young enough to be listed, or is here.
        let table = self.load(scope, database, name).await?;
        let kept: HashSet<String> =
            self.reachable(&table, &|_| true).await?.iter().map(|file| normal(file)).collect();
        old.retain(|file| !kept.contains(file));
        self.delete_files(old).await
    }

    /// Every file that some of these snapshots of the table, or its memory of earlier metadata, refers to.
    async fn reachable(
        &self,
        table: &IcebergTable,
        is_read: &(dyn Fn(i64) -> bool + Sync),
    ) -> Result<HashSet<String>, IcebergError> {
        let metadata = table.metadata();
        let mut files: HashSet<String> = HashSet::new();
        files.extend(table.table.metadata_location().map(str::to_owned));
        files.extend(metadata.metadata_log().iter().map(|entry| entry.metadata_file.clone()));
        files.extend(metadata.statistics_iter().map(|statistics| statistics.statistics_path.clone()));
        files.extend(
            metadata.partition_statistics_iter().map(|statistics| statistics.statistics_path.clone()),
        );
        let mut seen: HashMap<String, ManifestFile> = HashMap::new();
        for snapshot in metadata.snapshots().filter(|snapshot| is_read(snapshot.snapshot_id())) {
            files.insert(snapshot.manifest_list().to_owned());
            for manifest in manifests::of_snapshot(table, Some(snapshot.snapshot_id())).await? {
                seen.insert(manifest.manifest_path.clone(), manifest);
            }
        }
        files.extend(seen.keys().cloned());
        for (_, entries) in manifests::load(table, seen.into_values().collect()).await? {
            let live = entries.iter().filter(|entry| entry.is_alive());
            files.extend(live.map(|entry| entry.file_path().to_owned()));
            if files.len() > FILES_MAX {
                return Err(IcebergError::TooMany { limit: FILES_MAX, what: "files" });
            }
        }
        Ok(files)
    }

    async fn delete_files(&self, files: BTreeSet<String>) -> Result<u64, IcebergError> {
        let mut deleted = 0;
        for file in files {
            let (bucket, key) = split(&file)?;
            deleted += u64::from(self.objects.delete(bucket, key).await?);
        }
        Ok(deleted)
    }
}

/// The kept snapshots whose parent is not kept.
fn roots(metadata: &TableMetadata) -> Vec<i64> {
    let kept = |id| metadata.snapshot_by_id(id).is_some();
    let roots =
        metadata.snapshots().filter(|snapshot| snapshot.parent_snapshot_id().is_none_or(|id| !kept(id)));
    roots.map(|snapshot| snapshot.snapshot_id()).collect()
}

fn ancestors(metadata: &TableMetadata, of: i64) -> impl Iterator<Item = i64> + '_ {
    let parent = |id: &i64| metadata.snapshot_by_id(*id)?.parent_snapshot_id();
    std::iter::successors(Some(of), parent)
}

/// `s3a` and `s3n` are `s3`.
fn normal(file: &str) -> String {
    split(file).map_or_else(|_| file.to_owned(), |(bucket, key)| format!("s3://{bucket}/{key}"))
}

/// Whether the table leaves the deleting of its files to us.
fn collects(table: &IcebergTable) -> bool {
    table.metadata().properties().get(COLLECT_PROPERTY).is_none_or(|value| value != "false")
}

/// The snapshots to forget: not one that a branch or tag needs, and never the current one.
///
/// Nothing is forgotten of a table that says what to keep in a way that cannot be understood.
fn old_snapshots(
    metadata: &TableMetadata,
    settings: &ExpireSettings,
    now: Timestamp,
) -> Result<Vec<i64>, IcebergError> {
    let age = property::<i64>(metadata, AGE_PROPERTY)?;
    let keep_min = property::<usize>(metadata, KEEP_PROPERTY)?;
    let keep_min = keep_min.unwrap_or(settings.keep_min).max(1);
    let keep_max = if age.is_some() { usize::MAX } else { settings.keep_max.max(keep_min) };
    let oldest = match age {
        Some(age) => now.as_millis().saturating_sub(age),
        None => now.minus(settings.age_max).as_millis(),
    };
    let mut kept = HashSet::new();
    for (name, reference) in references(metadata)? {
        let (keep_min, oldest, keep_max) = match &reference.retention {
            _ if name == MAIN_BRANCH => (keep_min, oldest, keep_max),
            SnapshotRetention::Tag { .. } => (1, i64::MAX, 1),
            SnapshotRetention::Branch { min_snapshots_to_keep, max_snapshot_age_ms, .. } => (
                min_snapshots_to_keep.and_then(|count| usize::try_from(count).ok()).unwrap_or(keep_min),
                max_snapshot_age_ms.map_or(oldest, |age| now.as_millis().saturating_sub(age)),
                usize::MAX,
            ),
        };
        let mut next = metadata.snapshot_for_ref(&name);
        let mut count = 0;
        while let Some(snapshot) = next {
            let young = snapshot.timestamp_ms() >= oldest;
            if count >= keep_min && (!young || count >= keep_max) {
                break;
            }
            kept.insert(snapshot.snapshot_id());
            count += 1;
            next = snapshot.parent_snapshot_id().and_then(|id| metadata.snapshot_by_id(id));
        }
    }
    let all = metadata.snapshots().map(|snapshot| snapshot.snapshot_id());
    let mut old: Vec<i64> = all.filter(|id| !kept.contains(id)).collect();
    old.sort_unstable();
    Ok(old)
}

fn property<T: FromStr>(metadata: &TableMetadata, name: &str) -> Result<Option<T>, IcebergError> {
    let invalid =
        |value: &String| IcebergError::Invalid(format!("the property {name} is no number: {value}"));
    metadata.properties().get(name).map(|value| value.parse().map_err(|_| invalid(value))).transpose()
}
