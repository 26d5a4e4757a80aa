//! `x > ALL (SELECT …)` and its kin, by the extremes of the subquery.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Query, SetExpr, Statement, TableFactor, Value};
use datafusion::sql::sqlparser::parser::Parser;

use super::ast::{call, raw_number};
use crate::dialect::AthenaDialect;

/// The comparison without its quantifier; `None` for one that stays as it is.
pub(super) fn quantified(expr: &Expr) -> Option<Expr> {
    let (left, op, right, all) = match expr {
        Expr::AnyOp { left, compare_op, right, .. } => (left, compare_op, right, false),
        Expr::AllOp { left, compare_op, right } => (left, compare_op, right, true),
        _ => return None,
    };
    let Expr::Subquery(subquery) = right.as_ref() else { return None };
    let member = |negated| {
        let (expr, subquery) = (left.clone(), subquery.clone());
        Some(Expr::InSubquery { expr, subquery, negated })
    };
    let extreme = match (op, all) {
        (BinaryOperator::Eq, false) => return member(false),
        (BinaryOperator::NotEq, true) => return member(true),
        (BinaryOperator::Gt | BinaryOperator::GtEq, true)
        | (BinaryOperator::Lt | BinaryOperator::LtEq, false) => "max",
        (BinaryOperator::Lt | BinaryOperator::LtEq, true)
        | (BinaryOperator::Gt | BinaryOperator::GtEq, false) => "min",
        _ => return None,
    };
    let comparison = Expr::BinaryOp {
        left: left.clone(),
        op: op.clone(),
        right: Box::new(Expr::Subquery(over(&format!("{extreme}(v)"), subquery)?)),
    };
    // Of no rows, ALL is true and ANY is false; an unknown among the rows keeps ALL from being true.
    let none = equals_zero(over("count(*)", subquery)?);
    let whole = if all {
        let known = equals_zero(over("count_if(v IS NULL)", subquery)?);
        let doubtful = call("if", vec![comparison.clone(), Expr::value(Value::Null), comparison.clone()]);
        call("if", vec![known, comparison, doubtful])
    } else {
        comparison
    };
    Some(call("if", vec![none, Expr::value(Value::Boolean(all)), whole]))
}

fn equals_zero(subquery: Box<Query>) -> Expr {
    Expr::BinaryOp {
        left: Box::new(Expr::Subquery(subquery)),
        op: BinaryOperator::Eq,
        right: Box::new(raw_number(0)),
    }
}

/// `SELECT <aggregate of v> FROM (<subquery>) AS q(v)`
fn over(aggregate: &str, subquery: &Query) -> Option<Box<Query>> {
    let template = format!("SELECT {aggregate} FROM (SELECT 1) AS q(v)");
    let statement = Parser::parse_sql(&AthenaDialect, &template).ok()?.pop()?;
    let Statement::Query(mut query) = statement else { return None };
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let TableFactor::Derived { subquery: inner, .. } = &mut select.from.first_mut()?.relation else {
        return None;
    };
    **inner = subquery.clone();
    Some(query)
}
