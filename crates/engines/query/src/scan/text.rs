//! Scans of line-oriented files: JSON and delimited text, plain or gzipped.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use bytes::Bytes;
use datafusion::catalog::Session;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::stream;
use lake::DataFile;
use lake::format::{CsvOptions, Format};
use lake::json::Decoder;
use objects::{ByteRange, Objects};

use super::lines::{Cutter, Fields};
use super::{LakeTable, Scan, failed, unreadable};
use crate::answer::Stats;
use crate::error::{ErrorKind, QueryError, fail};

/// Bytes read at a time.
const CHUNK: u64 = 4 << 20;

pub(super) fn plan(table: &LakeTable, _state: &dyn Session, scan: Scan) -> Result<Arc<dyn ExecutionPlan>> {
    let reading = reading(table).map_err(|error| {
        datafusion::error::DataFusionError::External(Box::new(crate::error::Failure(error)))
    })?;
    let all: Vec<usize> = (0..table.schema.fields().len()).collect();
    let projection = scan.projection.unwrap_or(all);
    let schema = Arc::new(table.schema.project(&projection)?);
    let mut groups: Vec<Vec<(DataFile, Vec<ScalarValue>)>> =
        vec![Vec::new(); scan.partitions.clamp(1, scan.files.len().max(1))];
    let count = groups.len();
    for (index, file) in scan.files.into_iter().enumerate() {
        let values = super::prune::typed(&table.keys_schema, &file.partition_values)?;
        groups[index % count].push((file, values));
    }
    let properties = PlanProperties::new(
        EquivalenceProperties::new(Arc::clone(&schema)),
        Partitioning::UnknownPartitioning(count),
        EmissionType::Incremental,
        Boundedness::Bounded,
    );
    let shared = Shared {
        objects: table.lake.objects().clone(),
        stats: Arc::clone(&table.stats),
        reading,
        files_schema: Arc::clone(&table.files_schema),
        schema,
        projection,
    };
    Ok(Arc::new(LineScan { shared: Arc::new(shared), groups, properties: Arc::new(properties) }))
}

fn reading(table: &LakeTable) -> std::result::Result<Reading, QueryError> {
    match &table.format {
        Format::Json(options) => {
            let schema = lake::types::schema(&table.table.columns).map_err(QueryError::internal)?;
            let decoder = Decoder::new(schema, options.clone()).map_err(|error| {
                QueryError::new(ErrorKind::NotSupported, format!("Table {}: {error}", table.table.name))
            })?;
            let lenient = table.table.storage.serde.parameters.get("ignore.malformed.json");
            Ok(Reading::Json {
                decoder,
                skip_malformed: lenient.is_some_and(|value| value.eq_ignore_ascii_case("true")),
            })
        }
        Format::Csv(options) => Ok(Reading::Delimited(options.clone())),
        Format::Parquet => Err(QueryError::internal("a Parquet table has no lines")),
    }
}

enum Reading {
    Json { decoder: Decoder, skip_malformed: bool },
    Delimited(CsvOptions),
}

struct Shared {
    objects: Objects,
    stats: Arc<Stats>,
    reading: Reading,
    files_schema: SchemaRef,
    /// After projection.
    schema: SchemaRef,
    projection: Vec<usize>,
}

struct LineScan {
    shared: Arc<Shared>,
    groups: Vec<Vec<(DataFile, Vec<ScalarValue>)>>,
    properties: Arc<PlanProperties>,
}

impl std::fmt::Debug for LineScan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LineScan")
    }
}

impl DisplayAs for LineScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let files: usize = self.groups.iter().map(Vec::len).sum();
        write!(f, "LineScan: files={files}")
    }
}

impl ExecutionPlan for LineScan {
    fn name(&self) -> &str {
        "LineScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let state = State {
            shared: Arc::clone(&self.shared),
            files: self.groups[partition].clone().into(),
            open: None,
            ready: VecDeque::new(),
            batch_rows: context.session_config().batch_size(),
        };
        let batches = stream::try_unfold(state, |mut state| async move {
            let next = state.next().await?;
            Ok(next.map(|batch| (batch, state)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.shared.schema), batches)))
    }
}

struct State {
    shared: Arc<Shared>,
    files: VecDeque<(DataFile, Vec<ScalarValue>)>,
    open: Option<Open>,
    ready: VecDeque<RecordBatch>,
    batch_rows: usize,
}

struct Open {
    file: DataFile,
    values: Vec<ScalarValue>,
    offset: u64,
    cutter: Cutter,
}

impl State {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            if self.open.is_none() {
                let Some((file, values)) = self.files.pop_front() else { return Ok(None) };
                let header = match &self.shared.reading {
                    Reading::Delimited(options) => options.header_lines,
                    Reading::Json { .. } => 0,
                };
                let cutter = Cutter::new(file.key.ends_with(".gz"), header);
                self.open = Some(Open { file, values, offset: 0, cutter });
            }
            self.advance().await?;
        }
    }

    async fn advance(&mut self) -> Result<()> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        let end = open.file.size.min(open.offset + CHUNK);
        let range = ByteRange::FromTo(open.offset, end);
        let bytes = self.shared.objects.get_bytes(&open.file.bucket, &open.file.key, Some(range)).await;
        let bytes = bytes.map_err(|error| {
            datafusion::error::DataFusionError::External(Box::new(failed(&open.file, &error)))
        })?;
        self.shared.stats.add_scanned(bytes.len() as u64);
        let done = end >= open.file.size;
        let lines = open.cutter.cut(bytes, done).map_err(|error| unreadable(&open.file, error))?;
        for lines in lines.chunks(self.batch_rows.max(1)) {
            let batch = self.shared.decode(lines, &open)?;
            self.ready.push_back(batch);
        }
        if !done {
            open.offset = end;
            self.open = Some(open);
        }
        Ok(())
    }
}

impl Shared {
    fn decode(&self, lines: &[Bytes], open: &Open) -> Result<RecordBatch> {
        let batch = match &self.reading {
            Reading::Json { decoder, skip_malformed } => {
                let decoded = decoder.decode(lines);
                if let Some(rejected) = decoded.rejected.first().filter(|_| !skip_malformed) {
                    let (bucket, key, reason) = (&open.file.bucket, &open.file.key, &rejected.reason);
                    return Err(fail(
                        ErrorKind::BadData,
                        format!("Error parsing a row of s3://{bucket}/{key}: {reason}"),
                    ));
                }
                decoded.batch
            }
            Reading::Delimited(options) => {
                Fields::new(options).batch(lines, &self.files_schema, &open.file)?
            }
        };
        self.project(&batch, &open.values)
    }

    /// The wanted columns in the table's types, partition values among them.
    fn project(&self, batch: &RecordBatch, values: &[ScalarValue]) -> Result<RecordBatch> {
        let width = self.files_schema.fields().len();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.projection.len());
        for (index, field) in self.projection.iter().zip(self.schema.fields()) {
            columns.push(match values.get(index.wrapping_sub(width)) {
                Some(value) if *index >= width => value.to_array_of_size(batch.num_rows())?,
                _ => arrow::compute::cast(batch.column(*index), field.data_type())?,
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let schema: Arc<Schema> = Arc::clone(&self.schema);
        Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
    }
}
