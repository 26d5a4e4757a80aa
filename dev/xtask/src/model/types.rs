//! Structures and enumerations.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Result, bail};

use super::events;
use super::live::Live;
use crate::botocore::{Model, Reference, Shape};
use crate::contract::Contract;
use crate::names;

pub fn write(out: &mut String, model: &Model, contract: &Contract, live: &Live) -> Result<()> {
    let titles = titles(model, live)?;
    let types = Types { model, live, titles };
    writeln!(out, "use serde::{{Deserialize, Serialize}};")?;
    let mut body = String::new();
    for name in &live.shapes {
        let shape = model.shape(name)?;
        if shape.eventstream {
            events::write(&mut body, model, shape, &types.titles[name], |name| types.titles[name].clone())?;
        } else if model.event_stream(name)?.is_some() {
            only_a_stream(name, shape)?;
        } else if shape.kind == "structure" && !shape.document {
            types.structure(&mut body, name, shape)?;
        }
    }
    for operation in contract.built.keys() {
        let (input, output) = &live.structures[operation];
        types.alias(&mut body, &format!("{operation}Input"), input.as_deref())?;
        if !output.as_deref().is_some_and(|output| matches!(model.event_stream(output), Ok(Some(_)))) {
            types.alias(&mut body, &format!("{operation}Output"), output.as_deref())?;
        }
    }
    types.enumerations(&mut body)?;
    if body.contains("BTreeMap<") {
        writeln!(out, "use std::collections::BTreeMap;")?;
    }
    out.push_str(&body);
    Ok(())
}

/// A handler returns the stream itself, so that nothing can stand beside it.
fn only_a_stream(name: &str, shape: &Shape) -> Result<()> {
    match shape.members.0.len() {
        1 => Ok(()),
        _ => bail!("{name} has members beside its event stream, which is not supported here yet"),
    }
}

/// Shape → type. Inputs and outputs are called after their operation, whatever the model calls them.
fn titles(model: &Model, live: &Live) -> Result<BTreeMap<String, String>> {
    let mut titles: BTreeMap<String, String> = BTreeMap::new();
    for (operation, (input, output)) in &live.structures {
        for (shape, suffix) in [(input, "Input"), (output, "Output")] {
            if let Some(shape) = shape {
                let uses = live.structures.values().flat_map(|(input, output)| [input, output]).flatten();
                if uses.filter(|used| *used == shape).count() == 1 {
                    titles.insert(shape.clone(), format!("{operation}{suffix}"));
                }
            }
        }
    }
    let taken: BTreeSet<_> = titles.values().cloned().collect();
    for name in &live.shapes {
        let shape = model.shape(name)?;
        let named = shape.kind == "structure" || !shape.values.is_empty();
        if named && !titles.contains_key(name) {
            let title = names::type_name(name);
            let title = if taken.contains(&title) { format!("{title}Shape") } else { title };
            titles.insert(name.clone(), title);
        }
    }
    let distinct: BTreeSet<_> = titles.values().collect();
    if distinct.len() < titles.len() {
        bail!("two shapes would get the same type name");
    }
    Ok(titles)
}

struct Types<'a> {
    model: &'a Model,
    live: &'a Live,
    titles: BTreeMap<String, String>,
}

