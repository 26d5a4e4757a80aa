//! Schemas: every live shape as a static, constraints included.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result, bail};

use super::live::Live;
use super::pattern;
use crate::botocore::{Model, Reference, Shape};
use crate::contract::Contract;
use crate::names;

pub fn write(out: &mut String, model: &Model, contract: &Contract, live: &Live) -> Result<()> {
    let schemas = Schemas { model, live, patterns: patterns(model, live)? };
    let mut body = String::new();
    for (source, constant) in &schemas.patterns {
        pattern_static(&mut body, source, constant)?;
    }
    for name in &live.shapes {
        schemas.shape(&mut body, name)?;
    }
    let operations = contract.built.keys().map(|name| model.operation(name)).collect::<Result<Vec<_>>>()?;
    if operations.iter().any(|operation| operation.input.is_none() || operation.output.is_none()) {
        writeln!(body, "pub(super) static NOTHING: Schema = Schema::structure(\"Nothing\", &[]);")?;
    }
    writeln!(out, "\nmod schema {{")?;
    let imports = ["Location", "Member", "Pattern", "Schema", "TimestampFormat"];
    let shared = ["ANY", "ANY_MAP", "BOOLEAN", "DOUBLE", "FLOAT", "INTEGER", "LONG", "STRING", "TIMESTAMP"];
    let used = imports
        .iter()
        .filter(|name| body.contains(&format!("{name}::")))
        .chain(shared.iter().filter(|name| body.contains(&format!("&{name})"))))
        .copied()
        .collect::<Vec<_>>();
    writeln!(out, "use aws::model::{{{}}};\n\n{body}}}", used.join(", "))?;
    Ok(())
}

/// The distinct patterns, named after their first shape.
fn patterns(model: &Model, live: &Live) -> Result<BTreeMap<String, String>> {
    let mut patterns = BTreeMap::new();
    for name in &live.shapes {
        let shape = model.shape(name)?;
        if let (Some(source), true) = (&shape.pattern, shape.values.is_empty() && live.is_constrained(name))
            && !pattern::allows_everything(source)
        {
            patterns.entry(source.clone()).or_insert_with(|| format!("{}_PATTERN", names::constant(name)));
        }
    }
    Ok(patterns)
}

fn pattern_static(out: &mut String, source: &str, constant: &str) -> Result<()> {
    let translated = pattern::translate(source).with_context(|| format!("pattern {source}"))?;
    let (raw, body) = (quoted(source), quoted(&translated.expression));
    match &translated.not_prefix {
        None => writeln!(out, "static {constant}: Pattern = Pattern::new({raw}, {body});")?,
        Some(not) => {
            writeln!(out, "static {constant}: Pattern = Pattern::unless({raw}, {}, {body});", quoted(not))?
        }
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    match text {
        _ if text.contains("\"#") => format!("{text:?}"),
        _ if text.contains('"') => format!("r#\"{text}\"#"),
        _ if text.contains('\\') => format!("r\"{text}\""),
        _ => format!("{text:?}"),
    }
}

struct Schemas<'a> {
    model: &'a Model,
    live: &'a Live,
    patterns: BTreeMap<String, String>,
}

