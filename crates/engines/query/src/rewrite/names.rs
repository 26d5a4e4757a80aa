//! Names of select items, and ORDER BY and GROUP BY that mean them.

use std::collections::HashSet;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Cte, Expr, GroupByExpr, Ident, OrderBy, OrderByKind, Select, SelectItem, SetExpr, Value,
};
use datafusion::sql::sqlparser::tokenizer::Span;

/// Parts the name of a repeated column from what makes it unique; cut off before anyone sees it.
pub(crate) const REPEAT: char = '\u{1}';

/// Gives every item a name, `_colN` for expressions without one, and makes repeated names unique.
pub(super) fn name_items(select: &mut Select) {
    let mut seen = HashSet::new();
    for (index, item) in select.projection.iter_mut().enumerate() {
        let (expr, name, alias_span) = match item {
            SelectItem::UnnamedExpr(expr) => {
                let (name, named) = item_name(expr, index);
                if named && seen.insert(name.clone()) && !matches!(expr, Expr::CompoundFieldAccess { .. }) {
                    if matches!(expr, Expr::CompoundIdentifier(parts) if parts.len() > 2) {
                        (expr.clone(), name, Span::empty())
                    } else {
                        continue;
                    }
                } else {
                    (expr.clone(), unique(name, index, named, &seen), Span::empty())
                }
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                if alias.value.contains(REPEAT) || seen.insert(alias.value.clone()) {
                    continue;
                }
                (expr.clone(), unique(alias.value.clone(), index, true, &seen), alias.span)
            }
            _ => continue,
        };
        let alias = Ident { value: name, quote_style: Some('"'), span: alias_span };
        *item = SelectItem::ExprWithAlias { expr, alias };
    }
}

/// The columns that a recursive WITH declares name the items of its first select, since DataFusion
/// lets the recursive one see those.
pub(super) fn name_recursive(cte: &mut Cte) {
    let mut body = cte.query.body.as_mut();
    while let SetExpr::SetOperation { left, .. } = body {
        body = left.as_mut();
    }
    let SetExpr::Select(select) = body else { return };
    let plain =
        |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. });
    if select.projection.len() != cte.alias.columns.len() || !select.projection.iter().all(plain) {
        return;
    }
    for (item, column) in select.projection.iter_mut().zip(&cte.alias.columns) {
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: column.name.clone() };
        }
    }
}

fn unique(name: String, index: usize, named: bool, seen: &HashSet<String>) -> String {
    if named && seen.contains(&name) { format!("{name}{REPEAT}{index}") } else { name }
}

fn item_name(expr: &Expr, index: usize) -> (String, bool) {
    let last = match expr {
        Expr::Identifier(ident) => Some(ident),
        Expr::CompoundIdentifier(parts) => parts.last(),
        Expr::CompoundFieldAccess { access_chain, .. } => match access_chain.last() {
            Some(AccessExpr::Dot(Expr::Identifier(ident))) => Some(ident),
            _ => None,
        },
        _ => None,
    };
    match last {
        Some(ident) => (ident.value.clone(), true),
        None => (format!("_col{index}"), false),
    }
}

/// `ORDER BY <an item's expression>` becomes `ORDER BY <the item's name>`, as sorting by a computed
/// item of a DISTINCT select needs; ordinals stay numbers.
pub(super) fn order_by_items(items: &[SelectItem], order_by: &mut Option<OrderBy>) {
    let Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }) = order_by else { return };
    for key in keys {
        let computed =
            !matches!(key.expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_));
        let found = items.iter().find_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } if *expr == key.expr => Some(alias.clone()),
            _ => None,
        });
        if let Some(alias) = found.filter(|_| computed) {
            key.expr = Expr::Identifier(alias);
        }
    }
}

/// Marks numbers that stand for select items.
pub(super) fn keep_ordinals(select: &mut Select) {
    if let GroupByExpr::Expressions(keys, _) = &mut select.group_by {
        keys.iter_mut().for_each(keep_number);
        for key in keys {
            if let Expr::Rollup(sets) | Expr::Cube(sets) | Expr::GroupingSets(sets) = key {
                for number in sets.iter_mut().flatten() {
                    if let Expr::Value(value) = number
                        && let Value::Number(text, _) = &value.value
                        && let Some(item) =
                            text.parse::<usize>().ok().and_then(|n| select.projection.get(n - 1))
                        && let SelectItem::ExprWithAlias { expr, .. } | SelectItem::UnnamedExpr(expr) = item
                    {
                        *number = expr.clone();
                    }
                }
            }
        }
    }
}

/// Marks a literal so that later rewriting does not give it a type.
pub(super) fn keep_number(expr: &mut Expr) {
    if let Expr::Value(value) = expr
        && let Value::Number(_, kept) = &mut value.value
    {
        *kept = true;
    }
}