impl Types<'_> {
    fn structure(&self, out: &mut String, name: &str, shape: &Shape) -> Result<()> {
        let members: Vec<_> =
            shape.members.0.iter().filter(|(member, _)| self.live.has_member(name, member)).collect();
        let pascal =
            members.iter().filter(|(member, _)| names::pascal(&names::field(member)) == *member).count();
        let rename_all = pascal * 2 >= members.len() && pascal > 0;
        writeln!(out, "\n#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]")?;
        let rename = if rename_all { ", rename_all = \"PascalCase\"" } else { "" };
        writeln!(out, "#[serde(default{rename})]\npub struct {} {{", self.titles[name])?;
        for (member, reference) in members {
            self.member(out, name, shape, rename_all, member, reference)?;
        }
        writeln!(out, "}}")?;
        Ok(())
    }

    fn member(
        &self,
        out: &mut String,
        structure: &str,
        shape: &Shape,
        rename_all: bool,
        name: &str,
        reference: &Reference,
    ) -> Result<()> {
        let field = names::field(name);
        let mut attributes = Vec::new();
        let implied = if rename_all { names::pascal(&field) } else { field.clone() };
        if implied != name {
            attributes.push(format!("rename = {name:?}"));
        }
        let mut kind = self.of(&reference.shape)?;
        if self.contains_directly(&reference.shape, structure, &mut BTreeSet::new())? {
            kind = format!("Box<{kind}>");
        }
        if !shape.required.iter().any(|required| required == name) {
            attributes.push("skip_serializing_if = \"Option::is_none\"".to_owned());
            kind = format!("Option<{kind}>");
        }
        if !attributes.is_empty() {
            writeln!(out, "#[serde({})]", attributes.join(", "))?;
        }
        writeln!(out, "pub {field}: {kind},")?;
        Ok(())
    }

    fn of(&self, name: &str) -> Result<String> {
        let shape = self.model.shape(name)?;
        Ok(match shape.kind.as_str() {
            _ if shape.eventstream => bail!("the event stream {name} stands where none can be sent"),
            _ if shape.document => "serde_json::Value".to_owned(),
            "structure" => self.titles[name].clone(),
            "string" if !shape.values.is_empty() => self.titles[name].clone(),
            "string" | "character" => "String".to_owned(),
            "integer" => "i32".to_owned(),
            "long" => "i64".to_owned(),
            "float" => "f32".to_owned(),
            "double" => "f64".to_owned(),
            "boolean" => "bool".to_owned(),
            "blob" => "aws::Blob".to_owned(),
            "timestamp" => "aws::AwsTimestamp".to_owned(),
            kind => match (&shape.member, &shape.value) {
                (Some(member), _) => format!("Vec<{}>", self.of(&member.shape)?),
                (_, Some(value)) => format!("BTreeMap<String, {}>", self.of(&value.shape)?),
                _ => bail!("shape {name} has the unknown type {kind}"),
            },
        })
    }

    /// Whether `name` holds `structure` by value, so that a box must break the circle.
    fn contains_directly(&self, name: &str, structure: &str, seen: &mut BTreeSet<String>) -> Result<bool> {
        let shape = self.model.shape(name)?;
        if shape.kind != "structure" || !seen.insert(name.to_owned()) {
            return Ok(false);
        }
        if name == structure {
            return Ok(true);
        }
        for (_, reference) in &shape.members.0 {
            if self.contains_directly(&reference.shape, structure, seen)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A type of the operation's own name where the shape is shared or absent.
    fn alias(&self, out: &mut String, wanted: &str, shape: Option<&str>) -> Result<()> {
        match shape.map(|shape| &self.titles[shape]) {
            Some(title) if title == wanted => {}
            Some(title) => writeln!(out, "\npub type {wanted} = {title};")?,
            None => {
                writeln!(out, "\n#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]")?;
                writeln!(out, "pub struct {wanted} {{}}")?;
            }
        }
        Ok(())
    }

    fn enumerations(&self, out: &mut String) -> Result<()> {
        let mut body = String::new();
        for name in &self.live.shapes {
            let shape = self.model.shape(name)?;
            if shape.values.is_empty() {
                continue;
            }
            let mut taken = BTreeSet::new();
            let mut variants = Vec::new();
            for value in &shape.values {
                let mut variant = names::variant(value);
                while !taken.insert(variant.clone()) {
                    variant.push('2');
                }
                variants.push(format!("{variant} = {value:?}"));
            }
            writeln!(body, "pub enum {} {{ {} }}", self.titles[name], variants.join(", "))?;
        }
        if !body.is_empty() {
            writeln!(out, "\naws::wire_enum! {{\n{body}}}")?;
        }
        Ok(())
    }
}
