//! What manifests can decide of a statement's filters. A filter that has no counterpart is left out: the
//! rows are filtered again anyway.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use iceberg::expr::{Predicate, Reference};
use iceberg::spec::{Datum, PrimitiveType, Schema, Type};

/// The most values of an IN list that are compared with a file's bounds.
const VALUES_MAX: usize = 200;

/// All filters that translate, as one.
pub(super) fn of(filters: &[Expr], columns: &Schema) -> Option<Predicate> {
    filters.iter().filter_map(|filter| translated(filter, columns)).reduce(Predicate::and)
}

/// `None`: nothing is known of it. Then it may only be left out where that lets more rows pass.
fn translated(filter: &Expr, columns: &Schema) -> Option<Predicate> {
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

fn column(expr: &Expr, columns: &Schema) -> Option<Reference> {
    let Expr::Column(column) = expr else { return None };
    let found = columns.as_struct().fields().iter();
    let found = found.into_iter().find(|field| field.name.to_lowercase() == column.name)?;
    Some(Reference::new(&found.name))
}

fn field(name: &str, columns: &Schema) -> Option<(Reference, PrimitiveType)> {
    let field = columns.as_struct().fields().iter().find(|field| field.name.to_lowercase() == name)?;
    match field.field_type.as_ref() {
        Type::Primitive(kind) => Some((Reference::new(&field.name), kind.clone())),
        _ => None,
    }
}

fn compared(name: &str, op: Operator, value: &ScalarValue, columns: &Schema) -> Option<Predicate> {
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

    fn columns() -> Schema {
        let field = |id, name: &str, kind| NestedField::optional(id, name, Type::Primitive(kind)).into();
        let fields = vec![field(1, "Id", PrimitiveType::Long), field(2, "name", PrimitiveType::String)];
        Schema::builder().with_fields(fields).build().unwrap()
    }

    fn text(filter: Expr) -> Option<String> {
        of(&[filter], &columns()).map(|predicate| predicate.to_string())
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
