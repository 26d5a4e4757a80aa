//! `typeof`.

use std::sync::Arc;

use arrow::array::StringArray;
use datafusion::logical_expr::ScalarUDF;

use super::scalar::{P, R, exact, variadic};
use crate::types::display;

pub(super) fn all() -> Vec<ScalarUDF> {
    vec![
        // Its first argument; the others are there to be used.
        variadic("$first", &[P::Any], 1, R::Arg(0), |args| Ok(Arc::clone(&args.columns[0]))),
        exact("typeof", &[P::Any], R::Str, |args| {
            let name = display(args.columns[0].data_type());
            Ok(Arc::new(StringArray::from(vec![name.as_str(); args.rows])))
        }),
    ]
}
