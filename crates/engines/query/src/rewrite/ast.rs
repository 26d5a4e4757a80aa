//! Small constructors for syntax trees.

use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, ObjectName, Value,
};
use datafusion::sql::sqlparser::tokenizer::Span;

use crate::error::Position;

pub(crate) fn call(name: &str, args: Vec<Expr>) -> Expr {
    Expr::Function(function(name, args))
}

pub(crate) fn function(name: &str, args: Vec<Expr>) -> Function {
    Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: arguments(args),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    }
}

pub(crate) fn arguments(args: Vec<Expr>) -> FunctionArguments {
    FunctionArguments::List(FunctionArgumentList {
        duplicate_treatment: None,
        args: args.into_iter().map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))).collect(),
        clauses: Vec::new(),
    })
}

pub(crate) fn string(text: impl Into<String>) -> Expr {
    Expr::value(Value::SingleQuotedString(text.into()))
}

/// A number that the later rewriting leaves alone: DataFusion reads it as `bigint`.
pub(crate) fn raw_number(n: i64) -> Expr {
    Expr::value(Value::Number(n.to_string(), true))
}

pub(crate) fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}

/// A cast with our own meaning, see `functions::cast`.
pub(crate) fn trino_cast(expr: Expr, type_text: impl Into<String>, lenient: bool) -> Expr {
    call(if lenient { "$try_cast" } else { "$cast" }, vec![expr, string(type_text)])
}

/// The arguments that are plain expressions.
pub(crate) fn args_of(function: &Function) -> Vec<Expr> {
    let FunctionArguments::List(list) = &function.args else { return Vec::new() };
    let plain = list.args.iter().filter_map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    });
    plain.collect()
}

pub(crate) fn args_mut(function: &mut Function) -> Vec<&mut Expr> {
    let FunctionArguments::List(list) = &mut function.args else { return Vec::new() };
    let plain = list.args.iter_mut().filter_map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    });
    plain.collect()
}

/// The function's name when it is a single word.
pub(crate) fn name_of(function: &Function) -> Option<(&str, Position)> {
    match function.name.0.as_slice() {
        [part] => part.as_ident().map(|ident| (ident.value.as_str(), at(ident.span))),
        _ => None,
    }
}

pub(crate) fn at(span: Span) -> Position {
    Position { line: span.start.line, column: span.start.column }
}
