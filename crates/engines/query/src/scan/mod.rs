//! Tables of the lake as DataFusion reads them.
//!
//! A scan decides on the partitions first, from their values alone, lists only those, and reads of
//! each file only what the query needs. Every byte read is counted in the statement's [`Stats`].

mod adapt;
mod footer;
pub(crate) mod iceberg;
mod lines;
mod live;
mod parquet;
mod prune;
mod relabel;
mod text;

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{ScalarValue, Statistics, stats::Precision};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use lake::format::Format;
use lake::live::Snapshot;
use lake::{DataFile, Lake, Table};
use names::Scope;

pub(crate) use footer::FooterCache;

use crate::answer::Stats;
use crate::error::{ErrorKind, QueryError, fail};
use crate::types;

/// DataFusion wants every scan to name an object store; ours reads `objects` itself.
const STORE: &str = "mulgil://lake";

/// Tells the runtime the one store that scans name.
pub(crate) fn register(runtime: &RuntimeEnv) {
    let url = ObjectStoreUrl::parse(STORE).expect("the store's name is a URL");
    runtime.register_object_store(url.as_ref(), Arc::new(object_store::memory::InMemory::new()));
}

/// One table in one statement.
pub(crate) struct LakeTable {
    lake: Lake,
    scope: Scope,
    table: Table,
    format: Format,
    /// The columns in the files.
    files_schema: SchemaRef,
    /// The partition keys.
    keys_schema: SchemaRef,
    /// Both.
    schema: SchemaRef,
    footers: Arc<FooterCache>,
    stats: Arc<Stats>,
}

impl LakeTable {
    pub(crate) fn new(
        lake: Lake,
        scope: Scope,
        table: Table,
        footers: Arc<FooterCache>,
        stats: Arc<Stats>,
    ) -> std::result::Result<LakeTable, QueryError> {
        let unreadable = |message: String| QueryError::new(ErrorKind::BadData, message);
        let format = Format::of_table(&table).map_err(|error| {
            QueryError::new(
                ErrorKind::NotSupported,
                format!("Table {}.{}: {error}", table.database, table.name),
            )
        })?;
        let files_schema = schema_of(&table.columns).map_err(unreadable)?;
        let keys_schema = schema_of(&table.partition_keys).map_err(unreadable)?;
        let all = files_schema.fields().iter().chain(keys_schema.fields()).cloned().collect::<Vec<_>>();
        let schema = Arc::new(Schema::new(all));
        Ok(LakeTable { lake, scope, table, format, files_schema, keys_schema, schema, footers, stats })
    }

    async fn snapshot(&self, state: &dyn Session, filters: &[Expr]) -> Result<Snapshot> {
        let keep = prune::Pruner::new(state, &self.keys_schema, filters)?;
        let keep = |values: &[String]| keep.keeps(values);
        let snapshot = self.lake.snapshot(&self.scope, &self.table, &keep).await;
        let snapshot = snapshot.map_err(|error| DataFusionError::External(Box::new(error)))?;
        self.stats.add_files(snapshot.files.len() as u64);
        self.stats.add_scanned(snapshot.live.iter().map(|rows| rows.bytes).sum());
        Ok(snapshot)
    }
}

impl std::fmt::Debug for LakeTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LakeTable({}.{})", self.table.database, self.table.name)
    }
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let exact = |filter: &&Expr| {
            if prune::concerns_only(filter, &self.keys_schema) {
                TableProviderFilterPushDown::Exact
            } else {
                TableProviderFilterPushDown::Inexact
            }
        };
        Ok(filters.iter().map(exact).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Snapshot { files, live } = self.snapshot(state, filters).await?;
        let mut plans = Vec::new();
        if !files.is_empty() {
            let everything_is_exact =
                filters.iter().all(|filter| prune::concerns_only(filter, &self.keys_schema));
            let scan = Scan {
                files,
                projection: projection.cloned(),
                limit: limit.filter(|_| everything_is_exact),
                partitions: state.config().target_partitions(),
            };
            plans.push(match &self.format {
                Format::Parquet => parquet::plan(self, state, scan)?,
                Format::Json(_) | Format::Csv(_) => text::plan(self, state, scan)?,
            });
        }
        if !live.is_empty() {
            plans.push(live::plan(&live, &self.files_schema, &self.keys_schema, &self.schema, projection)?);
        }
        one_of(plans, &self.schema, projection)
    }
}

/// The rows of all plans.
fn one_of(
    mut plans: Vec<Arc<dyn ExecutionPlan>>,
    schema: &SchemaRef,
    projection: Option<&Vec<usize>>,
) -> Result<Arc<dyn ExecutionPlan>> {
    match plans.len() {
        0 => {
            let schema = match projection {
                Some(projection) => Arc::new(schema.project(projection)?),
                None => Arc::clone(schema),
            };
            Ok(Arc::new(EmptyExec::new(schema)))
        }
        1 => Ok(plans.remove(0)),
        _ => UnionExec::try_new(plans),
    }
}

/// What one scan of a table reads.
struct Scan {
    files: Vec<DataFile>,
    projection: Option<Vec<usize>>,
    limit: Option<usize>,
    /// How many streams there should be.
    partitions: usize,
}

impl LakeTable {
    /// A file as plans carry it, with its partition's values typed.
    fn partitioned(&self, file: &DataFile) -> Result<PartitionedFile> {
        let values = prune::typed(&self.keys_schema, &file.partition_values)?;
        let path = format!("{}/{}", file.bucket, file.etag);
        Ok(PartitionedFile::new(path, file.size).with_partition_values(values).with_extension(file.clone()))
    }

    fn statistics(&self, files: &[DataFile]) -> Statistics {
        let bytes: u64 = files.iter().map(|file| file.size).sum();
        Statistics {
            total_byte_size: Precision::Inexact(usize::try_from(bytes).unwrap_or(usize::MAX)),
            ..Statistics::new_unknown(&self.schema)
        }
    }
}

/// Lower-cased, nullable columns.
fn schema_of(columns: &[lake::Column]) -> std::result::Result<SchemaRef, String> {
    let fields = columns.iter().map(|column| {
        let parsed =
            lake::types::parse(&column.type_).map_err(|error| format!("column {}: {error}", column.name))?;
        Ok(Field::new(column.name.to_lowercase(), types::of_table(&parsed.to_arrow()), true))
    });
    Ok(Arc::new(Schema::new(fields.collect::<std::result::Result<Vec<_>, String>>()?)))
}

/// A file's failure as queries report it.
fn unreadable(file: &DataFile, reason: impl std::fmt::Display) -> DataFusionError {
    fail(ErrorKind::BadData, format!("Error opening s3://{}/{}: {reason}", file.bucket, file.key))
}

/// The value that a partition's text stands for.
pub(crate) fn partition_value(field: &Field, text: &str) -> Result<ScalarValue> {
    prune::value(field, text)
}

/// A failed read, as the carrier of a query's error.
fn failed(file: &DataFile, reason: &dyn std::error::Error) -> crate::error::Failure {
    let message = format!("Error reading s3://{}/{}: {reason}", file.bucket, file.key);
    crate::error::Failure(QueryError::new(ErrorKind::BadData, message))
}
