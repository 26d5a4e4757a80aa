//! Relations that DataFusion cannot plan: UNNEST, beside or below what it unnests, and TABLESAMPLE.

use std::sync::Arc;

use arrow::datatypes::{DataType, Fields};
use datafusion::common::{Column, DFSchema, UnnestOptions, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::sql::TableReference;
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, JoinConstraint, JoinOperator, TableAlias, TableFactor, TableSample, TableSampleKind,
    TableWithJoins, Value,
};

use crate::error::{ErrorKind, fail, invalid};
use crate::functions;
use crate::rewrite;

#[derive(Debug)]
pub(super) struct TrinoRelations;

/// The column that holds what is being unnested; no name a user can write.
const HELD: &str = "$unnested";

impl RelationPlanner for TrinoRelations {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        match relation {
            TableFactor::NestedJoin { table_with_joins, alias: None }
                if rewrite::is_folded_unnest(&table_with_joins) =>
            {
                let plan = beside(*table_with_joins, context)?;
                Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None))))
            }
            unnest @ TableFactor::UNNEST { .. } => {
                let single = LogicalPlanBuilder::empty(true).build()?;
                let plan = unnest_onto(single, unnest, false, context)?;
                Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None))))
            }
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample: Some(sample),
                index_hints,
            } => {
                let plain = TableFactor::Table {
                    name,
                    alias,
                    args,
                    with_hints,
                    version,
                    with_ordinality,
                    partitions,
                    json_path,
                    sample: None,
                    index_hints,
                };
                let plan = sampled(context.plan(plain)?, sample)?;
                Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None))))
            }
            TableFactor::Derived { lateral, subquery, alias, sample: Some(sample) } => {
                let plain = TableFactor::Derived { lateral, subquery, alias, sample: None };
                let plan = sampled(context.plan(plain)?, sample)?;
                Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None))))
            }
            other => Ok(RelationPlanning::Original(Box::new(other))),
        }
    }
}

fn beside(from: TableWithJoins, context: &mut dyn RelationPlannerContext) -> Result<LogicalPlan> {
    let left = context.plan(from.relation)?;
    let Some(join) = from.joins.into_iter().next() else { return Ok(left) };
    let (outer, constraint) = match join.join_operator {
        JoinOperator::CrossJoin(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Join(constraint) => (false, constraint),
        JoinOperator::LeftOuter(constraint) | JoinOperator::Left(constraint) => (true, constraint),
        _ => {
            return Err(fail(
                ErrorKind::NotSupported,
                "RIGHT and FULL JOIN involving UNNEST is not supported",
            ));
        }
    };
    let plan = unnest_onto(left, join.relation, outer, context)?;
    match constraint {
        JoinConstraint::None => Ok(plan),
        JoinConstraint::On(SqlExpr::Value(value)) if value.value == Value::Boolean(true) => Ok(plan),
        JoinConstraint::On(condition) if !outer => {
            let condition = context.sql_to_expr(condition, plan.schema())?;
            LogicalPlanBuilder::from(plan).filter(condition)?.build()
        }
        _ => Err(fail(
            ErrorKind::NotSupported,
            "LEFT JOIN involving UNNEST is only supported with condition ON TRUE",
        )),
    }
}

/// Every row of `left` once per element; the elements' columns come last, under the alias.
fn unnest_onto(
    left: LogicalPlan,
    unnest: TableFactor,
    outer: bool,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let TableFactor::UNNEST { alias, array_exprs, with_ordinality, .. } = unnest else {
        return plan_err!("not an UNNEST");
    };
    let arrays = array_exprs
        .into_iter()
        .map(|expr| context.sql_to_expr(expr, left.schema()))
        .collect::<Result<Vec<_>>>()?;
    let held = functions::unnest::combine(arrays, with_ordinality, outer);
    let fields = element_fields(&held, left.schema())?;

    let kept: Vec<Expr> = left.schema().iter().map(Expr::from).collect();
    let mut columns = kept.clone();
    columns.push(held.alias(HELD));
    let element = Column::new_unqualified(HELD);
    let plan = LogicalPlanBuilder::from(left)
        .project(columns)?
        .unnest_column_with_options(element.clone(), UnnestOptions::new().with_preserve_nulls(false))?
        .build()?;

    let qualifier =
        alias.as_ref().map(|alias| TableReference::bare(context.normalize_ident(alias.name.clone())));
    let names = column_names(alias.as_ref(), &fields, context)?;
    let mut out = kept;
    for (field, name) in fields.iter().zip(names) {
        let value = functions::get_field(Expr::Column(element.clone()), field.name());
        out.push(match &qualifier {
            Some(qualifier) => value.alias_qualified(Some(qualifier.clone()), name),
            None => value.alias(name),
        });
    }
    LogicalPlanBuilder::from(plan).project(out)?.build()
}

fn element_fields(held: &Expr, schema: &DFSchema) -> Result<Fields> {
    match held.get_type(schema)? {
        DataType::List(element) => match element.data_type() {
            DataType::Struct(fields) => Ok(fields.clone()),
            other => plan_err!("unexpected element {other}"),
        },
        other => plan_err!("unexpected unnest {other}"),
    }
}

fn column_names(
    alias: Option<&TableAlias>,
    fields: &Fields,
    context: &mut dyn RelationPlannerContext,
) -> Result<Vec<String>> {
    let given: Vec<String> = alias
        .map(|alias| {
            alias.columns.iter().map(|column| context.normalize_ident(column.name.clone())).collect()
        })
        .unwrap_or_default();
    if given.is_empty() {
        return Ok((0..fields.len()).map(|index| format!("_col{index}")).collect());
    }
    if given.len() != fields.len() {
        let (listed, found) = (given.len(), fields.len());
        return Err(fail(
            ErrorKind::TypeMismatch,
            format!("Column alias list has {listed} entries but relation has {found} columns"),
        ));
    }
    Ok(given)
}

fn sampled(plan: LogicalPlan, sample: TableSampleKind) -> Result<LogicalPlan> {
    let (TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample)) = sample;
    let TableSample { quantity, .. } = *sample;
    let percent = quantity
        .and_then(|quantity| match quantity.value {
            SqlExpr::Value(value) => value.value.to_string().trim_end_matches('L').parse::<f64>().ok(),
            SqlExpr::Cast { expr, .. } => expr.to_string().trim_matches(['\'', 'L']).parse().ok(),
            _ => None,
        })
        .filter(|percent| (0.0..=100.0).contains(percent))
        .ok_or_else(|| invalid("Sample percentage must be between 0 and 100"))?;
    let chance = Expr::ScalarFunction(datafusion::logical_expr::expr::ScalarFunction::new_udf(
        Arc::clone(&functions::random()),
        Vec::new(),
    ));
    LogicalPlanBuilder::from(plan).filter(chance.lt(lit(percent / 100.0)))?.build()
}
