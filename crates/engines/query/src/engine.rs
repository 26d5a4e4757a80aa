//! Statements in, answers out.

use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder};
use datafusion::logical_expr::{LogicalPlan, TableSource};
use datafusion::physical_plan::{ExecutionPlan, displayable, execute_stream};
use datafusion::prelude::SessionConfig;
use datafusion::sql::planner::SqlToRel;
use datafusion::sql::sqlparser::ast::{Query, Statement};
use lake::Lake;
use names::Scope;
use rt::{Rt, Stop, Timestamp};

use crate::answer::{Answer, AnswerColumn, Kind, Rows, Stats};
use crate::error::{ErrorKind, QueryError};
use crate::failure::explain;
use crate::functions::Registry;
use crate::parse::{self, Prepared, Tokens};
use crate::plan::{self, Names};
use crate::scan::FooterCache;
use crate::{ddl, rewrite, types};

/// The catalog every account has.
pub(crate) const CATALOG: &str = "awsdatacatalog";

/// Bounds of one engine.
#[derive(Debug, Clone)]
pub struct QuerySettings {
    /// Bytes that all running statements together may hold in operators. Default 1 GiB.
    pub memory_limit: usize,
    /// Rows per Arrow batch. Default 8192, DataFusion's own optimum.
    pub batch_size: usize,
    /// Partitions a plan is split into. Default: the machine's cores.
    pub threads: usize,
    /// Where sorts and aggregations spill to when memory is short. Default nowhere: they fail.
    pub spill_directory: Option<PathBuf>,
    /// Bytes of decoded Parquet footers kept between statements. Default 64 MiB.
    pub footer_cache_limit: usize,
}

impl Default for QuerySettings {
    fn default() -> QuerySettings {
        QuerySettings {
            memory_limit: 1 << 30,
            batch_size: 8192,
            threads: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
            spill_directory: None,
            footer_cache_limit: 64 << 20,
        }
    }
}

/// Who asks, against what, when.
#[derive(Debug, Clone)]
pub struct Session {
    pub scope: Scope,
    /// Default `awsdatacatalog`.
    pub catalog: Option<String>,
    /// For names without a database. Default `default`.
    pub database: Option<String>,
    /// The statement's `now()`.
    pub now: Timestamp,
}

impl Session {
    pub(crate) fn database(&self) -> String {
        self.database.as_deref().unwrap_or("default").to_lowercase()
    }
}

/// Runs statements over one lake. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    rt: Rt,
    lake: Lake,
    state: SessionState,
    registry: Registry,
    footers: Arc<FooterCache>,
}

impl Engine {
    pub fn new(rt: Rt, lake: Lake, settings: QuerySettings) -> Engine {
        let footers = Arc::new(FooterCache::new(settings.footer_cache_limit));
        let state = session_state(&settings);
        Engine { inner: Arc::new(Inner { rt, lake, state, registry: Registry::new(), footers }) }
    }

    /// Runs one statement. A query's rows are produced while the answer is read; everything else has
    /// happened when this returns. `parameters` are SQL literals for the statement's `?`, in order.
    pub async fn run(
        &self,
        session: &Session,
        sql: &str,
        parameters: &[String],
        stop: Stop,
    ) -> Result<Answer, QueryError> {
        if Prepared::of(sql)?.is_some() {
            return Err(QueryError::unsupported("A prepared statement outside of a workgroup"));
        }
        if let Some(statement) = ddl::parse(sql)? {
            return ddl::run(self, session, statement).await;
        }
        let tokens = statement(sql)?;
        let tokens = tokens.with_parameters(parameters)?;
        if tokens.starts_with(&["explain"]) {
            return self.explain(session, &tokens, stop).await;
        }
        self.select(session, &tokens, stop).await
    }

    /// Checks a statement's syntax without looking at any table. What is not built passes: it fails when it
    /// runs.
    pub fn check(sql: &str) -> Result<(), QueryError> {
        match parsed(sql) {
            Err(error) if error.kind == ErrorKind::Syntax => Err(error),
            _ => Ok(()),
        }
    }

    pub(crate) fn lake(&self) -> &Lake {
        &self.inner.lake
    }

    pub(crate) fn footers(&self) -> Arc<FooterCache> {
        Arc::clone(&self.inner.footers)
    }

    /// A query's rows.
    pub(crate) async fn batches(
        &self,
        session: &Session,
        tokens: &Tokens,
    ) -> Result<SendableRecordBatchStream, QueryError> {
        let planned = self.plan(session, tokens, &Arc::new(Stats::default())).await?;
        execute_stream(planned.physical, self.inner.state.task_ctx())
            .map_err(|error| explain(&error, Some(tokens)))
    }

