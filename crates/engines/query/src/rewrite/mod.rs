//! Trino's syntax tree into one that DataFusion can plan with the same meaning.
//!
//! * [`names`]: every select item gets the name Trino gives it, `_col0` where it has none.
//! * [`from`]: `UNNEST`, comma joins around it, `FETCH FIRST`.
//! * [`expr`]: literals with Trino's types, casts, subscripts, and functions without a direct
//!   counterpart.

mod ast;
mod call;
mod expr;
mod from;
mod names;
mod quantified;

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Query, Select, SetExpr, TableFactor, VisitMut, VisitorMut};
use rt::Timestamp;

use crate::error::QueryError;

/// What a rewrite may look up.
pub(crate) trait Lookup {
    /// Whether a function of this lower-cased name can be called.
    fn has_function(&self, name: &str) -> bool;
}

/// What is fixed for one statement.
pub(crate) struct Setting<'a> {
    pub(crate) now: Timestamp,
    pub(crate) catalog: &'a str,
    pub(crate) database: &'a str,
    pub(crate) user: &'a str,
    pub(crate) lookup: &'a dyn Lookup,
}

/// Rewrites `query` in place.
pub(crate) fn query(query: &mut Query, setting: &Setting<'_>) -> Result<(), QueryError> {
    match query.visit(&mut Rewriter { setting }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Rewriter<'a, 'b> {
    setting: &'a Setting<'b>,
}

fn flow(result: Result<(), QueryError>) -> ControlFlow<QueryError> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    }
}

impl VisitorMut for Rewriter<'_, '_> {
    type Break = QueryError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<QueryError> {
        if let Some(with) = query.with.as_mut().filter(|with| with.recursive) {
            with.cte_tables.iter_mut().for_each(names::name_recursive);
        }
        if let SetExpr::Select(select) = query.body.as_mut() {
            names::name_items(select);
            names::order_by_items(&select.projection, &mut query.order_by);
        }
        flow(from::limits(query))
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<QueryError> {
        names::name_items(select);
        names::keep_ordinals(select);
        from::unnests(select);
        expr::windows(select, true);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<QueryError> {
        expr::windows(select, false);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<QueryError> {
        if let TableFactor::NestedJoin { table_with_joins, .. } = factor {
            from::unnest_joins(table_with_joins);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<QueryError> {
        flow(call::before(expr, self.setting))
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<QueryError> {
        flow(expr::rewrite(expr, self.setting))
    }
}

pub(crate) use from::is_folded as is_folded_unnest;
pub(crate) use names::REPEAT;
