//! Function calls whose meaning needs more than another name.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, DataType, Expr, Function, FunctionArgumentClause, FunctionArguments,
    LambdaFunction, LambdaFunctionParameter, LambdaSyntax, NullTreatment, OneOrManyWithParens, OrderByExpr,
    OrderByOptions, Value, helpers::attached_token::AttachedToken,
};
use datafusion::sql::sqlparser::ast::{ExactNumberInfo, Ident};

use super::Setting;
use super::ast::{
    args_mut, args_of, arguments, call, cast, function, name_of, raw_number, string, trino_cast,
};
use super::expr::{infix, lambda_fields, window};
use super::names::keep_number;
use super::quantified::quantified;
use crate::error::{ErrorKind, QueryError};

/// Names that [`after`] replaces and that no registry knows.
const REPLACED: &[&str] = &[
    "approx_percentile",
    "arbitrary",
    "any_value",
    "bitwise_and_agg",
    "bitwise_or_agg",
    "count_if",
    "current_catalog",
    "current_date",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "date",
    "every",
    "geometric_mean",
    "greatest",
    "if",
    "least",
    "listagg",
    "localtime",
    "localtimestamp",
    "max_by",
    "min_by",
    "mod",
    "now",
    "rand",
    "random",
    "try",
    "stddev_samp",
    "var_samp",
    "variance",
    "map",
    "e",
    "numeric_histogram_",
];

/// Window functions whose DataFusion form counts unsigned.
const COUNTING: &[&str] = &["row_number", "rank", "dense_rank", "ntile"];

/// Window functions whose further arguments must stay plain numbers.
const OFFSETS: &[&str] = &["lag", "lead", "nth_value", "ntile"];

/// On the way down: unknown functions are refused, and what must not be rewritten is marked.
pub(super) fn before(expr: &mut Expr, setting: &Setting<'_>) -> Result<(), QueryError> {
    match expr {
        Expr::Lambda(lambda) => {
            let params: Vec<_> = lambda.params.iter().map(|param| param.name.value.clone()).collect();
            lambda_fields(&params, &mut lambda.body);
            if params.len() > 1 {
                // DataFusion mistakes one parameter for another where not all of them are used.
                let used = lambda.params.iter().map(|param| Expr::Identifier(param.name.clone()));
                let args = std::iter::once((*lambda.body).clone()).chain(used).collect();
                *lambda.body = call("$first", args);
            }
        }
        Expr::AnyOp { .. } | Expr::AllOp { .. } => {
            if let Some(new) = quantified(expr) {
                *expr = new;
            }
        }
        Expr::Function(function) => {
            let Some((name, position)) = name_of(function) else {
                let name = function.name.to_string();
                return Err(QueryError::new(
                    ErrorKind::NoSuchFunction,
                    format!("Function '{name}' not registered"),
                ));
            };
            let known = REPLACED.contains(&name) || setting.lookup.has_function(name);
            if !known {
                let message = format!("Function '{name}' not registered");
                return Err(QueryError::new(ErrorKind::NoSuchFunction, message).at(position));
            }
            if OFFSETS.contains(&name) {
                args_mut(function).into_iter().for_each(keep_number);
            }
            if let Some(over) = &mut function.over {
                window(over, true);
            }
            if name_of(function).is_some_and(|(name, _)| name == "try") {
                *expr = guarded(function);
            }
        }
        _ => {}
    }
    Ok(())
}

/// `try(e)` evaluates `e` as the body of a lambda, so that its failure can be caught.
fn guarded(call: &mut Function) -> Expr {
    let Some(body) = args_of(call).into_iter().next() else { return Expr::Function(call.clone()) };
    let param = LambdaFunctionParameter { name: Ident::new("$row"), data_type: None };
    let lambda = Expr::Lambda(LambdaFunction {
        params: OneOrManyWithParens::One(param),
        body: Box::new(body),
        syntax: LambdaSyntax::Arrow,
    });
    Expr::Function(function("$try", vec![Expr::value(Value::Boolean(true)), lambda]))
}