    async fn select(&self, session: &Session, tokens: &Tokens, stop: Stop) -> Result<Answer, QueryError> {
        let stats = Arc::new(Stats::default());
        let planned = self.plan(session, tokens, &stats).await?;
        let columns = planned.columns.clone();
        let stream = execute_stream(planned.physical, self.inner.state.task_ctx())
            .map_err(|error| explain(&error, Some(tokens)))?;
        let rows = Rows::stream(stream, stop, Arc::clone(&stats));
        Ok(Answer { kind: Kind::Dml, verb: "SELECT".into(), columns, rows, stats })
    }

    async fn plan(
        &self,
        session: &Session,
        tokens: &Tokens,
        stats: &Arc<Stats>,
    ) -> Result<Planned, QueryError> {
        let started = self.inner.rt.instant();
        let mut query = parse::query(tokens)?;
        let spelled = top_level_spelling(&query, tokens);
        let logical = self.logical(session, &mut query, tokens, stats, 0).await?;
        let mut columns = columns_of(&logical);
        for (column, name) in columns.iter_mut().zip(spelled) {
            if let Some(name) = name {
                column.name = name;
            }
        }
        let physical = self.inner.state.create_physical_plan(&logical).await;
        let physical = physical.map_err(|error| explain(&error, Some(tokens)))?;
        stats.set_planning(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
        Ok(Planned { logical, physical, columns })
    }

    /// The columns a view over `sql` would have.
    pub(crate) async fn describe_query(
        &self,
        session: &Session,
        tokens: &Tokens,
    ) -> Result<Vec<(String, arrow::datatypes::DataType)>, QueryError> {
        let mut query = parse::query(tokens)?;
        let logical = self.logical(session, &mut query, tokens, &Arc::new(Stats::default()), 0).await?;
        let fields = logical.schema().fields().iter();
        Ok(fields
            .map(|field| (visible(field.name()).to_owned(), types::canonical(field.data_type())))
            .collect())
    }

    /// Boxed, since a view's plan contains plans.
    pub(crate) fn logical<'a>(
        &'a self,
        session: &'a Session,
        query: &'a mut Query,
        tokens: &'a Tokens,
        stats: &'a Arc<Stats>,
        depth: usize,
    ) -> Pin<Box<dyn Future<Output = Result<LogicalPlan, QueryError>> + Send + 'a>> {
        Box::pin(async move {
            self.rewrite(session, query)?;
            let mut tables: HashMap<String, Arc<dyn TableSource>> = HashMap::new();
            for name in plan::names_in(query)? {
                let source = self.table(session, &name, stats, depth).await?;
                tables.insert(name.key(), source);
            }
            let options = self.inner.state.config_options();
            let names = Names::new(&self.inner.registry, options, tables);
            let planner = SqlToRel::new_with_options(&names, plan::parser_options());
            let statement = Statement::Query(Box::new(query.clone()));
            let logical =
                planner.sql_statement_to_plan(statement).map_err(|error| explain(&error, Some(tokens)))?;
            Ok(logical)
        })
    }

    fn rewrite(&self, session: &Session, query: &mut Query) -> Result<(), QueryError> {
        let setting = rewrite::Setting {
            now: session.now,
            catalog: session.catalog.as_deref().unwrap_or(CATALOG),
            database: &session.database(),
            user: session.scope.account.as_str(),
            lookup: &self.inner.registry,
        };
        rewrite::query(query, &setting)
    }

    async fn explain(&self, session: &Session, tokens: &Tokens, stop: Stop) -> Result<Answer, QueryError> {
        let analyze = tokens.starts_with(&["explain", "analyze"]);
        let rest = tokens.skip(if analyze { 2 } else { 1 });
        let rest = skip_options(rest);
        let stats = Arc::new(Stats::default());
        let planned = self.plan(session, &rest, &stats).await?;
        let text = if analyze {
            let context = self.inner.state.task_ctx();
            let stream = execute_stream(Arc::clone(&planned.physical), context);
            let stream = stream.map_err(|error| explain(&error, Some(&rest)))?;
            let mut rows = Rows::stream(stream, stop, Arc::clone(&stats));
            while rows.next().await?.is_some() {}
            datafusion::physical_plan::display::DisplayableExecutionPlan::with_metrics(
                planned.physical.as_ref(),
            )
            .indent(false)
            .to_string()
        } else {
            let optimized =
                self.inner.state.optimize(&planned.logical).map_err(|error| explain(&error, Some(&rest)))?;
            format!(
                "{}\n\n{}",
                optimized.display_indent(),
                displayable(planned.physical.as_ref()).indent(false)
            )
        };
        let rows = text.lines().map(|line| vec![Some(line.to_owned())]).collect();
        let verb = if analyze { "EXPLAIN_ANALYZE" } else { "EXPLAIN" };
        Ok(Answer {
            kind: Kind::Utility,
            verb: verb.into(),
            columns: vec![text_column("Query Plan", "varchar")],
            rows: Rows::text(rows, Arc::clone(&stats)),
            stats,
        })
    }
}

