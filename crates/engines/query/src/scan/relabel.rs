//! Columns of files under the names that queries know, rows within rows included.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, RecordBatch, StructArray};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr_adapter::{DefaultPhysicalExprAdapter, PhysicalExprAdapter};
use datafusion::physical_plan::PhysicalExpr;

/// DataFusion's own adaptation (missing columns are null, types are cast by the names of their fields), with
/// every field of the file called what `name` says.
#[derive(Debug)]
pub(super) struct Relabelled {
    inner: DefaultPhysicalExprAdapter,
    physical: SchemaRef,
    named: SchemaRef,
}

impl Relabelled {
    pub(super) fn adapter(
        logical: SchemaRef,
        physical: SchemaRef,
        name: &dyn Fn(&Field) -> String,
    ) -> Arc<dyn PhysicalExprAdapter> {
        let fields = physical.fields().iter().map(|field| relabelled(field, name));
        let named: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let inner = DefaultPhysicalExprAdapter::new(logical, Arc::clone(&named));
        Arc::new(Relabelled { inner, physical, named })
    }
}

impl PhysicalExprAdapter for Relabelled {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let expr = self.inner.rewrite(expr)?;
        expr.transform_up(|expr| {
            let Some(column) = expr.downcast_ref::<Column>() else { return Ok(Transformed::no(expr)) };
            let index = column.index();
            let (Some(field), Some(named)) =
                (self.physical.fields().get(index), self.named.fields().get(index))
            else {
                return Ok(Transformed::no(expr));
            };
            let own: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), index));
            if field.data_type() == named.data_type() {
                return Ok(Transformed::yes(own));
            }
            Ok(Transformed::yes(Arc::new(Relabel { column: own, type_: named.data_type().clone() })))
        })
        .data()
    }
}

fn relabelled(field: &FieldRef, name: &dyn Fn(&Field) -> String) -> FieldRef {
    let type_ = relabelled_type(field.data_type(), name);
    Arc::new(field.as_ref().clone().with_name(name(field)).with_data_type(type_))
}

fn relabelled_type(type_: &DataType, name: &dyn Fn(&Field) -> String) -> DataType {
    // The fields of lists and maps themselves have names that nobody asks for.
    let inside = |field: &FieldRef| -> FieldRef {
        Arc::new(field.as_ref().clone().with_data_type(relabelled_type(field.data_type(), name)))
    };
    match type_ {
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| relabelled(field, name)).collect())
        }
        DataType::List(element) => DataType::List(inside(element)),
        DataType::Map(entries, sorted) => match entries.data_type() {
            DataType::Struct(pair) => {
                let pair: Fields = pair.iter().map(inside).collect();
                let entries = entries.as_ref().clone().with_data_type(DataType::Struct(pair));
                DataType::Map(Arc::new(entries), *sorted)
            }
            _ => type_.clone(),
        },
        other => other.clone(),
    }
}

/// A column with the same content and other names inside.
#[derive(Debug, Eq)]
struct Relabel {
    column: Arc<dyn PhysicalExpr>,
    type_: DataType,
}

impl PartialEq for Relabel {
    fn eq(&self, other: &Relabel) -> bool {
        self.column.as_ref() == other.column.as_ref() && self.type_ == other.type_
    }
}

impl Hash for Relabel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.column.hash(state);
        self.type_.hash(state);
    }
}

impl fmt::Display for Relabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "relabel({})", self.column)
    }
}

impl PhysicalExpr for Relabel {
    fn data_type(&self, _input: &Schema) -> Result<DataType> {
        Ok(self.type_.clone())
    }

    fn nullable(&self, input: &Schema) -> Result<bool> {
        self.column.nullable(input)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let array = self.column.evaluate(batch)?.into_array(batch.num_rows())?;
        Ok(ColumnarValue::Array(relabel(&array, &self.type_)?))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.column]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        match <[_; 1]>::try_from(children) {
            Ok([column]) => Ok(Arc::new(Relabel { column, type_: self.type_.clone() })),
            Err(_) => Err(DataFusionError::Internal("a relabelled column is one column".into())),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.column.fmt_sql(f)
    }
}

fn relabel(array: &ArrayRef, type_: &DataType) -> Result<ArrayRef> {
    if array.data_type() == type_ {
        return Ok(Arc::clone(array));
    }
    Ok(match type_ {
        DataType::Struct(fields) => Arc::new(relabel_row(array.as_struct(), fields)?),
        DataType::List(element) => {
            let list = array.as_list::<i32>();
            let values = relabel(list.values(), element.data_type())?;
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Arc::new(ListArray::try_new(Arc::clone(element), offsets, values, nulls)?)
        }
        DataType::Map(entries, sorted) => {
            let map = array.as_map();
            let DataType::Struct(pair) = entries.data_type() else { return Ok(Arc::clone(array)) };
            let pairs = relabel_row(map.entries(), pair)?;
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            Arc::new(MapArray::try_new(Arc::clone(entries), offsets, pairs, nulls, *sorted)?)
        }
        // Only names differ, and other types have none inside.
        _ => Arc::clone(array),
    })
}

fn relabel_row(row: &StructArray, fields: &Fields) -> Result<StructArray> {
    let columns = row.columns().iter().zip(fields).map(|(column, field)| relabel(column, field.data_type()));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(StructArray::try_new_with_length(fields.clone(), columns, row.nulls().cloned(), row.len())?)
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int32Array, Int64Array};

    use super::*;

    #[test]
    fn names_change_at_every_depth_and_values_stay() {
        let inner = StructArray::from(vec![(
            Arc::new(Field::new("Deep", DataType::Int64, true)),
            Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef,
        )]);
        let outer = StructArray::from(vec![
            (Arc::new(Field::new("Row", inner.data_type().clone(), true)), Arc::new(inner) as ArrayRef),
            (
                Arc::new(Field::new("N", DataType::Int32, true)),
                Arc::new(Int32Array::from(vec![Some(5), None])) as ArrayRef,
            ),
        ]);
        let lower = |field: &Field| field.name().to_lowercase();
        let type_ = relabelled_type(outer.data_type(), &lower);
        let array = relabel(&(Arc::new(outer) as ArrayRef), &type_).unwrap();
        let row = array.as_struct();
        assert_eq!(row.column_names(), ["row", "n"]);
        let deep = row.column(0).as_struct().column_by_name("deep").unwrap();
        assert_eq!(deep.as_primitive::<arrow::datatypes::Int64Type>().values(), &[1, 2]);
        assert!(row.column(1).is_null(1));
    }
}
