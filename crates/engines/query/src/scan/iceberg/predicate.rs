//! What manifests can decide of a statement's filters. A filter that has no counterpart is left out: the
//! rows are filtered again anyway.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use iceberg::expr::{Predicate, Reference};
use iceberg::spec::{Datum, NestedFieldRef, PrimitiveType, Schema, SchemaRef, Type};

/// The most values of an IN list that are compared with a file's bounds.
const VALUES_MAX: usize = 200;

/// What a statement calls columns, and what the snapshot did whose files are chosen from.
pub(super) struct Columns<'a> {
    pub(super) table: &'a Schema,
    pub(super) planned_by: SchemaRef,
}

impl Columns<'_> {
    /// The column as the snapshot has it, if it does.
    fn find(&self, name: &str) -> Option<&NestedFieldRef> {
        let fields = self.table.as_struct().fields().iter();
        let field = fields.into_iter().find(|field| field.name.to_lowercase() == name)?;
        self.planned_by.field_by_id(field.id)
    }
}

/// All filters that translate, as one.
pub(super) fn of(filters: &[Expr], columns: &Columns<'_>) -> Option<Predicate> {
    filters.iter().filter_map(|filter| translated(filter, columns)).reduce(Predicate::and)
}

/// `None`: nothing is known of it. Then it may only be left out where that lets more rows pass.
fn translated(filter: &Expr, columns: &Columns<'_>) -> Option<Predicate> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            match (translated(left, columns), translated(right, columns)) {
                (Some(left), Some(right)) => Some(left.and(right)),
                (one, other) => one.or(other),
            }
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            Some(translated(left, columns)?.or(translated(right, columns)?))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (left.as_ref(), right.as_ref()) {
            (Expr::Column(column), Expr::Literal(value, _)) => compared(column.name(), *op, value, columns),
            (Expr::Literal(value, _), Expr::Column(column)) => {
                compared(column.name(), op.swap()?, value, columns)
            }
            _ => None,
        },
        Expr::IsNull(inner) => Some(column(inner, columns)?.is_null()),
        Expr::IsNotNull(inner) => Some(column(inner, columns)?.is_not_null()),
        Expr::Between(between) if !between.negated => {
            let Expr::Column(name) = between.expr.as_ref() else { return None };
            let (Expr::Literal(low, _), Expr::Literal(high, _)) =
                (between.low.as_ref(), between.high.as_ref())
            else {
                return None;
            };
            let low = compared(name.name(), Operator::GtEq, low, columns)?;
            Some(low.and(compared(name.name(), Operator::LtEq, high, columns)?))
        }
        Expr::InList(InList { expr, list, negated: false }) if list.len() <= VALUES_MAX => {
            let Expr::Column(name) = expr.as_ref() else { return None };
            let (reference, kind) = field(name.name(), columns)?;
            let values = list.iter().map(|value| match value {
                Expr::Literal(value, _) => datum(value, &kind),
                _ => None,
            });
            Some(reference.is_in(values.collect::<Option<Vec<_>>>()?))
        }
        _ => None,
    }
}

fn column(expr: &Expr, columns: &Columns<'_>) -> Option<Reference> {
    let Expr::Column(column) = expr else { return None };
    Some(Reference::new(&columns.find(&column.name)?.name))
}

fn field(name: &str, columns: &Columns<'_>) -> Option<(Reference, PrimitiveType)> {
    let field = columns.find(name)?;
    match field.field_type.as_ref() {
        Type::Primitive(kind) => Some((Reference::new(&field.name), kind.clone())),
        _ => None,
    }
}

