//! Resource policies: kept as they were given. Every caller is the root of the account that owns the stream,
//! whom its own policy does not limit.

use aws::ApiError;
use serde_json::Value;

use crate::limits::POLICY_BYTES_MAX;
use crate::model::error;

/// A policy is a JSON object with statements, each of which says what it does for whom.
pub(crate) fn check(policy: &str) -> Result<(), ApiError> {
    if policy.len() > POLICY_BYTES_MAX {
        return Err(error::limit_exceeded_exception(format!(
            "A resource policy of {} bytes is over the limit of {POLICY_BYTES_MAX}.",
            policy.len()
        )));
    }
    let invalid =
        |why: &str| error::invalid_argument_exception(format!("The resource policy is invalid: {why}."));
    let document: Value = serde_json::from_str(policy).map_err(|_| invalid("it is not JSON"))?;
    let statements = match &document["Statement"] {
        Value::Array(statements) => statements.iter().collect(),
        statement @ Value::Object(_) => vec![statement],
        _ => return Err(invalid("it has no Statement")),
    };
    for statement in statements {
        if !matches!(statement["Effect"].as_str(), Some("Allow" | "Deny")) {
            return Err(invalid("the Effect of a statement is neither Allow nor Deny"));
        }
        for part in ["Principal", "Action", "Resource"] {
            if statement[part].is_null() && statement[format!("Not{part}")].is_null() {
                return Err(invalid(&format!("a statement has no {part}")));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn only_policies_are_taken_for_policies() {
        let statement = r#"{"Effect": "Allow", "Principal": "*", "Action": "kinesis:Get*", "Resource": "*"}"#;
        assert!(check(&format!(r#"{{"Version": "2012-10-17", "Statement": [{statement}]}}"#)).is_ok());
        assert!(check(&format!(r#"{{"Statement": {statement}}}"#)).is_ok());
        for wrong in ["", "[]", "{}", r#"{"Statement": 1}"#, r#"{"Statement": [{}]}"#] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
        let lacking = statement.replace("Action", "Other");
        let error = check(&format!(r#"{{"Statement": {lacking}}}"#)).unwrap_err();
        assert_eq!(error.message(), "The resource policy is invalid: a statement has no Action.");
        assert_eq!(check(&" ".repeat(30_000)).unwrap_err().code(), "LimitExceededException");
    }
}