impl Schemas<'_> {
    fn shape(&self, out: &mut String, name: &str) -> Result<()> {
        if self.shared(name)?.is_some() {
            return Ok(());
        }
        let shape = self.model.shape(name)?;
        let text = match shape.kind.as_str() {
            "structure" => self.structure(name, shape)?,
            _ => self.scalar_or_container(name, shape)?,
        };
        writeln!(out, "pub(super) static {}: Schema = {text};", names::constant(name))?;
        Ok(())
    }

    fn structure(&self, name: &str, shape: &Shape) -> Result<String> {
        let mut members = Vec::new();
        for (member, reference) in &shape.members.0 {
            let required = shape.required.contains(member);
            members.push(self.member(name, shape, member, reference, required)?);
        }
        Ok(format!("Schema::structure({name:?}, &[{}])", members.join(", ")))
    }

    fn member(
        &self,
        structure: &str,
        shape: &Shape,
        name: &str,
        reference: &Reference,
        required: bool,
    ) -> Result<String> {
        let schema = match self.live.has_member(structure, name) {
            true => self.reference(&reference.shape)?,
            false if self.model.shape(&reference.shape)?.kind == "map" => "&ANY_MAP".to_owned(),
            false => "&ANY".to_owned(),
        };
        let constructor = if required { "required" } else { "new" };
        let mut text = format!("Member::{constructor}({name:?}, {schema})");
        let location = match (reference.location.as_deref(), shape.payload.as_deref() == Some(name)) {
            (Some("header"), _) => "Header",
            (Some("headers"), _) => "Headers",
            (Some("uri"), _) => "Uri",
            (Some("querystring"), _) => "QueryString",
            (Some("statusCode"), _) => "StatusCode",
            (Some(other), _) => bail!("the location {other} is not known here"),
            (None, true) => "Payload",
            (None, false) => "Body",
        };
        let wire = reference.location_name.as_deref().unwrap_or(name);
        if location != "Body" || wire != name {
            write!(text, ".at(Location::{location}, {wire:?})")?;
        }
        Ok(text)
    }

    fn scalar_or_container(&self, name: &str, shape: &Shape) -> Result<String> {
        let bounded = self.live.is_constrained(name);
        let sized = |text: String| match (&shape.min, &shape.max) {
            (min, max) if bounded && (min.is_some() || max.is_some()) => {
                format!("{text}.sized({}, {})", option(min), option(max))
            }
            _ => text,
        };
        Ok(match shape.kind.as_str() {
            "string" | "character" => self.text(shape),
            "blob" => sized("Schema::blob()".to_owned()),
            "integer" | "long" => {
                format!("Schema::{}({}, {})", shape.kind, option(&shape.min), option(&shape.max))
            }
            "float" | "double" => {
                format!("Schema::{}({}, {})", shape.kind, real(&shape.min), real(&shape.max))
            }
            "timestamp" => format!("Schema::Timestamp(TimestampFormat::{})", self.timestamp(shape)?),
            "list" => {
                let member = shape.member.as_ref().context("a list without member")?;
                let mut text = sized(format!("Schema::list({})", self.reference(&member.shape)?));
                let item = member.location_name.as_deref().unwrap_or("member");
                if shape.flattened || item != "member" {
                    write!(text, ".xml_list({item:?}, {})", shape.flattened)?;
                }
                text
            }
            "map" => {
                let key = shape.key.as_ref().context("a map without key")?;
                let value = shape.value.as_ref().context("a map without value")?;
                sized(format!(
                    "Schema::map({}, {})",
                    self.reference(&key.shape)?,
                    self.reference(&value.shape)?
                ))
            }
            kind => bail!("shape {name} has the unknown type {kind}"),
        })
    }

    /// For an enumeration the values say everything, lengths and pattern included.
    fn text(&self, shape: &Shape) -> String {
        if !shape.values.is_empty() {
            return format!("Schema::enumeration(&{:?})", shape.values);
        }
        let mut text = "Schema::string()".to_owned();
        if shape.min.is_some() || shape.max.is_some() {
            text.push_str(&format!(".sized({}, {})", option(&shape.min), option(&shape.max)));
        }
        if let Some(constant) = shape.pattern.as_ref().and_then(|source| self.patterns.get(source)) {
            text.push_str(&format!(".matching(&{constant})"));
        }
        if shape.sensitive {
            text.push_str(".sensitive()");
        }
        text
    }

    fn timestamp(&self, shape: &Shape) -> Result<&'static str> {
        Ok(match (shape.timestamp_format.as_deref(), self.model.metadata.protocol.as_str()) {
            (Some("iso8601"), _) | (None, "query" | "rest-xml") => "Iso8601",
            (Some("unixTimestamp"), _) | (None, _) => "EpochSeconds",
            (Some("rfc822"), _) => "HttpDate",
            (Some(other), _) => bail!("the timestamp format {other} is not known here"),
        })
    }

    fn reference(&self, name: &str) -> Result<String> {
        Ok(match self.shared(name)? {
            Some(shared) => format!("&{shared}"),
            None => format!("&{}", names::constant(name)),
        })
    }

    /// Shapes without constraints share one static each.
    fn shared(&self, name: &str) -> Result<Option<&'static str>> {
        let shape = self.model.shape(name)?;
        if shape.document {
            return Ok(Some("ANY"));
        }
        let plain_pattern = shape.pattern.as_ref().is_none_or(|source| pattern::allows_everything(source));
        let free = shape.min.is_none() && shape.max.is_none() && plain_pattern && shape.values.is_empty();
        let plain = (free && !shape.sensitive) || !self.live.is_constrained(name);
        Ok(match shape.kind.as_str() {
            "boolean" => Some("BOOLEAN"),
            "string" if plain => Some("STRING"),
            "integer" if plain => Some("INTEGER"),
            "long" if plain => Some("LONG"),
            "float" if plain => Some("FLOAT"),
            "double" if plain => Some("DOUBLE"),
            "timestamp" if self.timestamp(shape)? == "EpochSeconds" => Some("TIMESTAMP"),
            _ => None,
        })
    }
}

fn option(number: &Option<serde_json::Number>) -> String {
    match number {
        None => "None".to_owned(),
        Some(number) => match number.as_i64() {
            Some(whole) => format!("Some({whole})"),
            // Bounds beyond 64 bits bound nothing.
            None => "None".to_owned(),
        },
    }
}

fn real(number: &Option<serde_json::Number>) -> String {
    match number.as_ref().and_then(serde_json::Number::as_f64) {
        None => "None".to_owned(),
        Some(number) => format!("Some({number:?})"),
    }
}