fn compared(name: &str, op: Operator, value: &ScalarValue, columns: &Columns<'_>) -> Option<Predicate> {
    let (reference, kind) = field(name, columns)?;
    let value = datum(value, &kind)?;
    Some(match op {
        Operator::Eq => reference.equal_to(value),
        Operator::NotEq => reference.not_equal_to(value),
        Operator::Lt => reference.less_than(value),
        Operator::LtEq => reference.less_than_or_equal_to(value),
        Operator::Gt => reference.greater_than(value),
        Operator::GtEq => reference.greater_than_or_equal_to(value),
        _ => return None,
    })
}

/// The literal as a value of the column's type; `None` where that would change it.
fn datum(value: &ScalarValue, kind: &PrimitiveType) -> Option<Datum> {
    use ScalarValue as S;
    Some(match (kind, value) {
        (PrimitiveType::Boolean, S::Boolean(Some(value))) => Datum::bool(*value),
        (PrimitiveType::Int, S::Int32(Some(value))) => Datum::int(*value),
        (PrimitiveType::Long, S::Int64(Some(value))) => Datum::long(*value),
        (PrimitiveType::Float, S::Float32(Some(value))) => Datum::float(*value),
        (PrimitiveType::Double, S::Float64(Some(value))) => Datum::double(*value),
        (PrimitiveType::Date, S::Date32(Some(days))) => Datum::date(*days),
        (PrimitiveType::String, S::Utf8(Some(text)) | S::Utf8View(Some(text))) => Datum::string(text),
        (PrimitiveType::Timestamp, S::TimestampMicrosecond(Some(micros), None)) => {
            Datum::timestamp_micros(*micros)
        }
        (PrimitiveType::Timestamptz, S::TimestampMicrosecond(Some(micros), Some(_))) => {
            Datum::timestamptz_micros(*micros)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{col, lit};
    use iceberg::spec::NestedField;

    use super::*;

    fn schema(fields: &[(i32, &str, PrimitiveType)]) -> Schema {
        let field = |(id, name, kind): &(i32, &str, PrimitiveType)| {
            NestedField::optional(*id, *name, Type::Primitive(kind.clone())).into()
        };
        Schema::builder().with_fields(fields.iter().map(field)).build().unwrap()
    }

    fn columns() -> Schema {
        schema(&[(1, "Id", PrimitiveType::Long), (2, "name", PrimitiveType::String)])
    }

    fn text(filter: Expr) -> Option<String> {
        let columns = Columns { table: &columns(), planned_by: columns().into() };
        of(&[filter], &columns).map(|predicate| predicate.to_string())
    }

    #[test]
    fn columns_have_the_names_and_types_of_the_snapshot() {
        let before = schema(&[(1, "key", PrimitiveType::Int), (3, "name", PrimitiveType::String)]);
        let columns = Columns { table: &columns(), planned_by: before.into() };
        let text = |filter: Expr| of(&[filter], &columns).map(|predicate| predicate.to_string());
        assert_eq!(text(col("id").is_null()).unwrap(), "key IS NULL");
        // Of another type, and of another column that has the name by now.
        assert_eq!(text(col("id").eq(lit(1_i64))), None);
        assert_eq!(text(col("name").is_null()), None);
    }

    #[test]
    fn comparisons_name_the_columns_as_the_table_does() {
        assert_eq!(text(col("id").gt(lit(5_i64))).unwrap(), "Id > 5");
        assert_eq!(text(lit(5_i64).gt(col("id"))).unwrap(), "Id < 5");
        assert_eq!(text(col("name").is_null()).unwrap(), "name IS NULL");
    }

    #[test]
    fn what_does_not_translate_is_left_out_of_an_and_and_voids_an_or() {
        let known = col("id").eq(lit(1_i64));
        let unknown = (col("id") + lit(1_i64)).eq(lit(2_i64));
        assert_eq!(text(known.clone().and(unknown.clone())).unwrap(), "Id = 1");
        assert_eq!(text(known.or(unknown)), None);
    }

    #[test]
    fn a_literal_of_another_type_decides_nothing() {
        assert_eq!(text(col("id").gt(lit(5.5_f64))), None);
    }
}
