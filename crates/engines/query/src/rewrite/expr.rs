//! Expressions: literals, casts, field access and operators.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, CastKind, DataType, Expr, NamedWindowExpr, ObjectNamePart, Select, Subscript,
    TypedString, Value, VisitMut, VisitorMut, WindowFrameBound, WindowSpec, WindowType,
};

use super::ast::{at, call, cast, string, trino_cast};
use super::{Setting, call as calls};
use crate::error::{ErrorKind, QueryError};
use crate::types;

pub(super) fn rewrite(expr: &mut Expr, setting: &Setting<'_>) -> Result<(), QueryError> {
    let new = match expr {
        Expr::Value(value) => literal(&value.value),
        Expr::TypedString(typed) => Some(typed_literal(typed)?),
        Expr::Cast { kind, expr, data_type, .. } => cast_call(kind, expr, data_type)?,
        Expr::CompoundFieldAccess { root, access_chain } => Some(access(root, access_chain)?),
        Expr::Array(array) if array.elem.is_empty() => Some(call("$empty_array", Vec::new())),
        Expr::Array(array) => Some(call("$array", std::mem::take(&mut array.elem))),
        Expr::Tuple(values) => Some(call("row", std::mem::take(values))),
        Expr::Extract { field, expr, .. } => {
            Some(call(&format!("$extract_{}", field.to_string().to_lowercase()), vec![take(expr)]))
        }
        Expr::Position { expr, r#in } => Some(call("strpos", vec![take(r#in), take(expr)])),
        Expr::Substring { expr, substring_from, substring_for, .. } => {
            let from = substring_from
                .as_mut()
                .map_or_else(|| cast(super::ast::raw_number(1), DataType::BigInt(None)), |e| take(e));
            let mut args = vec![take(expr), from];
            args.extend(substring_for.as_mut().map(|e| take(e)));
            Some(call("substr", args))
        }
        Expr::Ceil { expr, .. } => Some(call("ceil", vec![take(expr)])),
        Expr::Floor { expr, .. } => Some(call("floor", vec![take(expr)])),
        Expr::AtTimeZone { timestamp, time_zone } => {
            Some(call("at_timezone", vec![take(timestamp), take(time_zone)]))
        }
        Expr::BinaryOp { left, op, right } => binary(left, op, right),
        Expr::InList { expr, list, negated } => row_in_list(expr, list, *negated),
        Expr::Function(function) => calls::after(function, setting)?,
        _ => None,
    };
    if let Some(new) = new {
        *expr = new;
    }
    Ok(())
}

fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::value(Value::Null))
}

/// Integers are `integer` when they fit, else `bigint`; `1e0` is `double`; `1.0` stays decimal.
fn literal(value: &Value) -> Option<Expr> {
    match value {
        Value::Number(text, false) => {
            if text.contains(['e', 'E']) {
                Some(cast(
                    string(text.clone()),
                    DataType::Double(datafusion::sql::sqlparser::ast::ExactNumberInfo::None),
                ))
            } else if text.parse::<i32>().is_ok() {
                Some(cast(Expr::value(Value::Number(text.clone(), true)), DataType::Int(None)))
            } else {
                None
            }
        }
        Value::UnicodeStringLiteral(text) | Value::NationalStringLiteral(text) => Some(string(text.clone())),
        _ => None,
    }
}

fn typed_literal(typed: &TypedString) -> Result<Expr, QueryError> {
    let position = at(typed.value.span);
    let text = typed.value.value.clone().into_string().unwrap_or_default();
    let mut type_text = typed.data_type.to_string().to_lowercase();
    if type_text.starts_with("timestamp") {
        type_text = timestamp_type(&text).to_owned();
    } else if matches!(type_text.as_str(), "decimal" | "dec" | "numeric") {
        type_text = decimal_type(&text);
    }
    types::parse(&type_text).map_err(|name| unknown_type(&name).at(position))?;
    if crate::functions::cast::check_literal(&text, &type_text).is_err() {
        let message =
            format!("'{text}' is not a valid {} literal", type_text.split(['(', ' ']).next().unwrap_or(""));
        return Err(QueryError::new(ErrorKind::InvalidArgument, message).at(position));
    }
    Ok(trino_cast(string(text), type_text, false))
}

/// The type of a DECIMAL literal has as many digits as the literal.
fn decimal_type(text: &str) -> String {
    let digits = text.trim().trim_start_matches(['-', '+']);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    let (precision, scale) = ((whole.len() + fraction.len()).max(1), fraction.len());
    format!("decimal({precision},{scale})")
}

/// The type of a TIMESTAMP literal follows from its digits and zone.
fn timestamp_type(text: &str) -> &'static str {
    let time = text.trim().split_once([' ', 'T']).map_or("", |(_, time)| time);
    let zone = time.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.')).is_some();
    let digits = time
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.chars().take_while(char::is_ascii_digit).count());
    match (digits, zone) {
        (0..=3, false) => "timestamp(3)",
        (4..=6, false) => "timestamp(6)",
        (_, false) => "timestamp(9)",
        (0..=3, true) => "timestamp(3) with time zone",
        (4..=6, true) => "timestamp(6) with time zone",
        (_, true) => "timestamp(9) with time zone",
    }
}

