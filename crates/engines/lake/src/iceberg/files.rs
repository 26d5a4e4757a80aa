//! Reading the table's own files column by column, with their rows' positions.

use std::collections::{HashMap, HashSet};

use ::iceberg::arrow::ArrowFileReader;
use ::iceberg::io::FileIO;
use ::iceberg::spec::{DataContentType, DataFile, DataFileFormat};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};

use super::manifests::{self, Loaded};
use super::{IcebergError, IcebergTable};

/// Rows read at once.
const BATCH_ROWS: usize = 8_192;

/// A live data file of a snapshot and what deletes from it.
#[derive(Debug, Clone)]
pub(super) struct LiveFile {
    pub(super) file: DataFile,
    pub(super) spec_id: i32,
    /// Delete files that say they name this data file and no other.
    pub(super) own_deletes: Vec<DataFile>,
}

/// The live files of a snapshot.
#[derive(Debug, Default)]
pub(super) struct LiveFiles {
    /// By location.
    pub(super) data: HashMap<String, LiveFile>,
    /// Position deletes that may touch several data files.
    pub(super) shared_deletes: Vec<DataFile>,
}

impl LiveFiles {
    /// Of the current snapshot. Tables with equality deletes, which we never write, are refused.
    pub(super) async fn of(table: &IcebergTable) -> Result<LiveFiles, IcebergError> {
        let manifests = manifests::of_snapshot(table, None).await?;
        let mut live = LiveFiles::default();
        let mut deletes = Vec::new();
        for (manifest, entries) in manifests::load(table, manifests).await? as Vec<Loaded> {
            for entry in entries.iter().filter(|entry| entry.is_alive()) {
                let file = entry.data_file.clone();
                match file.content_type() {
                    DataContentType::Data => {
                        let location = file.file_path().to_owned();
                        let one =
                            LiveFile { file, spec_id: manifest.partition_spec_id, own_deletes: Vec::new() };
                        live.data.insert(location, one);
                    }
                    DataContentType::PositionDeletes => deletes.push(file),
                    DataContentType::EqualityDeletes => {
                        return Err(IcebergError::Invalid("the table has equality deletes".into()));
                    }
                }
            }
        }
        for delete in deletes {
            match delete.referenced_data_file().and_then(|location| live.data.get_mut(&location)) {
                Some(one) => one.own_deletes.push(delete),
                None if delete.referenced_data_file().is_some() => {}
                None => live.shared_deletes.push(delete),
            }
        }
        Ok(live)
    }

    /// Finds the delete files that turn out to name one data file only, which Spark and Trino leave out of what
    /// they say of them, and makes them that file's own.
    pub(super) async fn tell_apart(&mut self, io: &FileIO) -> Result<(), IcebergError> {
        for delete in std::mem::take(&mut self.shared_deletes) {
            let mut named = HashMap::new();
            read_deletes(io, &delete, &mut named).await?;
            let mut files = named.into_keys();
            match (files.next(), files.next()) {
                (Some(only), None) => {
                    if let Some(one) = self.data.get_mut(&only) {
                        one.own_deletes.push(delete);
                    }
                }
                _ => self.shared_deletes.push(delete),
            }
        }
        Ok(())
    }

    /// Locations of the deletes that may touch several data files.
    pub(super) fn shared(&self) -> HashSet<String> {
        self.shared_deletes.iter().map(|delete| delete.file_path().to_owned()).collect()
    }

    /// The deleted positions of each data file, by location, sorted.
    pub(super) async fn deleted(&self, io: &FileIO) -> Result<HashMap<String, Vec<u64>>, IcebergError> {
        let own = self.data.values().flat_map(|one| &one.own_deletes);
        let mut deleted: HashMap<String, Vec<u64>> = HashMap::new();
        for file in own.chain(&self.shared_deletes) {
            read_deletes(io, file, &mut deleted).await?;
        }
        for positions in deleted.values_mut() {
            positions.sort_unstable();
            positions.dedup();
        }
        Ok(deleted)
    }
}

/// Adds the positions a delete file names, by data file.
pub(super) async fn read_deletes(
    io: &FileIO,
    file: &DataFile,
    into: &mut HashMap<String, Vec<u64>>,
) -> Result<(), IcebergError> {
    let mut batches = read(io, file, None).await?;
    while let Some(batch) = batches.try_next().await? {
        let invalid = || IcebergError::Invalid(format!("{} holds no position deletes", file.file_path()));
        let paths = batch.column_by_name("file_path").ok_or_else(invalid)?;
        let paths = arrow::compute::cast(paths, &arrow::datatypes::DataType::Utf8)?;
        let paths = paths.as_string::<i32>();
        let positions = batch.column_by_name("pos").and_then(|pos| pos.as_primitive_opt::<Int64Type>());
        let positions = positions.ok_or_else(invalid)?;
        for row in 0..batch.num_rows() {
            let position = u64::try_from(positions.value(row)).map_err(|_| invalid())?;
            match into.get_mut(paths.value(row)) {
                Some(of_file) => of_file.push(position),
                None => {
                    into.insert(paths.value(row).to_owned(), vec![position]);
                }
            }
        }
    }
    Ok(())
}

/// The rows of a Parquet file in their order, with the top-level columns of these field ids, or all.
pub(super) async fn read(
    io: &FileIO,
    file: &DataFile,
    field_ids: Option<&[i32]>,
) -> Result<BoxStream<'static, Result<RecordBatch, IcebergError>>, IcebergError> {
    if file.file_format() != DataFileFormat::Parquet {
        let reason = format!("{} is not a Parquet file", file.file_path());
        return Err(IcebergError::Invalid(reason));
    }
    let input = io.new_input(file.file_path())?;
    let size = ::iceberg::io::FileMetadata { size: file.file_size_in_bytes() };
    let reader = ArrowFileReader::new(size, input.reader().await?);
    // Files of other writers may hold an Arrow schema that says less than the Parquet one.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder =
        ParquetRecordBatchStreamBuilder::new_with_options(reader, options).await.map_err(unreadable)?;
    let mask = match field_ids {
        None => ProjectionMask::all(),
        Some(ids) => {
            let schema = builder.parquet_schema();
            let roots = schema.root_schema().get_fields().iter().enumerate();
            let wanted = roots.filter(|(_, field)| {
                let info = field.get_basic_info();
                info.has_id() && ids.contains(&info.id())
            });
            ProjectionMask::roots(schema, wanted.map(|(at, _)| at).collect::<Vec<_>>())
        }
    };
    let stream = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(unreadable)?;
    Ok(stream.map_err(unreadable).boxed())
}

fn unreadable(error: parquet::errors::ParquetError) -> IcebergError {
    IcebergError::Parquet(error.into())
}
