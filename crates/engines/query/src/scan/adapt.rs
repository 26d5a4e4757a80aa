//! Parquet columns by name, whatever their case.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use datafusion::physical_expr_adapter::{PhysicalExprAdapter, PhysicalExprAdapterFactory};

use super::relabel::Relabelled;

/// Fields are found without regard to case; where a file has both spellings, the exact one.
#[derive(Debug)]
pub(super) struct AnyCase;

impl PhysicalExprAdapterFactory for AnyCase {
    fn create(&self, logical: SchemaRef, physical: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let exact: Vec<String> = physical.fields().iter().map(|field| field.name().clone()).collect();
        Ok(Relabelled::adapter(logical, physical, &|field| {
            let lower = field.name().to_lowercase();
            let taken = lower != *field.name() && exact.contains(&lower);
            if taken { field.name().clone() } else { lower }
        }))
    }
}
