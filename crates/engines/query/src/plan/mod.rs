//! From a rewritten syntax tree to a logical plan: names resolve here.

mod expr;
mod relation;
mod resolve;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};
use datafusion::common::plan_datafusion_err;
use datafusion::config::ConfigOptions;
use datafusion::datasource::{cte_worktable::CteWorkTable, provider_as_source};
use datafusion::error::Result;
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, RelationPlanner, TypePlanner};
use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF, TableSource, WindowUDF};
use datafusion::sql::TableReference;
use datafusion::sql::planner::{NullOrdering, ParserOptions};
use datafusion::sql::sqlparser::ast::{DataType as SqlType, ObjectNamePart};

pub(crate) use resolve::{Name, names_in};

use crate::functions::Registry;
use crate::types;

/// Everything a statement's names may mean, fetched before planning starts.
pub(crate) struct Names<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) options: &'a ConfigOptions,
    /// By the name as written, with dots.
    pub(crate) tables: HashMap<String, Arc<dyn TableSource>>,
    expr_planners: Vec<Arc<dyn ExprPlanner>>,
    relation_planners: Vec<Arc<dyn RelationPlanner>>,
}

impl<'a> Names<'a> {
    pub(crate) fn new(
        registry: &'a Registry,
        options: &'a ConfigOptions,
        tables: HashMap<String, Arc<dyn TableSource>>,
    ) -> Names<'a> {
        let mut expr_planners: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(expr::TrinoExpressions)];
        expr_planners.extend(SessionStateDefaults::default_expr_planners());
        Names {
            registry,
            options,
            tables,
            expr_planners,
            relation_planners: vec![Arc::new(relation::TrinoRelations)],
        }
    }
}

/// Trino's defaults: exact decimals for `1.5`, nulls last in both directions.
pub(crate) fn parser_options() -> ParserOptions {
    ParserOptions::new()
        .with_parse_float_as_decimal(true)
        .with_map_string_types_to_utf8view(false)
        .with_collect_spans(true)
        .with_default_null_ordering(NullOrdering::NullsLast)
}

impl ContextProvider for Names<'_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        let key = name.to_string();
        self.tables.get(&key).cloned().ok_or_else(|| plan_datafusion_err!("table '{key}' not found"))
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> Result<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, schema))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.expr_planners
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        &self.relation_planners
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::new(TrinoTypes))
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.registry.scalar.get(name).cloned()
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.registry.higher_order.get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.registry.aggregate.get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.registry.window.get(name).cloned()
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        self.options
    }

    fn udf_names(&self) -> Vec<String> {
        self.registry.scalar.keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        self.registry.higher_order.keys().cloned().collect()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.registry.aggregate.keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.registry.window.keys().cloned().collect()
    }
}

/// Types that the tokens kept as one word.
#[derive(Debug)]
struct TrinoTypes;

impl TypePlanner for TrinoTypes {
    fn plan_type_field(&self, sql_type: &SqlType) -> Result<Option<FieldRef>> {
        let SqlType::Custom(name, _) = sql_type else { return Ok(None) };
        let Some(ObjectNamePart::Identifier(ident)) = name.0.first() else { return Ok(None) };
        let parsed = types::parse(&ident.value).ok();
        Ok(parsed.map(|data_type| Arc::new(Field::new("", data_type, true)) as FieldRef))
    }
}
