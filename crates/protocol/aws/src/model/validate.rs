//! The walk over a decoded request.

use serde_json::{Map, Value};

use super::schema::{Numbers, Schema, StringSchema, Structure};
use super::violation::{self, Path, VIOLATIONS_MAX, Violation};

/// Everything that is wrong with `value`, in the order of the model's members, at most
/// [`VIOLATIONS_MAX`]. A `null` member counts as absent. Costs no allocation when nothing is wrong.
pub fn validate(schema: &'static Schema, value: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    Walk { found: &mut found }.any(schema, value, &Path::Root);
    found
}

struct Walk<'a> {
    found: &'a mut Vec<Violation>,
}

impl Walk<'_> {
    fn any(&mut self, schema: &'static Schema, value: &Value, path: &Path<'_>) {
        if self.found.len() >= VIOLATIONS_MAX {
            return;
        }
        match (schema, value) {
            (Schema::Any, _) | (Schema::Boolean, Value::Bool(_)) => {}
            (Schema::Structure(structure), Value::Object(members)) => {
                self.structure(structure, members, path)
            }
            (Schema::List { member, min, max, .. }, Value::Array(items)) => {
                self.length(schema, value, items.len(), *min, *max, path);
                self.items(schema, member, value, items, path);
            }
            (Schema::Map { key, value: member, min, max, .. }, Value::Object(entries)) => {
                self.length(schema, value, entries.len(), *min, *max, path);
                self.entries(schema, key, member, value, entries, path);
            }
            (Schema::String(text), Value::String(given)) => {
                for rule in text_rules(text, given) {
                    self.found.push(violation::constraint(path, schema, Some(value), &rule));
                }
            }
            (Schema::Blob { min, max }, Value::String(text)) => match violation::decoded_length(text) {
                Some(length) => self.length(schema, value, length, *min, *max, path),
                None => self.found.push(violation::wrong_type(path, value, "Blob: it is not base64")),
            },
            (Schema::Integer(range), Value::Number(_)) => match value.as_i64() {
                Some(number) if i32::try_from(number).is_ok() => {
                    self.range(schema, value, number, range, path)
                }
                _ => self.found.push(violation::wrong_type(path, value, "Integer")),
            },
            (Schema::Long(range), Value::Number(_)) => match value.as_i64() {
                Some(number) => self.range(schema, value, number, range, path),
                None => self.found.push(violation::wrong_type(path, value, "Long")),
            },
            (Schema::Float(range) | Schema::Double(range), Value::Number(number)) => {
                let number = number.as_f64().unwrap_or(f64::NAN);
                self.range(schema, value, number, range, path);
            }
            (Schema::Timestamp(_), Value::Number(_)) => {}
            (Schema::Timestamp(_), Value::String(text)) if is_timestamp(text) => {}
            _ => self.found.push(violation::wrong_type(path, value, wanted(schema))),
        }
    }

    fn structure(&mut self, structure: &'static Structure, given: &Map<String, Value>, path: &Path<'_>) {
        let mut seen = 0;
        for member in structure.members {
            let here = Path::Field(path, member.name);
            match given.get(member.name) {
                Some(Value::Null) | None if member.required => {
                    self.found.push(violation::constraint(
                        &here,
                        member.schema,
                        None,
                        "Member must not be null",
                    ));
                    seen += usize::from(given.contains_key(member.name));
                }
                Some(value) => {
                    seen += 1;
                    if !value.is_null() {
                        self.any(member.schema, value, &here);
                    }
                }
                None => {}
            }
        }
        if seen < given.len() {
            let strangers = given.keys().filter(|name| structure.member(name).is_none());
            let room = VIOLATIONS_MAX.saturating_sub(self.found.len());
            self.found.extend(strangers.take(room).map(|name| violation::unknown(path, name)));
        }
    }

    /// Scalars of a list are reported together at the list, structures one by one.
    fn items(
        &mut self,
        list: &Schema,
        member: &'static Schema,
        value: &Value,
        items: &[Value],
        path: &Path<'_>,
    ) {
        for (index, item) in items.iter().enumerate() {
            if self.found.len() >= VIOLATIONS_MAX {
                return;
            }
            let here = Path::Item(path, index);
            match (member, item) {
                (_, Value::Null) => {
                    self.found.push(violation::constraint(&here, member, None, "Member must not be null"));
                }
                (Schema::String(text), Value::String(given)) => {
                    if !text_rules(text, given).is_empty() {
                        let rule =
                            format!("Member must satisfy constraint: [{}]", all_rules(text).join(", "));
                        self.found.push(violation::constraint(path, list, Some(value), &rule));
                        return;
                    }
                }
                _ => self.any(member, item, &here),
            }
        }
    }

    fn entries(
        &mut self,
        map: &Schema,
        key: &'static Schema,
        member: &'static Schema,
        value: &Value,
        entries: &Map<String, Value>,
        path: &Path<'_>,
    ) {
        if let Schema::String(text) = key
            && entries.keys().any(|key| !text_rules(text, key).is_empty())
        {
            let rule = format!("Map keys must satisfy constraint: [{}]", all_rules(text).join(", "));
            self.found.push(violation::constraint(path, map, Some(value), &rule));
        }
        for (key, entry) in entries {
            match (member, entry) {
                (_, Value::Null) => {}
                (Schema::String(text), Value::String(given)) => {
                    if !text_rules(text, given).is_empty() {
                        let rule =
                            format!("Map value must satisfy constraint: [{}]", all_rules(text).join(", "));
                        self.found.push(violation::constraint(path, map, Some(value), &rule));
                        return;
                    }
                }
                _ => self.any(member, entry, &Path::Entry(path, key)),
            }
        }
    }

    fn length(
        &mut self,
        schema: &Schema,
        value: &Value,
        length: usize,
        min: Option<u64>,
        max: Option<u64>,
        path: &Path<'_>,
    ) {
        let rule = match (min, max) {
            (_, Some(max)) if length as u64 > max => at_most(max),
            (Some(min), _) if (length as u64) < min => at_least(min),
            _ => return,
        };
        self.found.push(violation::constraint(path, schema, Some(value), &rule));
    }

    fn range<T: PartialOrd + std::fmt::Display + Copy>(
        &mut self,
        schema: &Schema,
        value: &Value,
        number: T,
        range: &Numbers<T>,
        path: &Path<'_>,
    ) {
        let rule = match (range.min, range.max) {
            (_, Some(max)) if number > max => format!("Member must have value less than or equal to {max}"),
            (Some(min), _) if number < min => {
                format!("Member must have value greater than or equal to {min}")
            }
            _ => return,
        };
        self.found.push(violation::constraint(path, schema, Some(value), &rule));
    }
}

