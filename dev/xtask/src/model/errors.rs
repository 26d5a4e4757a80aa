//! The modelled errors of the built operations, as functions.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;

use crate::botocore::Model;
use crate::contract::Contract;
use crate::names;

pub struct Modelled {
    pub name: String,
    /// In the query protocol; elsewhere the name is the code.
    pub code: String,
    pub status: u16,
}

/// Errors that a built operation may answer, the two of the contract included.
pub fn of(model: &Model, contract: &Contract) -> Result<Vec<Modelled>> {
    let mut found = BTreeMap::new();
    for name in contract.built.keys() {
        let operation = model.operation(name)?;
        for error in &operation.errors {
            found.insert(error.shape.clone(), modelled(model, &error.shape)?);
        }
        let Some(output) = &operation.output else { continue };
        if let Some((_, union)) = model.event_stream(&output.shape)? {
            for (_, error) in model.union_members(union, true) {
                found.insert(error.shape.clone(), modelled(model, &error.shape)?);
            }
        }
    }
    for code in [&contract.constraint_error, &contract.unsupported_field_error] {
        if !found.values().any(|error| error.code == *code) {
            let error = match model.shapes.contains_key(code) {
                true => modelled(model, code)?,
                false => Modelled { name: code.clone(), code: code.clone(), status: 400 },
            };
            found.insert(code.clone(), error);
        }
    }
    Ok(found.into_values().collect())
}

fn modelled(model: &Model, name: &str) -> Result<Modelled> {
    let shape = model.shape(name)?;
    let status = shape.error.as_ref().and_then(|error| error.http_status_code);
    let fault = shape.fault || shape.error.as_ref().is_some_and(|error| error.fault);
    // Models of JSON services tell whose fault it is and no status; this one's name is its status.
    let fault_status = if name == "ServiceUnavailableException" { 503 } else { 500 };
    // In JSON services the shape's name is the code, whatever the trait says.
    let code = match model.metadata.protocol.as_str() {
        "query" | "ec2" | "rest-xml" | "smithy-rpc-v2-cbor" => {
            shape.error.as_ref().and_then(|error| error.code.clone())
        }
        _ => None,
    };
    Ok(Modelled {
        name: name.to_owned(),
        code: code.unwrap_or_else(|| name.to_owned()),
        status: status.unwrap_or(if fault { fault_status } else { 400 }),
    })
}

pub fn write(out: &mut String, model: &Model, contract: &Contract) -> Result<()> {
    writeln!(out, "\n/// The modelled errors.\npub mod error {{\nuse aws::ApiError;\n")?;
    for error in of(model, contract)? {
        let Modelled { name, code, status } = error;
        // Who speaks several protocols answers with the name, which the query protocol translates.
        let code = if model.metadata.protocol == "smithy-rpc-v2-cbor" { &name } else { &code };
        writeln!(out, "pub fn {}(message: impl Into<String>) -> ApiError {{", names::field(&name))?;
        writeln!(out, "ApiError::new({code:?}, {status}, message)\n}}\n")?;
    }
    writeln!(out, "}}")?;
    Ok(())
}
