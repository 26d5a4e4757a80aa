//! Every constraint of every built operation, violated one at a time.
//!
//! The inputs are derived from the schemas, so that a new operation is covered when it is generated.
//! The generated `model.rs` of a service calls this for all of its operations.

mod cbor;
mod example;
mod text;
mod violations;

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{OperationModel, Rejection, Schema, ServiceModel, check};
use crate::codec::{Codec, Format};
pub use cbor::to_cbor;
use violations::Attempt;

/// What was tried, for a test that wants to see that it was much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tried {
    pub operations: usize,
    pub violations: usize,
}

/// Checks that examples of every built operation pass and that each single violation is answered with
/// the modelled error and the name of the member.
///
/// # Panics
/// With the list of all that was answered otherwise.
pub fn assert_constraints(service: &ServiceModel) -> Tried {
    walk(service, |operation, input| check(service, operation, input))
}

/// As [`assert_constraints`], with every input written as CBOR and read again.
///
/// # Panics
/// With the list of all that was answered otherwise.
pub fn assert_constraints_in_cbor(service: &'static ServiceModel) -> Tried {
    walk(service, |operation, input| {
        let codec = Codec { format: Format::Cbor, service, operation };
        let body = to_cbor(operation.input, input);
        let read = codec.value(&body).unwrap_or_else(|error| panic!("{}: {error}: {input}", operation.name));
        check(service, operation, &read)
    })
}

fn walk(
    service: &ServiceModel,
    check: impl Fn(&'static OperationModel, &Value) -> Result<(), Rejection>,
) -> Tried {
    let mut failures = Vec::new();
    let mut tried = Tried::default();
    for operation in service.operations {
        tried.operations += 1;
        uncompilable_patterns(operation.input, &mut BTreeSet::new(), &mut failures);
        for (what, input) in [
            ("the smallest input", example::smallest(operation.input)),
            ("the full input", example::full(operation)),
        ] {
            if let Err(rejection) = check(operation, &input) {
                failures.push(format!("{}: {what} is refused: {}", operation.name, rejection.message));
            }
        }
        for attempt in violations::of(service, operation) {
            tried.violations += 1;
            failures.extend(unexpected(operation, check(operation, &attempt.input), &attempt));
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), tried.violations, failures.join("\n"));
    tried
}

/// Checks that what the schema allows reaches the handler's type, and that nothing is lost on the way.
///
/// # Panics
/// With the difference.
pub fn assert_round_trip<T: Serialize + DeserializeOwned>(operation: &'static OperationModel) {
    for input in [example::smallest(operation.input), example::full(operation)] {
        let typed: T = serde_json::from_value(input.clone())
            .unwrap_or_else(|error| panic!("{}: {error} in {input}", operation.name));
        let back = serde_json::to_value(&typed).unwrap_or_else(|error| panic!("{}: {error}", operation.name));
        assert_eq!(back, input, "{}", operation.name);
    }
}

fn unexpected(
    operation: &OperationModel,
    checked: Result<(), Rejection>,
    attempt: &Attempt,
) -> Option<String> {
    let answer = match checked {
        Ok(()) => "it passed".to_owned(),
        Err(rejection) => {
            let names =
                rejection.message.contains(&attempt.names) && rejection.message.contains(attempt.says);
            if rejection.code == attempt.code && names {
                return None;
            }
            format!("{}: {}", rejection.code, rejection.message)
        }
    };
    Some(format!("{}: {} at {}: {answer}", operation.name, attempt.what, attempt.names))
}

fn uncompilable_patterns(schema: &'static Schema, seen: &mut BTreeSet<usize>, failures: &mut Vec<String>) {
    if !seen.insert(std::ptr::from_ref(schema) as usize) {
        return;
    }
    match schema {
        Schema::Structure(structure) => {
            for member in structure.members {
                uncompilable_patterns(member.schema, seen, failures);
            }
        }
        Schema::List { member, .. } => uncompilable_patterns(member, seen, failures),
        Schema::Map { key, value, .. } => {
            uncompilable_patterns(key, seen, failures);
            uncompilable_patterns(value, seen, failures);
        }
        Schema::String(text) => {
            if let Some(Err(error)) = text.pattern.map(super::Pattern::try_compile) {
                failures.push(error.to_string());
            }
        }
        _ => {}
    }
}

/// The smallest input of an operation that satisfies its model; tests start from it.
pub fn smallest_input(operation: &OperationModel) -> Value {
    example::smallest(operation.input)
}

/// An input with every member that is not refused; tests start from it.
pub fn full_input(operation: &OperationModel) -> Value {
    example::full(operation)
}
