//! Position deletes as row selections.

use std::collections::HashMap;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::error::{DataFusionError, Result};
use futures::TryStreamExt;
use iceberg::scan::FileScanTask;
use lake::DataFile;
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use parquet::arrow::async_reader::AsyncFileReader;

use super::data_file;
use crate::error::{ErrorKind, fail};
use crate::scan::footer::Readers;

/// The most deleted rows one scan remembers.
const POSITIONS_MAX: usize = 100_000_000;

/// Rows that are gone, by the file that they lie in.
#[derive(Default)]
pub(super) struct Deletes {
    positions: HashMap<String, Vec<u64>>,
}

impl Deletes {
    /// Reads each delete file once, however many data files it concerns.
    pub(super) async fn load(readers: &Readers, tasks: &[FileScanTask]) -> Result<Deletes> {
        let mut files: HashMap<&str, u64> = HashMap::new();
        for delete in tasks.iter().flat_map(|task| &task.deletes) {
            files.insert(&delete.file_path, delete.file_size_in_bytes);
        }
        let wanted = tasks.iter().filter(|task| !task.deletes.is_empty());
        let mut deletes =
            Deletes { positions: wanted.map(|task| (task.data_file_path.clone(), Vec::new())).collect() };
        let mut count = 0;
        for (path, size) in files {
            count += deletes.read(readers, data_file(path, size)?).await?;
            if count > POSITIONS_MAX {
                let message = format!("more than {POSITIONS_MAX} rows of the table are deleted by position");
                return Err(fail(ErrorKind::ResourceExhausted, message));
            }
        }
        for positions in deletes.positions.values_mut() {
            positions.sort_unstable();
            positions.dedup();
        }
        Ok(deletes)
    }

    async fn read(&mut self, readers: &Readers, file: DataFile) -> Result<usize> {
        let unreadable = |error: &dyn std::error::Error| {
            let message = format!("the delete file s3://{}/{}: {error}", file.bucket, file.key);
            fail(ErrorKind::BadData, message)
        };
        let reader = readers.reader(file.clone());
        let builder =
            ParquetRecordBatchStreamBuilder::new(reader).await.map_err(|error| unreadable(&error))?;
        let mut batches = builder.build().map_err(|error| unreadable(&error))?;
        let mut count = 0;
        while let Some(batch) = batches.try_next().await.map_err(|error| unreadable(&error))? {
            let named = |name: &str| {
                batch
                    .column_by_name(name)
                    .cloned()
                    .ok_or_else(|| fail(ErrorKind::BadData, format!("a delete file has no column {name}")))
            };
            let paths = arrow::compute::cast(&named("file_path")?, &arrow::datatypes::DataType::Utf8)?;
            let paths = paths.as_string::<i32>();
            let positions = arrow::compute::cast(&named("pos")?, &arrow::datatypes::DataType::Int64)?;
            let positions = positions.as_primitive::<Int64Type>();
            for row in 0..batch.num_rows() {
                if paths.is_null(row) || positions.is_null(row) {
                    continue;
                }
                if let Some(known) = self.positions.get_mut(paths.value(row)) {
                    known.push(u64::try_from(positions.value(row)).unwrap_or(u64::MAX));
                    count += 1;
                }
            }
        }
        Ok(count)
    }

    /// Which rows of the file are left; `None`: all of them.
    pub(super) async fn access(
        &self,
        readers: &Readers,
        file: &DataFile,
        path: &str,
    ) -> Result<Option<ParquetAccessPlan>> {
        let Some(positions) = self.positions.get(path).filter(|positions| !positions.is_empty()) else {
            return Ok(None);
        };
        let mut reader = readers.reader(file.clone());
        let footer = reader
            .get_metadata(None)
            .await
            .map_err(|error| DataFusionError::External(Box::new(crate::scan::failed(file, &error))))?;
        let rows = footer.row_groups().iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(0));
        Ok(Some(ParquetAccessPlan::new(selections(rows, positions))))
    }
}

/// `positions` are sorted, without repetition, and count from the file's first row.
fn selections(row_groups: impl Iterator<Item = u64>, positions: &[u64]) -> Vec<RowGroupAccess> {
    let mut left = positions;
    let mut start = 0;
    let mut groups = Vec::new();
    for rows in row_groups {
        let end = start + rows;
        let (here, rest) = left.split_at(left.partition_point(|position| *position < end));
        left = rest;
        groups.push(match here.len() as u64 {
            0 => RowGroupAccess::Scan,
            all if all == rows => RowGroupAccess::Skip,
            _ => RowGroupAccess::Selection(without(here, start, end)),
        });
        start = end;
    }
    groups
}

fn without(positions: &[u64], start: u64, end: u64) -> RowSelection {
    let count = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
    let mut selectors: Vec<RowSelector> = Vec::new();
    let mut next = start;
    for position in positions {
        if *position > next {
            selectors.push(RowSelector::select(count(position - next)));
        }
        match selectors.last_mut() {
            Some(last) if last.skip => last.row_count += 1,
            _ => selectors.push(RowSelector::skip(1)),
        }
        next = position + 1;
    }
    if next < end {
        selectors.push(RowSelector::select(count(end - next)));
    }
    selectors.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deleted_rows_are_skipped_group_by_group() {
        let groups = selections([4, 3, 2].into_iter(), &[0, 2, 3, 7, 8]);
        let RowGroupAccess::Selection(first) = &groups[0] else { panic!("{groups:?}") };
        let expected = vec![RowSelector::skip(1), RowSelector::select(1), RowSelector::skip(2)];
        assert_eq!(first.iter().copied().collect::<Vec<_>>(), expected);
        assert!(matches!(groups[1], RowGroupAccess::Scan));
        assert!(matches!(groups[2], RowGroupAccess::Skip));
    }
}
