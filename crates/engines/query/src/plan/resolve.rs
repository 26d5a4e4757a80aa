//! Which tables a query names, and where.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{ObjectName, Query, Visit, Visitor};

use crate::error::{Position, QueryError};

/// A table as a query names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    /// One to three parts, lower case.
    pub(crate) parts: Vec<String>,
    pub(crate) line: u64,
    pub(crate) column: u64,
}

impl Name {
    /// The key under which the planner asks for it.
    pub(crate) fn key(&self) -> String {
        self.parts.join(".")
    }

    pub(crate) fn position(&self) -> Position {
        Position { line: self.line, column: self.column }
    }
}

/// Every relation of `query` that is not one of its WITH names.
pub(crate) fn names_in(query: &Query) -> Result<Vec<Name>, QueryError> {
    let mut resolver = Resolver::default();
    let _ = query.visit(&mut resolver);
    let with = resolver.with;
    let mut seen = HashSet::new();
    let mut names = resolver.names;
    names.retain(|name| {
        let is_with = name.parts.len() == 1 && with.contains(&name.parts[0]);
        !is_with && seen.insert(name.key())
    });
    if let Some(name) = names.iter().find(|name| name.parts.len() > 3) {
        let message = format!("Too many dots in table name: {}", name.key());
        return Err(QueryError::syntax(name.position(), message));
    }
    Ok(names)
}

#[derive(Default)]
pub(crate) struct Resolver {
    names: Vec<Name>,
    with: HashSet<String>,
}

impl Visitor for Resolver {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let Some(with) = &query.with {
            self.with.extend(with.cte_tables.iter().map(|cte| cte.alias.name.value.clone()));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let idents: Vec<_> = relation.0.iter().filter_map(|part| part.as_ident()).collect();
        if let Some(first) = idents.first() {
            self.names.push(Name {
                parts: idents.iter().map(|ident| ident.value.clone()).collect(),
                line: first.span.start.line,
                column: first.span.start.column,
            });
        }
        ControlFlow::Continue(())
    }
}
