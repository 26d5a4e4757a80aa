//! Files that Iceberg's own reader reads: those with equality deletes.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::{StreamExt, TryStreamExt, stream};
use iceberg::scan::FileScanTask;

use crate::error::{ErrorKind, fail};

struct Files {
    table: iceberg::table::Table,
    schema: SchemaRef,
    tasks: Vec<FileScanTask>,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IcebergFiles({})", self.tasks.len())
    }
}

pub(super) fn plan(
    table: &iceberg::table::Table,
    schema: &SchemaRef,
    tasks: Vec<FileScanTask>,
    projection: Option<&Vec<usize>>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let files = Files { table: table.clone(), schema: Arc::clone(schema), tasks };
    let streams: Vec<Arc<dyn PartitionStream>> = vec![Arc::new(files)];
    let exec = StreamingTableExec::try_new(Arc::clone(schema), streams, projection, None, false, None)?;
    Ok(Arc::new(exec))
}

impl PartitionStream for Files {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let tasks = stream::iter(self.tasks.clone().into_iter().map(Ok)).boxed();
        let reader = self.table.reader_builder().with_batch_size(context.session_config().batch_size());
        let schema = Arc::clone(&self.schema);
        let batches = match reader.build().read(tasks) {
            Ok(result) => result.stream().map_err(unreadable).boxed(),
            Err(error) => stream::once(async move { Err(unreadable(error)) }).boxed(),
        };
        let wanted = Arc::clone(&schema);
        let batches = batches.and_then(move |batch| futures::future::ready(conform(&batch, &wanted)));
        Box::pin(RecordBatchStreamAdapter::new(schema, batches))
    }
}

/// The reader's columns stand in the table's order; only their types are spelled otherwise.
fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| cast(column, field.data_type()));
    let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

fn unreadable(error: iceberg::Error) -> DataFusionError {
    fail(ErrorKind::BadData, format!("a data file cannot be read: {error}"))
}
