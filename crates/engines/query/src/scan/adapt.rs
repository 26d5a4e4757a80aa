//! Parquet columns by name, whatever their case.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapter, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};
use datafusion::physical_plan::PhysicalExpr;

/// DataFusion's own adaptation (missing columns are null, types are cast), with the file's columns
/// found without regard to case.
#[derive(Debug)]
pub(super) struct AnyCase;

impl PhysicalExprAdapterFactory for AnyCase {
    fn create(&self, logical: SchemaRef, physical: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let fields: Vec<Field> = physical
            .fields()
            .iter()
            .map(|field| {
                let lower = field.name().to_lowercase();
                let renamed = physical.index_of(&lower).is_err() && logical.index_of(&lower).is_ok();
                if renamed { field.as_ref().clone().with_name(lower) } else { field.as_ref().clone() }
            })
            .collect();
        let renamed = Arc::new(Schema::new(fields));
        Ok(Arc::new(Adapter { inner: DefaultPhysicalExprAdapter::new(logical, renamed), physical }))
    }
}

#[derive(Debug)]
struct Adapter {
    inner: DefaultPhysicalExprAdapter,
    physical: SchemaRef,
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let expr = self.inner.rewrite(expr)?;
        expr.transform(|expr| {
            let Some(column) = expr.downcast_ref::<Column>() else { return Ok(Transformed::no(expr)) };
            match self.physical.fields().get(column.index()) {
                Some(field)
                    if field.name() != column.name() && field.name().to_lowercase() == column.name() =>
                {
                    Ok(Transformed::yes(Arc::new(Column::new(field.name(), column.index()))))
                }
                _ => Ok(Transformed::no(expr)),
            }
        })
        .data()
    }
}
