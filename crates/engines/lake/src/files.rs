use futures::{StreamExt, TryStreamExt, stream};
use names::Scope;
use objects::{ListRequest, ObjectError, ObjectInfo};
use rt::Timestamp;
use thiserror::Error;

use crate::catalog::{CatalogError, PageRequest};
use crate::filter::{FilterError, PartitionFilter};
use crate::location::{self, Location, LocationError};
use crate::model::{Column, Partition, Table};
use crate::{Lake, partition};

/// The most data objects one table scan touches.
pub const FILES_MAX: usize = 1_000_000;

/// The most partitions one discovery finds.
pub const DISCOVERED_MAX: usize = 100_000;

/// Partitions listed at the same time.
const LISTINGS_CONCURRENT: usize = 8;

/// Keys asked for at once.
const LIST_PAGE: usize = 1_000;

/// Partitions read from the catalog at once.
const PARTITIONS_PAGE: usize = 1_000;

/// One object with rows of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    pub bucket: String,
    pub key: String,
    /// Bytes, more than 0.
    pub size: u64,
    pub etag: String,
    pub modified: Timestamp,
    /// Of the partition it lies in; empty for a table without partitions.
    pub partition_values: Vec<String>,
}

/// What stands between a table and its objects.
#[derive(Debug, Error)]
pub enum LakeError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error("table {table} has no location")]
    NoLocation { table: String },
    #[error(transparent)]
    Location(#[from] LocationError),
    #[error(transparent)]
    Filter(#[from] FilterError),
    #[error("the objects could not be listed")]
    Objects(#[from] ObjectError),
    #[error("table {table} has more than {limit} {what}")]
    TooMany { table: String, limit: usize, what: &'static str },
    /// A property of the table asks for what is not built.
    #[error("table {table}: the property {property} is not supported")]
    Unsupported { table: String, property: String },
}

impl Lake {
    /// The table's data objects in the order of their partitions and keys, those of partitions that
    /// `keep` refuses left out. Objects that are empty or whose name begins with `_` or `.` hold no
    /// data, by Hive's custom.
    pub async fn files(
        &self,
        scope: &Scope,
        table: &Table,
        keep: &(dyn Fn(&[String]) -> bool + Sync),
    ) -> Result<Vec<DataFile>, LakeError> {
        if table.partition_keys.is_empty() {
            return self.folder(table, location_of(table)?, Vec::new()).await;
        }
        let partitions = self.partitions_of(scope, table, None).await?;
        self.files_in(table, partitions.into_iter().filter(|one| keep(&one.values)).collect()).await
    }

    /// As [`Lake::files`], with the partitions chosen by a filter that the catalog reads by.
    pub async fn files_where(
        &self,
        scope: &Scope,
        table: &Table,
        filter: &PartitionFilter,
    ) -> Result<Vec<DataFile>, LakeError> {
        if table.partition_keys.is_empty() {
            return self.folder(table, location_of(table)?, Vec::new()).await;
        }
        let partitions = self.partitions_of(scope, table, Some(filter)).await?;
        self.files_in(table, partitions).await
    }

    /// All partitions of a table that pass the filter.
    pub async fn partitions_of(
        &self,
        scope: &Scope,
        table: &Table,
        filter: Option<&PartitionFilter>,
    ) -> Result<Vec<Partition>, LakeError> {
        refuse_projection(table)?;
        let mut partitions = Vec::new();
        let mut page = PageRequest::first(PARTITIONS_PAGE);
        loop {
            let listing = self.catalog.partitions(scope, &table.database, &table.name, filter, &page).await?;
            partitions.extend(listing.items);
            if partitions.len() > FILES_MAX {
                return Err(too_many(table, FILES_MAX, "partitions"));
            }
            match listing.next {
                Some(next) => page.after = Some(next),
                None => return Ok(partitions),
            }
        }
    }

    /// The data objects of these partitions of a table.
    pub async fn files_in(
        &self,
        table: &Table,
        partitions: Vec<Partition>,
    ) -> Result<Vec<DataFile>, LakeError> {
        let listings = partitions.into_iter().map(|one| async move {
            let place = match &one.storage.location {
                Some(text) => location::parse(text)?,
                None => location_of(table)?.join(&partition::path(&table.partition_keys, &one.values)),
            };
            self.folder(table, place, one.values).await
        });
        let mut files = Vec::new();
        let mut listings = stream::iter(listings).buffered(LISTINGS_CONCURRENT);
        while let Some(more) = listings.try_next().await? {
            files.extend(more);
            if files.len() > FILES_MAX {
                return Err(too_many(table, FILES_MAX, "data objects"));
            }
        }
        Ok(files)
    }

    /// Adds to the catalog every partition whose `key=value/…` folder lies below the table's location
    /// and answers the values of those that were new, in order. Folders that do not name the table's
    /// keys in their order are passed over, and nothing is ever removed.
    pub async fn discover_partitions(
        &self,
        scope: &Scope,
        table: &Table,
    ) -> Result<Vec<Vec<String>>, LakeError> {
        refuse_projection(table)?;
        let mut level = vec![(location_of(table)?, Vec::new())];
        for key in &table.partition_keys {
            let mut below = Vec::new();
            for (folder, values) in &level {
                self.subfolders(table, key, folder, values, &mut below).await?;
            }
            level = below;
        }
        if table.partition_keys.is_empty() {
            return Ok(Vec::new());
        }
        let found = level.into_iter().map(|(folder, values)| {
            let mut storage = table.storage.clone();
            storage.location = Some(folder.to_string());
            storage.columns.clone_from(&table.columns);
            Partition::new(values, storage)
        });
        let found: Vec<Partition> = found.collect();
        let values: Vec<Vec<String>> = found.iter().map(|one| one.values.clone()).collect();
        let outcomes = self.catalog.create_partitions(scope, &table.database, &table.name, found).await?;
        let mut added = Vec::new();
        for (values, outcome) in values.into_iter().zip(outcomes) {
            match outcome {
                Ok(()) => added.push(values),
                Err(CatalogError::PartitionExists { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(added)
    }

    async fn subfolders(
        &self,
        table: &Table,
        key: &Column,
        folder: &Location,
        values: &[String],
        found: &mut Vec<(Location, Vec<String>)>,
    ) -> Result<(), LakeError> {
        let mut request = ListRequest {
            prefix: folder.prefix.clone(),
            delimiter: Some("/".to_owned()),
            start_after: None,
            limit: LIST_PAGE,
        };
        loop {
            let page = self.objects.list(&folder.bucket, &request).await?;
            for prefix in &page.prefixes {
                let name = prefix[folder.prefix.len()..].trim_end_matches('/');
                let Some((name, value)) = partition::parse_folder(name) else { continue };
                if !name.eq_ignore_ascii_case(&key.name) {
                    continue;
                }
                if found.len() == DISCOVERED_MAX {
                    return Err(too_many(table, DISCOVERED_MAX, "partition folders"));
                }
                let place = Location { bucket: folder.bucket.clone(), prefix: prefix.clone() };
                found.push((place, values.iter().cloned().chain([value]).collect()));
            }
            match page.next {
                Some(next) => request.start_after = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn folder(
        &self,
        table: &Table,
        place: Location,
        partition_values: Vec<String>,
    ) -> Result<Vec<DataFile>, LakeError> {
        let mut request =
            ListRequest { prefix: place.prefix, delimiter: None, start_after: None, limit: LIST_PAGE };
        let mut files = Vec::new();
        loop {
            let page = self.objects.list(&place.bucket, &request).await?;
            for object in page.objects.into_iter().filter(|object| is_data(object, &request.prefix)) {
                files.push(DataFile {
                    bucket: object.bucket,
                    key: object.key,
                    size: object.size,
                    etag: object.etag,
                    modified: object.modified,
                    partition_values: partition_values.clone(),
                });
            }
            if files.len() > FILES_MAX {
                return Err(too_many(table, FILES_MAX, "data objects"));
            }
            match page.next {
                Some(next) => request.start_after = Some(next),
                None => return Ok(files),
            }
        }
    }
}

/// Whether no part of the path below the folder is hidden.
fn is_data(object: &ObjectInfo, folder: &str) -> bool {
    let below = object.key.strip_prefix(folder).unwrap_or(&object.key);
    object.size > 0 && !below.split('/').any(|part| part.starts_with(['_', '.']))
}

fn location_of(table: &Table) -> Result<Location, LakeError> {
    match table.storage.location.as_deref().filter(|text| !text.is_empty()) {
        Some(text) => Ok(location::parse(text)?),
        None => Err(LakeError::NoLocation { table: table.name.clone() }),
    }
}

fn refuse_projection(table: &Table) -> Result<(), LakeError> {
    const PROPERTY: &str = "projection.enabled";
    if table.parameters.get(PROPERTY).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Err(LakeError::Unsupported { table: table.name.clone(), property: PROPERTY.to_owned() });
    }
    Ok(())
}

fn too_many(table: &Table, limit: usize, what: &'static str) -> LakeError {
    LakeError::TooMany { table: table.name.clone(), limit, what }
}

#[cfg(test)]
mod tests;
