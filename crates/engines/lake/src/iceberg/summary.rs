//! What a snapshot says of itself, with iceberg's names.

use std::collections::{HashMap, HashSet};

use ::iceberg::spec::{DataContentType, DataFile, Struct, Summary};

use super::commit::Change;

/// Who made a snapshot, as other engines say it too.
const ENGINE: (&str, &str) = ("engine-name", "mulgil");

/// Whether the snapshot is of our making.
pub(super) fn is_ours(summary: &Summary) -> bool {
    summary.additional_properties.get(ENGINE.0).is_some_and(|engine| engine == ENGINE.1)
}

#[derive(Default)]
struct Counts {
    data_files: u64,
    records: u64,
    delete_files: u64,
    position_delete_files: u64,
    position_deletes: u64,
    equality_delete_files: u64,
    equality_deletes: u64,
    bytes: u64,
}

impl Counts {
    fn of<'a>(files: impl Iterator<Item = &'a DataFile>) -> Counts {
        let mut counts = Counts::default();
        for file in files {
            counts.bytes += file.file_size_in_bytes();
            match file.content_type() {
                DataContentType::Data => {
                    counts.data_files += 1;
                    counts.records += file.record_count();
                }
                DataContentType::PositionDeletes => {
                    counts.delete_files += 1;
                    counts.position_delete_files += 1;
                    counts.position_deletes += file.record_count();
                }
                DataContentType::EqualityDeletes => {
                    counts.delete_files += 1;
                    counts.equality_delete_files += 1;
                    counts.equality_deletes += file.record_count();
                }
            }
        }
        counts
    }
}

pub(super) fn of(
    change: &Change,
    removed: &[DataFile],
    previous: Option<&Summary>,
) -> HashMap<String, String> {
    let added = Counts::of(change.added.iter().map(|added| &added.file));
    let gone = Counts::of(removed.iter());
    let mut summary = HashMap::from([(ENGINE.0.to_owned(), ENGINE.1.to_owned())]);
    let counts = [
        ("added-data-files", added.data_files),
        ("deleted-data-files", gone.data_files),
        ("added-records", added.records),
        ("deleted-records", gone.records),
        ("added-delete-files", added.delete_files),
        ("removed-delete-files", gone.delete_files),
        ("added-position-delete-files", added.position_delete_files),
        ("removed-position-delete-files", gone.position_delete_files),
        ("added-position-deletes", added.position_deletes),
        ("removed-position-deletes", gone.position_deletes),
        ("removed-equality-delete-files", gone.equality_delete_files),
        ("removed-equality-deletes", gone.equality_deletes),
        ("added-files-size", added.bytes),
        ("removed-files-size", gone.bytes),
    ];
    for (name, count) in counts {
        if count > 0 {
            summary.insert(name.to_owned(), count.to_string());
        }
    }
    let partitions: HashSet<&Struct> =
        change.added.iter().map(|added| &added.file).chain(removed).map(DataFile::partition).collect();
    summary.insert("changed-partition-count".to_owned(), partitions.len().to_string());
    let totals = [
        ("total-data-files", added.data_files, gone.data_files),
        ("total-records", added.records, gone.records),
        ("total-delete-files", added.delete_files, gone.delete_files),
        ("total-position-deletes", added.position_deletes, gone.position_deletes),
        ("total-equality-deletes", added.equality_deletes, gone.equality_deletes),
        ("total-files-size", added.bytes, gone.bytes),
    ];
    for (name, more, less) in totals {
        if let Some(before) = total(previous, name) {
            summary.insert(name.to_owned(), (before + more).saturating_sub(less).to_string());
        }
    }
    summary.insert("engine-name".to_owned(), "mulgil".to_owned());
    summary.extend(change.summary.clone());
    summary
}

/// `None` when the snapshot before does not say: a total is told only if it is known.
fn total(previous: Option<&Summary>, name: &str) -> Option<u64> {
    match previous {
        None => Some(0),
        Some(previous) => previous.additional_properties.get(name)?.parse().ok(),
    }
}