/// On the way up: the call's replacement, if it needs one.
pub(super) fn after(call_: &mut Function, setting: &Setting<'_>) -> Result<Option<Expr>, QueryError> {
    if let Some(over) = &mut call_.over {
        window(over, false);
    }
    let Some((name, position)) = name_of(call_) else { return Ok(None) };
    let name = name.to_owned();
    let args = args_of(call_);
    let new = match (name.as_str(), args.len()) {
        (n, _) if COUNTING.contains(&n) && call_.over.is_some() => {
            Some(cast(Expr::Function(call_.clone()), DataType::BigInt(None)))
        }
        ("if", 2 | 3) => Some(case(&args)),
        ("greatest" | "least", 1..) => Some(null_if_any(&args, renamed(call_, &format!("${name}")))),
        ("mod", 2) => {
            Some(Expr::Nested(Box::new(infix(args[0].clone(), BinaryOperator::Modulo, args[1].clone()))))
        }
        ("date", 1) => Some(trino_cast(args[0].clone(), "date", false)),
        ("map", 0) => Some(call("$empty_map", args)),
        ("map", 2) => Some(call("$map", args)),
        ("e", 0) => Some(double("2.718281828459045")),
        ("rand" | "random", count) => Some(random(&args, count)),
        ("count_if", 1) => Some(count_if(call_, args[0].clone())),
        ("arbitrary" | "any_value", 1) => {
            let mut new = call_.clone();
            new.null_treatment = Some(NullTreatment::IgnoreNulls);
            Some(renamed(&new, "first_value"))
        }
        ("max_by" | "min_by", 2 | 3) => Some(extreme(call_, &args, name == "max_by")?),
        ("max" | "min", 2) => {
            let args = [args[0].clone(), args[0].clone(), args[1].clone()];
            Some(extreme(call_, &args, name == "max")?)
        }
        ("approx_percentile", 2..) => Some(percentile(call_, &args)?),
        ("approx_distinct", 1 | 2) => {
            let mut new = call_.clone();
            new.args = arguments(vec![args[0].clone()]);
            Some(cast(Expr::Function(new), DataType::BigInt(None)))
        }
        ("listagg", 1 | 2) => Some(listagg(call_, &args)),
        ("geometric_mean", 1) => {
            let mut mean = call_.clone();
            mean.args = arguments(vec![call("ln", vec![args[0].clone()])]);
            Some(call("exp", vec![renamed(&mean, "avg")]))
        }
        _ => match alias(&name) {
            Some(other) => Some(renamed(call_, other)),
            None => constant(&name, setting),
        },
    };
    if new.is_none() && REPLACED.contains(&name.as_str()) && name != "$try" {
        let message = format!("Unexpected parameters for function {name}");
        return Err(QueryError::new(ErrorKind::TypeMismatch, message).at(position));
    }
    Ok(new)
}

fn alias(name: &str) -> Option<&'static str> {
    Some(match name {
        "every" => "bool_and",
        "bitwise_and_agg" => "bit_and",
        "bitwise_or_agg" => "bit_or",
        "stddev_samp" => "stddev",
        "variance" | "var_samp" => "var",
        _ => return None,
    })
}

fn constant(name: &str, setting: &Setting<'_>) -> Option<Expr> {
    let now = setting.now.to_utc();
    Some(match name {
        "now" | "current_timestamp" => {
            let text = now.format("%Y-%m-%d %H:%M:%S%.3f UTC").to_string();
            trino_cast(string(text), "timestamp(3) with time zone", false)
        }
        "localtimestamp" => {
            trino_cast(string(now.format("%Y-%m-%d %H:%M:%S%.3f").to_string()), "timestamp(3)", false)
        }
        "current_date" => trino_cast(string(now.format("%Y-%m-%d").to_string()), "date", false),
        "current_time" | "localtime" => {
            trino_cast(string(now.format("%H:%M:%S%.3f").to_string()), "time", false)
        }
        "current_catalog" => string(setting.catalog),
        "current_schema" => string(setting.database),
        "current_user" => string(setting.user),
        _ => return None,
    })
}

fn renamed(call: &Function, name: &str) -> Expr {
    let mut new = call.clone();
    new.name = function(name, Vec::new()).name;
    Expr::Function(new)
}

fn double(text: &str) -> Expr {
    cast(string(text), DataType::Double(ExactNumberInfo::None))
}

fn null() -> Expr {
    Expr::value(Value::Null)
}