/// The tokens of a statement, which has at least one.
fn statement(sql: &str) -> Result<Tokens, QueryError> {
    let tokens = Tokens::of(sql)?;
    if tokens.list.is_empty() {
        let expected = "'SELECT', 'VALUES', 'WITH', 'CREATE', 'SHOW', 'DESCRIBE', <query>";
        return Err(parse::mismatched(tokens.end(), "<EOF>", expected));
    }
    Ok(tokens)
}

fn parsed(sql: &str) -> Result<(), QueryError> {
    if Prepared::of(sql)?.is_some() || ddl::parse(sql)?.is_some() {
        return Ok(());
    }
    let tokens = statement(sql)?;
    if tokens.starts_with(&["explain"]) { Ok(()) } else { parse::query(&tokens).map(drop) }
}

struct Planned {
    logical: LogicalPlan,
    physical: Arc<dyn ExecutionPlan>,
    columns: Vec<AnswerColumn>,
}

/// EXPLAIN (TYPE …, FORMAT …): the options are read over, the plan's form is one.
fn skip_options(tokens: Tokens) -> Tokens {
    use datafusion::sql::sqlparser::tokenizer::Token;
    if tokens.list.first().is_some_and(|token| token.token == Token::LParen)
        && tokens.list.get(1).and_then(parse::keyword).is_some_and(|word| word == "type" || word == "format")
        && let Some(close) = tokens.list.iter().position(|token| token.token == Token::RParen)
    {
        return tokens.skip(close + 1);
    }
    tokens
}

pub(crate) fn text_column(name: &str, type_: &str) -> AnswerColumn {
    AnswerColumn {
        name: name.into(),
        type_: type_.into(),
        precision: if type_ == "varchar" { i32::MAX } else { 0 },
        scale: 0,
        nullable: true,
        database: String::new(),
        table: String::new(),
    }
}

/// A column's name without what made it unique.
pub(crate) fn visible(name: &str) -> &str {
    name.split(rewrite::REPEAT).next().unwrap_or(name)
}

fn columns_of(plan: &LogicalPlan) -> Vec<AnswerColumn> {
    let columns = plan.schema().fields().iter().map(|field| {
        let (type_, precision, scale) = types::column_info(field.data_type());
        AnswerColumn {
            name: visible(field.name()).to_owned(),
            type_: type_.into(),
            precision,
            scale,
            nullable: true,
            database: String::new(),
            table: String::new(),
        }
    });
    columns.collect()
}

/// The aliases of the outermost select as they were written, for items that have one.
fn top_level_spelling(query: &Query, tokens: &Tokens) -> Vec<Option<String>> {
    use datafusion::sql::sqlparser::ast::{SelectItem, SetExpr};
    let mut body = query.body.as_ref();
    while let SetExpr::SetOperation { left, .. } = body {
        body = left;
    }
    let SetExpr::Select(select) = body else { return Vec::new() };
    let is_star =
        |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
    if select.projection.iter().any(is_star) {
        return Vec::new();
    }
    let spelled = select.projection.iter().map(|item| match item {
        SelectItem::ExprWithAlias { alias, .. } => {
            let at = crate::error::Position { line: alias.span.start.line, column: alias.span.start.column };
            tokens.spelling(at).map(str::to_owned)
        }
        _ => None,
    });
    spelled.collect()
}

fn session_state(settings: &QuerySettings) -> SessionState {
    let disk = match &settings.spill_directory {
        Some(directory) => {
            DiskManagerBuilder::default().with_mode(DiskManagerMode::Directories(vec![directory.clone()]))
        }
        None => DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled),
    };
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(GreedyMemoryPool::new(settings.memory_limit)))
        .with_disk_manager_builder(disk)
        .build_arc()
        .expect("a runtime with a memory pool and a disk manager can be built");
    crate::scan::register(&runtime);
    let mut config = SessionConfig::new()
        .with_batch_size(settings.batch_size)
        .with_target_partitions(settings.threads.max(1))
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false);
    let options = config.options_mut();
    options.sql_parser.map_string_types_to_utf8view = false;
    options.sql_parser.default_null_ordering = "nulls_last".into();
    options.execution.parquet.schema_force_view_types = false;
    // It moves a field access below the unnest that makes its row, where there is only an array yet.
    options.optimizer.enable_leaf_expression_pushdown = false;
    SessionStateBuilder::new().with_config(config).with_runtime_env(runtime).with_default_features().build()
}