fn unknown_type(name: &str) -> QueryError {
    QueryError::new(ErrorKind::TypeMismatch, format!("Unknown type: {name}"))
}

fn cast_call(kind: &CastKind, inner: &mut Expr, data_type: &DataType) -> Result<Option<Expr>, QueryError> {
    let DataType::Custom(name, _) = data_type else { return Ok(None) };
    let Some(ObjectNamePart::Identifier(ident)) = name.0.first() else { return Ok(None) };
    types::parse(&ident.value).map_err(|name| unknown_type(&name).at(at(ident.span)))?;
    let lenient = matches!(kind, CastKind::TryCast | CastKind::SafeCast);
    Ok(Some(trino_cast(take(inner), ident.value.clone(), lenient)))
}

/// `a.b[1].c`: the names up to the first subscript are one column reference.
fn access(root: &mut Expr, chain: &mut Vec<AccessExpr>) -> Result<Expr, QueryError> {
    let mut current = take(root);
    for step in std::mem::take(chain) {
        current = match (step, current) {
            (AccessExpr::Dot(Expr::Identifier(name)), Expr::Identifier(first)) => {
                Expr::CompoundIdentifier(vec![first, name])
            }
            (AccessExpr::Dot(Expr::Identifier(name)), Expr::CompoundIdentifier(mut names)) => {
                names.push(name);
                Expr::CompoundIdentifier(names)
            }
            (AccessExpr::Dot(Expr::Identifier(name)), current) => {
                call("$field", vec![current, string(name.value)])
            }
            (AccessExpr::Subscript(Subscript::Index { index }), current) => {
                call("$subscript", vec![current, index])
            }
            _ => return Err(QueryError::unsupported("This kind of field access")),
        };
    }
    Ok(current)
}

fn binary(left: &mut Expr, op: &BinaryOperator, right: &mut Expr) -> Option<Expr> {
    match op {
        BinaryOperator::StringConcat => Some(call("concat", vec![take(left), take(right)])),
        _ => None,
    }
}

/// `(a, b) IN ((1, 2), …)` compares member by member.
fn row_in_list(expr: &Expr, list: &[Expr], negated: bool) -> Option<Expr> {
    let left = row_members(expr)?;
    let mut any: Option<Expr> = None;
    for item in list {
        let right = row_members(item).filter(|right| right.len() == left.len())?;
        let mut all: Option<Expr> = None;
        for (l, r) in left.iter().zip(right) {
            all = Some(join(all, BinaryOperator::And, infix(l.clone(), BinaryOperator::Eq, r)));
        }
        any = Some(join(any, BinaryOperator::Or, Expr::Nested(Box::new(all?))));
    }
    let any = Expr::Nested(Box::new(any?));
    Some(if negated {
        Expr::UnaryOp { op: datafusion::sql::sqlparser::ast::UnaryOperator::Not, expr: Box::new(any) }
    } else {
        any
    })
}

fn row_members(expr: &Expr) -> Option<Vec<Expr>> {
    match expr {
        Expr::Function(function) if super::ast::name_of(function)?.0 == "row" => {
            Some(super::ast::args_of(function))
        }
        _ => None,
    }
}

fn join(left: Option<Expr>, op: BinaryOperator, right: Expr) -> Expr {
    match left {
        Some(left) => infix(left, op, right),
        None => right,
    }
}

pub(super) fn infix(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

/// Bounds of window frames stay plain numbers: they are marked on the way down and unmarked on the way
/// up, since DataFusion takes no marked ones here.
pub(super) fn windows(select: &mut Select, marked: bool) {
    for definition in &mut select.named_window {
        if let NamedWindowExpr::WindowSpec(spec) = &mut definition.1 {
            frame(spec, marked);
        }
    }
}

pub(super) fn window(over: &mut WindowType, marked: bool) {
    if let WindowType::WindowSpec(spec) = over {
        frame(spec, marked);
    }
}

fn frame(spec: &mut WindowSpec, marked: bool) {
    let Some(frame) = &mut spec.window_frame else { return };
    for bound in std::iter::once(&mut frame.start_bound).chain(frame.end_bound.as_mut()) {
        if let WindowFrameBound::Preceding(Some(n)) | WindowFrameBound::Following(Some(n)) = bound
            && let Expr::Value(value) = n.as_mut()
            && let Value::Number(_, mark) = &mut value.value
        {
            *mark = marked;
        }
    }
}

/// In a lambda's body, `x.field` of a parameter `x` is a field access, not a table's column.
pub(super) fn lambda_fields(params: &[String], body: &mut Expr) {
    struct Fields<'a>(&'a [String]);
    impl VisitorMut for Fields<'_> {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::CompoundIdentifier(names) = expr
                && self.0.contains(&names[0].value)
            {
                let rest = names[1..].iter().cloned();
                *expr = Expr::CompoundFieldAccess {
                    root: Box::new(Expr::Nested(Box::new(Expr::Identifier(names[0].clone())))),
                    access_chain: rest.map(|name| AccessExpr::Dot(Expr::Identifier(name))).collect(),
                };
            }
            ControlFlow::Continue(())
        }
    }
    let _ = body.visit(&mut Fields(params));
}