fn case(args: &[Expr]) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition: args[0].clone(), result: args[1].clone() }],
        else_result: args.get(2).map(|other| Box::new(other.clone())),
    }
}

fn null_if_any(args: &[Expr], value: Expr) -> Expr {
    let nulls = args.iter().map(|arg| Expr::IsNull(Box::new(arg.clone())));
    let any = nulls.reduce(|left, right| infix(left, BinaryOperator::Or, right));
    match any {
        Some(any) => case(&[any, null(), value]),
        None => value,
    }
}

fn random(args: &[Expr], count: usize) -> Expr {
    let unit = call("$random", Vec::new());
    let (low, span) = match count {
        0 => return unit,
        1 => (raw_number(0), args[0].clone()),
        _ => (args[0].clone(), infix(args[1].clone(), BinaryOperator::Minus, args[0].clone())),
    };
    let scaled = call("floor", vec![infix(unit, BinaryOperator::Multiply, Expr::Nested(Box::new(span)))]);
    infix(low, BinaryOperator::Plus, cast(scaled, DataType::BigInt(None)))
}

fn count_if(call: &Function, condition: Expr) -> Expr {
    let mut new = call.clone();
    new.args = arguments(vec![case(&[condition, raw_number(1)])]);
    renamed(&new, "count")
}

fn order_by(expr: Expr, descending: bool) -> FunctionArgumentClause {
    FunctionArgumentClause::OrderBy(vec![OrderByExpr {
        expr,
        options: OrderByOptions { asc: Some(!descending), nulls_first: Some(false) },
        with_fill: None,
    }])
}

fn with_clause(args: Vec<Expr>, clause: FunctionArgumentClause) -> FunctionArguments {
    match arguments(args) {
        FunctionArguments::List(mut list) => {
            list.clauses.push(clause);
            FunctionArguments::List(list)
        }
        other => other,
    }
}

/// `max_by(x, y)` is the first `x` by descending `y`; with a count, the first of the sorted array.
fn extreme(call_: &Function, args: &[Expr], descending: bool) -> Result<Expr, QueryError> {
    if call_.over.is_some() {
        return Err(QueryError::unsupported("max_by, min_by, or max and min with a count, over a window"));
    }
    let mut new = call_.clone();
    new.args = with_clause(vec![args[0].clone()], order_by(args[1].clone(), descending));
    let known = Expr::IsNotNull(Box::new(args[1].clone()));
    new.filter = Some(Box::new(match new.filter.take() {
        Some(filter) => infix(Expr::Nested(filter), BinaryOperator::And, known),
        None => known,
    }));
    Ok(match args.get(2) {
        None => renamed(&new, "first_value"),
        Some(count) => {
            let one = cast(raw_number(1), DataType::Int(None));
            call("slice", vec![renamed(&new, "array_agg"), one, count.clone()])
        }
    })
}

/// A literal array of percentiles gives an array.
fn percentile(call_: &Function, args: &[Expr]) -> Result<Expr, QueryError> {
    let one = |p: &Expr| {
        let mut new = call_.clone();
        let p = match p {
            Expr::Value(value) => double(&value.value.to_string()),
            Expr::Cast { expr, .. } if matches!(**expr, Expr::Value(_)) => {
                double(expr.to_string().trim_matches(['\'', 'L']))
            }
            other => other.clone(),
        };
        new.args = arguments(vec![args[0].clone(), p]);
        renamed(&new, "$percentile")
    };
    match (args.len(), &args[1]) {
        (2, Expr::Function(array)) if name_of(array).is_some_and(|(name, _)| name == "$array") => {
            Ok(call("$array", args_of(array).iter().map(one).collect()))
        }
        (2, p) => Ok(one(p)),
        _ => Err(QueryError::unsupported("approx_percentile with weights or accuracy")),
    }
}

fn listagg(call_: &Function, args: &[Expr]) -> Expr {
    let mut new = call_.clone();
    let separator = args.get(1).cloned().unwrap_or_else(|| string(""));
    let keys = std::mem::take(&mut new.within_group);
    let args = vec![args[0].clone(), separator];
    new.args = if keys.is_empty() {
        arguments(args)
    } else {
        with_clause(args, FunctionArgumentClause::OrderBy(keys))
    };
    cast(renamed(&new, "$string_agg"), DataType::Varchar(None))
}
