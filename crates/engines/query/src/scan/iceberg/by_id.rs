//! Columns of data files by their field ids, whatever they were called when the file was written.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Field, SchemaRef};
use datafusion::error::Result;
use datafusion::physical_expr_adapter::{PhysicalExprAdapter, PhysicalExprAdapterFactory};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use crate::scan::relabel::Relabelled;

/// Each field of a file gets the name that its id has in the table.
#[derive(Debug)]
pub(super) struct ById {
    names: HashMap<i32, String>,
}

impl ById {
    /// `last_id` is the highest id that the table ever gave.
    pub(super) fn new(columns: &iceberg::spec::Schema, last_id: i32) -> ById {
        let named = |id| Some((id, columns.field_by_id(id)?.name.to_lowercase()));
        ById { names: (1..=last_id).filter_map(named).collect() }
    }

    /// A file without ids was not written for Iceberg: its own names hold.
    fn name(&self, field: &Field) -> String {
        match field.metadata().get(PARQUET_FIELD_ID_META_KEY).and_then(|id| id.parse().ok()) {
            None => field.name().to_lowercase(),
            Some(id) => match self.names.get(&id) {
                Some(name) => name.clone(),
                // A column that was dropped, whose name another may have by now.
                None => format!("$dropped-{id}"),
            },
        }
    }
}

impl PhysicalExprAdapterFactory for ById {
    fn create(&self, logical: SchemaRef, physical: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        Ok(Relabelled::adapter(logical, physical, &|field| self.name(field)))
    }
}
