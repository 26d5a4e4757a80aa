//! Rows that a delivery has not written yet, beside the files of their table.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;
use lake::live::LiveRows;

use super::prune;

/// The rows as a scan of a table with the columns `files` and the partition keys `keys` would give them.
pub(super) fn plan(
    rows: &[LiveRows],
    files: &SchemaRef,
    keys: &SchemaRef,
    whole: &SchemaRef,
    projection: Option<&Vec<usize>>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let batches = rows.iter().map(|rows| conform(rows, files, keys, whole)).collect::<Result<Vec<_>>>()?;
    let plan = MemorySourceConfig::try_new_exec(&[batches], Arc::clone(whole), projection.cloned())?;
    Ok(plan)
}

fn conform(rows: &LiveRows, files: &SchemaRef, keys: &SchemaRef, whole: &SchemaRef) -> Result<RecordBatch> {
    let count = rows.batch.num_rows();
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(whole.fields().len());
    for field in files.fields() {
        let schema = rows.batch.schema_ref();
        let found = schema.fields().iter().position(|own| own.name().eq_ignore_ascii_case(field.name()));
        columns.push(match found {
            Some(index) => cast(rows.batch.column(index), field.data_type())?,
            None => new_null_array(field.data_type(), count),
        });
    }
    for value in prune::typed(keys, &rows.values)? {
        columns.push(value.to_array_of_size(count)?);
    }
    Ok(RecordBatch::try_new(Arc::clone(whole), columns)?)
}
