//! The union of an event stream: an enumeration of its events, and the errors that may end it.

use std::fmt::Write as _;

use anyhow::Result;

use crate::botocore::{Model, Shape};
use crate::names;

pub fn write(
    out: &mut String,
    model: &Model,
    union: &Shape,
    title: &str,
    type_of: impl Fn(&str) -> String,
) -> Result<()> {
    let events: Vec<_> = model
        .union_members(union, false)
        .map(|(name, event)| (name, names::type_name(name), type_of(&event.shape)))
        .collect();
    let exceptions: Vec<_> = model.union_members(union, true).map(|(_, error)| &error.shape).collect();
    writeln!(out, "\n#[derive(Debug, Clone, PartialEq)]\npub enum {title} {{")?;
    for (_, variant, payload) in &events {
        writeln!(out, "{variant}({payload}),")?;
    }
    writeln!(out, "}}\n\nimpl aws::Event for {title} {{")?;
    writeln!(out, "const EXCEPTIONS: &'static [&'static str] = &{exceptions:?};\n")?;
    writeln!(out, "fn name(&self) -> &'static str {{\nmatch self {{")?;
    for (name, variant, _) in &events {
        writeln!(out, "Self::{variant}(_) => {name:?},")?;
    }
    writeln!(out, "}}\n}}\n")?;
    writeln!(
        out,
        "fn write(&self, codec: &aws::Codec, out: &mut Vec<u8>) -> Result<(), aws::ApiError> {{\nmatch self {{"
    )?;
    for (_, variant, _) in &events {
        writeln!(out, "Self::{variant}(event) => codec.encode_into(event, out),")?;
    }
    writeln!(out, "}}\n}}\n}}")?;
    Ok(())
}