/// The rules that `given` breaks.
fn text_rules(schema: &StringSchema, given: &str) -> Vec<String> {
    let mut rules = Vec::new();
    if !schema.values.is_empty() && !schema.values.contains(&given) {
        rules.push(one_of(schema.values));
    }
    // Characters are counted only when the bytes leave the answer open.
    let bytes = given.len() as u64;
    let characters = || given.chars().count() as u64;
    if let Some(max) = schema.max
        && bytes > max
        && characters() > max
    {
        rules.push(at_most(max));
    }
    if let Some(min) = schema.min
        && (bytes < min || (bytes < min.saturating_mul(4) && characters() < min))
    {
        rules.push(at_least(min));
    }
    if let Some(pattern) = schema.pattern
        && !pattern.is_match(given)
    {
        rules.push(format!("Member must satisfy regular expression pattern: {}", pattern.source()));
    }
    rules
}

/// All rules of a shape, as the services list them for members of lists and maps.
fn all_rules(schema: &StringSchema) -> Vec<String> {
    let mut rules = Vec::new();
    rules.extend(schema.max.map(at_most));
    rules.extend(schema.min.map(at_least));
    rules.extend(
        schema
            .pattern
            .map(|pattern| format!("Member must satisfy regular expression pattern: {}", pattern.source())),
    );
    if !schema.values.is_empty() {
        rules.push(one_of(schema.values));
    }
    rules
}

fn at_most(max: u64) -> String {
    format!("Member must have length less than or equal to {max}")
}

fn at_least(min: u64) -> String {
    format!("Member must have length greater than or equal to {min}")
}

fn one_of(values: &[&str]) -> String {
    format!("Member must satisfy enum value set: [{}]", values.join(", "))
}

fn wanted(schema: &Schema) -> &'static str {
    match schema {
        Schema::Structure(_) => "a structure",
        Schema::List { .. } => "a list",
        Schema::Map { .. } => "a map",
        Schema::String(_) => "String",
        Schema::Integer(_) => "Integer",
        Schema::Long(_) => "Long",
        Schema::Float(_) => "Float",
        Schema::Double(_) => "Double",
        Schema::Boolean => "Boolean",
        Schema::Blob { .. } => "Blob",
        Schema::Timestamp(_) => "Timestamp",
        Schema::Any => "Document",
    }
}

fn is_timestamp(text: &str) -> bool {
    chrono::DateTime::parse_from_rfc3339(text).is_ok()
        || chrono::DateTime::parse_from_rfc2822(text).is_ok()
        || text.parse::<f64>().is_ok_and(f64::is_finite)
}
