//! Operators whose Trino meaning differs from DataFusion's.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::error::mismatch;
use crate::functions;
use crate::types;

#[derive(Debug)]
pub(super) struct TrinoExpressions;

impl ExprPlanner for TrinoExpressions {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let (Ok(left), Ok(right)) = (expr.left.get_type(schema), expr.right.get_type(schema)) else {
            return Ok(PlannerResult::Original(expr));
        };
        if is_arithmetic(&expr.op) {
            if decimals(&left, &right) && expr.op == BinaryOperator::Divide {
                let args = vec![expr.left, expr.right];
                let call = ScalarFunction::new_udf(functions::decimal_divide(), args);
                return Ok(PlannerResult::Planned(Expr::ScalarFunction(call)));
            }
            if left.is_integer() && right.is_integer() {
                let args = vec![expr.left, expr.right];
                let call = ScalarFunction::new_udf(functions::integer_arithmetic(&expr.op), args);
                return Ok(PlannerResult::Planned(Expr::ScalarFunction(call)));
            }
        }
        if (is_arithmetic(&expr.op) || is_comparison(&expr.op)) && !comparable(&left, &right) {
            let (left, right) = (types::display(&left), types::display(&right));
            let op = &expr.op;
            return Err(mismatch(format!("Cannot apply operator: {left} {op} {right}")));
        }
        Ok(PlannerResult::Original(expr))
    }
}

fn is_arithmetic(op: &BinaryOperator) -> bool {
    use BinaryOperator as B;
    matches!(op, B::Plus | B::Minus | B::Multiply | B::Divide | B::Modulo)
}

fn is_comparison(op: &BinaryOperator) -> bool {
    use BinaryOperator as B;
    matches!(op, B::Eq | B::NotEq | B::Lt | B::LtEq | B::Gt | B::GtEq)
}

fn decimals(left: &DataType, right: &DataType) -> bool {
    let decimal = |t: &DataType| matches!(t, DataType::Decimal128(_, _));
    (decimal(left) && (decimal(right) || right.is_integer())) || (decimal(right) && left.is_integer())
}

/// Trino converts no text to numbers or times, and no numbers to text.
fn comparable(left: &DataType, right: &DataType) -> bool {
    let text = |t: &DataType| matches!(t, DataType::Utf8 | DataType::Utf8View);
    let other = |t: &DataType| {
        t.is_numeric() || matches!(t, DataType::Boolean | DataType::Date32 | DataType::Timestamp(_, _))
    };
    !(text(left) && other(right) || text(right) && other(left))
}
