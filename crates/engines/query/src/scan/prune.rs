//! Deciding on partitions by their values.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, Volatility};
use datafusion::physical_plan::PhysicalExpr;

/// Hive's folder name for an absent value.
const ABSENT: &str = "__HIVE_DEFAULT_PARTITION__";

/// Whether `filter` can be decided from the partition keys alone.
pub(super) fn concerns_only(filter: &Expr, keys: &SchemaRef) -> bool {
    let mut columns = 0;
    let mut foreign = false;
    let walk = filter.apply(|expr| {
        match expr {
            Expr::Column(column) => {
                columns += 1;
                foreign |= keys.index_of(&column.name).is_err();
            }
            Expr::ScalarFunction(call) => foreign |= call.func.signature().volatility == Volatility::Volatile,
            Expr::ScalarSubquery(_)
            | Expr::Exists(_)
            | Expr::InSubquery(_)
            | Expr::OuterReferenceColumn(..) => {
                foreign = true;
            }
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walk.is_ok() && columns > 0 && !foreign
}

/// The filters of a scan that concern partition keys only.
pub(super) struct Pruner {
    schema: SchemaRef,
    predicate: Option<Arc<dyn PhysicalExpr>>,
}

impl Pruner {
    pub(super) fn new(state: &dyn Session, keys: &SchemaRef, filters: &[Expr]) -> Result<Pruner> {
        let own = filters.iter().filter(|filter| concerns_only(filter, keys)).cloned().map(unqualified);
        let own = own.collect::<Result<Vec<_>>>()?;
        let schema = DFSchema::try_from(Arc::clone(keys))?;
        let predicate = conjunction(own).map(|expr| state.create_physical_expr(expr, &schema)).transpose()?;
        Ok(Pruner { schema: Arc::clone(keys), predicate })
    }

    /// Whether rows of a partition with these values can pass. A predicate that fails on them is left
    /// to fail on the rows.
    pub(super) fn keeps(&self, values: &[String]) -> bool {
        self.predicate.as_ref().is_none_or(|predicate| self.evaluate(predicate, values).unwrap_or(true))
    }

    fn evaluate(&self, predicate: &Arc<dyn PhysicalExpr>, values: &[String]) -> Result<bool> {
        let columns =
            typed(&self.schema, values)?.iter().map(ScalarValue::to_array).collect::<Result<Vec<_>>>()?;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        let outcome = predicate.evaluate(&batch)?.into_array(1)?;
        Ok(ScalarValue::try_from_array(&outcome, 0)? == ScalarValue::Boolean(Some(true)))
    }
}

fn unqualified(expr: Expr) -> Result<Expr> {
    use datafusion::common::tree_node::{Transformed, TransformedResult};
    expr.transform(|expr| {
        Ok(match expr {
            Expr::Column(column) if column.relation.is_some() => {
                Transformed::yes(Expr::Column(datafusion::common::Column::new_unqualified(column.name)))
            }
            other => Transformed::no(other),
        })
    })
    .data()
}

/// One value per key; a text that does not read as its key's type is null.
pub(super) fn typed(keys: &SchemaRef, values: &[String]) -> Result<Vec<ScalarValue>> {
    let empty = String::new();
    let texts = values.iter().chain(std::iter::repeat(&empty));
    keys.fields().iter().zip(texts).map(|(field, text)| value(field, text)).collect()
}

pub(super) fn value(field: &Field, text: &str) -> Result<ScalarValue> {
    if text == ABSENT || (text.is_empty() && field.data_type() != &DataType::Utf8) {
        return ScalarValue::try_from(field.data_type());
    }
    let cast = ScalarValue::Utf8(Some(text.to_owned())).cast_to(field.data_type());
    cast.or_else(|_| ScalarValue::try_from(field.data_type()))
}
