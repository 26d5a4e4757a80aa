//! Functions under Trino's names with Trino's meaning.
//!
//! [`Registry`] is everything that can be called; names that start with `$` are for the rewriting only.
//! One file per family; [`scalar`] is how a scalar function is written down.

mod aggregates;
mod arithmetic;
mod arrays;
pub(crate) mod cast;
mod conditional;
mod dates;
mod elements;
mod encoding;
mod json;
mod json_path;
mod lambdas;
mod maps;
mod maths;
mod patterns;
mod regexp;
mod scalar;
mod sequence;
mod strings;
mod times;
pub(crate) mod unnest;
mod urls;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{AggregateUDF, Expr, HigherOrderUDF, ScalarUDF, WindowUDF, lit};

pub(crate) use arithmetic::{decimal_divide, integer_arithmetic};

use crate::rewrite::Lookup;

/// Everything that can be called, by lower-case name.
pub(crate) struct Registry {
    pub(crate) scalar: HashMap<String, Arc<ScalarUDF>>,
    pub(crate) higher_order: HashMap<String, Arc<HigherOrderUDF>>,
    pub(crate) aggregate: HashMap<String, Arc<AggregateUDF>>,
    pub(crate) window: HashMap<String, Arc<WindowUDF>>,
}

/// DataFusion's scalar functions that mean what Trino's of the same name do.
const ADOPTED: &[(&str, &str)] = &[
    ("coalesce", "coalesce"),
    ("nullif", "nullif"),
    ("trim", "btrim"),
    ("btrim", "btrim"),
    ("ltrim", "ltrim"),
    ("rtrim", "rtrim"),
    ("overlay", "overlay"),
    ("uuid", "uuid"),
    ("abs", "abs"),
    ("$random", "random"),
    ("$greatest", "greatest"),
    ("$least", "least"),
    ("pi", "pi"),
];

/// The same for aggregates: our name, DataFusion's.
const ADOPTED_AGGREGATES: &[(&str, &str)] = &[
    ("count", "count"),
    ("sum", "sum"),
    ("min", "min"),
    ("max", "max"),
    ("array_agg", "array_agg"),
    ("bool_and", "bool_and"),
    ("bool_or", "bool_or"),
    ("bit_and", "bit_and"),
    ("bit_or", "bit_or"),
    ("stddev", "stddev"),
    ("stddev_pop", "stddev_pop"),
    ("var", "var"),
    ("var_pop", "var_pop"),
    ("corr", "corr"),
    ("covar_pop", "covar_pop"),
    ("covar_samp", "covar_samp"),
    ("regr_slope", "regr_slope"),
    ("regr_intercept", "regr_intercept"),
    ("first_value", "first_value"),
    ("last_value", "last_value"),
    ("nth_value", "nth_value"),
    ("approx_distinct", "approx_distinct"),
    ("grouping", "grouping"),
    ("$string_agg", "string_agg"),
];

const ADOPTED_WINDOWS: &[&str] = &[
    "row_number",
    "rank",
    "dense_rank",
    "percent_rank",
    "cume_dist",
    "ntile",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "nth_value",
];

impl Registry {
    pub(crate) fn new() -> Registry {
        let theirs: HashMap<String, Arc<ScalarUDF>> = SessionStateDefaults::default_scalar_functions()
            .into_iter()
            .map(|function| (function.name().to_owned(), function))
            .collect();
        let mut scalar: HashMap<String, Arc<ScalarUDF>> = ADOPTED
            .iter()
            .filter_map(|(ours, name)| {
                theirs.get(*name).map(|function| ((*ours).to_owned(), Arc::clone(function)))
            })
            .collect();
        scalar.extend(
            own_scalars().into_iter().map(|function| (function.name().to_owned(), Arc::new(function))),
        );
        Registry { scalar, higher_order: lambdas::all(), aggregate: aggregates(), window: windows() }
    }
}

impl Lookup for Registry {
    fn has_function(&self, name: &str) -> bool {
        self.scalar.contains_key(name)
            || self.higher_order.contains_key(name)
            || self.aggregate.contains_key(name)
            || self.window.contains_key(name)
    }
}

fn own_scalars() -> Vec<ScalarUDF> {
    let families = [
        arithmetic::all(),
        arrays::all(),
        cast::all(),
        conditional::all(),
        dates::all(),
        elements::all(),
        encoding::all(),
        json::all(),
        maps::all(),
        maths::all(),
        regexp::all(),
        strings::all(),
        times::all(),
        unnest::all(),
        urls::all(),
    ];
    families.into_iter().flatten().collect()
}

fn aggregates() -> HashMap<String, Arc<AggregateUDF>> {
    let theirs: HashMap<String, Arc<AggregateUDF>> = SessionStateDefaults::default_aggregate_functions()
        .into_iter()
        .map(|function| (function.name().to_owned(), function))
        .collect();
    let mut all: HashMap<String, Arc<AggregateUDF>> = ADOPTED_AGGREGATES
        .iter()
        .filter_map(|(ours, name)| {
            theirs.get(*name).map(|function| ((*ours).to_owned(), Arc::clone(function)))
        })
        .collect();
    all.extend(
        aggregates::all(&theirs).into_iter().map(|function| (function.name().to_owned(), Arc::new(function))),
    );
    all
}

fn windows() -> HashMap<String, Arc<WindowUDF>> {
    let adopted = SessionStateDefaults::default_window_functions().into_iter();
    adopted
        .filter(|function| ADOPTED_WINDOWS.contains(&function.name()))
        .map(|function| (function.name().to_owned(), function))
        .collect()
}

/// `expr.name` of a row.
pub(crate) fn get_field(expr: Expr, name: &str) -> Expr {
    static GET_FIELD: LazyLock<Arc<ScalarUDF>> = LazyLock::new(datafusion::functions::core::get_field);
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&GET_FIELD), vec![expr, lit(name)]))
}

/// Uniform in [0, 1).
pub(crate) fn random() -> Arc<ScalarUDF> {
    datafusion::functions::math::random()
}
