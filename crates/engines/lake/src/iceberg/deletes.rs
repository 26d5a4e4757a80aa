//! Files of deleted positions, each of one data file.

use std::collections::HashMap;
use std::sync::Arc;

use ::iceberg::spec::{DataContentType, DataFileBuilder, DataFileFormat, Datum};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::files::LiveFile;
use super::{Iceberg, IcebergError, IcebergTable, NewFile};
use crate::parquet::{ParquetSettings, write};

/// The field ids that iceberg reserves for these two columns.
const FILE_PATH_ID: i32 = 2_147_483_546;
const POSITION_ID: i32 = 2_147_483_545;

/// Rows encoded at once.
const BATCH_ROWS: usize = 65_536;

impl Iceberg {
    /// A file that deletes these positions, ascending, of one data file.
    pub(super) async fn delete_file(
        &self,
        table: &IcebergTable,
        of: &LiveFile,
        positions: &[u64],
    ) -> Result<NewFile, IcebergError> {
        let schema = schema();
        let path = of.file.file_path();
        let mut batches = Vec::new();
        for chunk in positions.chunks(BATCH_ROWS) {
            let paths: ArrayRef = Arc::new(StringArray::from_iter_values(chunk.iter().map(|_| path)));
            let numbers = chunk.iter().map(|&position| i64::try_from(position).unwrap_or(i64::MAX));
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers));
            batches.push(RecordBatch::try_new(schema.clone(), vec![paths, numbers])?);
        }
        let bytes = self
            .rt
            .blocking("iceberg encode", move || write(schema, &ParquetSettings::default(), &batches))
            .await?;
        let location = format!("{}/data/{}-deletes.parquet", table.metadata().location(), self.rt.uuid());
        let staged = self.stage(&location, bytes).await?;
        let bound = |position: Option<&u64>| {
            Datum::long(i64::try_from(position.copied().unwrap_or(0)).unwrap_or(i64::MAX))
        };
        // The same path below and above says that all deletes are of this one file.
        let lower =
            HashMap::from([(FILE_PATH_ID, Datum::string(path)), (POSITION_ID, bound(positions.first()))]);
        let upper =
            HashMap::from([(FILE_PATH_ID, Datum::string(path)), (POSITION_ID, bound(positions.last()))]);
        let file = DataFileBuilder::default()
            .content(DataContentType::PositionDeletes)
            .file_path(location)
            .file_format(DataFileFormat::Parquet)
            .partition(of.file.partition().clone())
            .partition_spec_id(of.spec_id)
            .record_count(positions.len() as u64)
            .file_size_in_bytes(staged.size())
            .lower_bounds(lower)
            .upper_bounds(upper)
            .referenced_data_file(Some(path.to_owned()))
            .build()
            .map_err(|error| IcebergError::Invalid(error.to_string()))?;
        Ok(NewFile { staged, file, spec_id: of.spec_id })
    }
}

pub(super) fn schema() -> SchemaRef {
    let field = |name: &str, type_: DataType, id: i32| {
        Field::new(name, type_, false).with_metadata([("PARQUET:field_id".to_owned(), id.to_string())].into())
    };
    Arc::new(Schema::new(vec![
        field("file_path", DataType::Utf8, FILE_PATH_ID),
        field("pos", DataType::Int64, POSITION_ID),
    ]))
}
