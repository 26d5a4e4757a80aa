//! FROM, LIMIT and their kin.

use datafusion::sql::sqlparser::ast::{
    Join, JoinConstraint, JoinOperator, LimitClause, OrderByKind, Query, Select, TableFactor, TableWithJoins,
};

use super::names::keep_number;
use crate::error::QueryError;

/// FETCH FIRST becomes LIMIT, and the numbers of limits and ordinals stay untyped.
pub(super) fn limits(query: &mut Query) -> Result<(), QueryError> {
    if let Some(fetch) = query.fetch.take() {
        if fetch.with_ties {
            return Err(QueryError::unsupported("FETCH FIRST … WITH TIES"));
        }
        let count = fetch.quantity.unwrap_or_else(|| super::ast::raw_number(1));
        match &mut query.limit_clause {
            Some(LimitClause::LimitOffset { limit, .. }) => *limit = Some(count),
            _ => {
                query.limit_clause =
                    Some(LimitClause::LimitOffset { limit: Some(count), offset: None, limit_by: Vec::new() });
            }
        }
    }
    if let Some(LimitClause::LimitOffset { limit, offset, .. }) = &mut query.limit_clause {
        limit.iter_mut().for_each(keep_number);
        offset.iter_mut().for_each(|offset| keep_number(&mut offset.value));
    }
    if let Some(order_by) = &mut query.order_by
        && let OrderByKind::Expressions(keys) = &mut order_by.kind
    {
        keys.iter_mut().for_each(|key| keep_number(&mut key.expr));
    }
    Ok(())
}

/// Folds every UNNEST of the FROM list with what stands left of it into one nested join, which the
/// planner of relations turns into an unnesting projection.
pub(super) fn unnests(select: &mut Select) {
    let lateral = |item: &TableWithJoins| matches!(item.relation, TableFactor::UNNEST { .. });
    if select.from.iter().skip(1).any(lateral) {
        let mut items = std::mem::take(&mut select.from).into_iter();
        let Some(mut all) = items.next() else { return };
        for item in items {
            all.joins.push(Join {
                relation: item.relation,
                global: false,
                join_operator: JoinOperator::CrossJoin(JoinConstraint::None),
            });
            all.joins.extend(item.joins);
        }
        select.from = vec![all];
    }
    select.from.iter_mut().for_each(fold);
}

/// The same inside parentheses.
pub(super) fn unnest_joins(from: &mut TableWithJoins) {
    if !is_folded(from) {
        fold(from);
    }
}

fn fold(from: &mut TableWithJoins) {
    let is_unnest = |join: &Join| matches!(join.relation, TableFactor::UNNEST { .. });
    if !from.joins.iter().any(is_unnest) {
        return;
    }
    for join in std::mem::take(&mut from.joins) {
        if is_unnest(&join) {
            let left =
                TableWithJoins { relation: from.relation.clone(), joins: std::mem::take(&mut from.joins) };
            let left = if left.joins.is_empty() { left.relation } else { nested(left) };
            from.relation = nested(TableWithJoins { relation: left, joins: vec![join] });
        } else {
            from.joins.push(join);
        }
    }
}

/// Exactly one relation and one UNNEST: the form the planner takes.
pub(crate) fn is_folded(from: &TableWithJoins) -> bool {
    matches!(from.joins.as_slice(), [Join { relation: TableFactor::UNNEST { .. }, .. }])
}

fn nested(from: TableWithJoins) -> TableFactor {
    TableFactor::NestedJoin { table_with_joins: Box::new(from), alias: None }
}
