//! Every way to break one rule of an input that is otherwise right.

use serde_json::{Value, json};

use super::{example, text};
use crate::model::{OperationModel, Schema, ServiceModel};

/// An input with one thing wrong, and the answer that is due.
#[derive(Debug)]
pub struct Attempt {
    pub what: &'static str,
    pub input: Value,
    pub code: &'static str,
    /// What the message must contain: the place, and the rule.
    pub names: String,
    pub says: &'static str,
}

const UNKNOWN: &str = "MulgilNeverHeardOfThis";

pub fn of(service: &ServiceModel, operation: &'static OperationModel) -> Vec<Attempt> {
    let full = example::full(operation);
    let mut finder = Finder { service, full: &full, attempts: Vec::new() };
    finder.value(operation.input, &full, &Place { pointer: String::new(), printed: String::new() });
    let mut attempts = finder.attempts;
    for field in operation.refused_fields {
        let mut input = full.clone();
        give(&mut input, operation.input, field.path);
        attempts.push(Attempt {
            what: "a refused field",
            input,
            code: service.unsupported_field_error,
            names: field.path.join("."),
            says: field.reason,
        });
    }
    attempts
}

/// Puts a value at the path, making what stands above it.
fn give(value: &mut Value, schema: &'static Schema, path: &[&str]) {
    match (schema, path) {
        (Schema::List { member, .. }, _) => {
            if value.as_array().is_none_or(Vec::is_empty) {
                *value = json!([example::any(member)]);
            }
            give(&mut value[0], member, path);
        }
        (_, []) => {
            *value = match schema {
                // An empty map asks for nothing.
                Schema::Map { key, value: member, .. } => {
                    json!({ text::distinct(key, 0): example::any(member) })
                }
                _ => example::any(schema),
            };
        }
        (Schema::Map { value: member, .. }, ["*", rest @ ..]) => {
            let entries = value.as_object_mut().expect("invariant: the full input has the map");
            let entry = entries.values_mut().next().expect("invariant: the full input has an entry");
            give(entry, member, rest);
        }
        (_, [name, rest @ ..]) => {
            let member = schema.members().iter().find(|member| member.name == *name);
            let member = member.expect("invariant: the generator checked the path").schema;
            if value.get(*name).is_none() {
                value[*name] = example::any(member);
            }
            give(&mut value[*name], member, rest);
        }
    }
}

/// Where a value stands: as a JSON pointer, and as messages print it.
struct Place {
    pointer: String,
    printed: String,
}

impl Place {
    fn field(&self, name: &str) -> Place {
        let mut letters = name.chars();
        let lower: String = letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect();
        self.step(name, &lower)
    }

    fn step(&self, pointer: &str, printed: &str) -> Place {
        let dot = if self.printed.is_empty() { "" } else { "." };
        Place {
            pointer: format!("{}/{}", self.pointer, pointer.replace('~', "~0").replace('/', "~1")),
            printed: format!("{}{dot}{printed}", self.printed),
        }
    }
}

struct Finder<'a> {
    service: &'a ServiceModel,
    full: &'a Value,
    attempts: Vec<Attempt>,
}

impl Finder<'_> {
    fn value(&mut self, schema: &'static Schema, value: &Value, place: &Place) {
        self.wrong_type(schema, place);
        self.bounds(schema, value, place);
        match (schema, value) {
            (Schema::Structure(structure), Value::Object(given)) => {
                let stranger = place.step(UNKNOWN, UNKNOWN);
                self.attempt(
                    "an unknown field",
                    self.service.unsupported_field_error,
                    stranger.printed,
                    "Unknown",
                    {
                        |input| {
                            input.pointer_mut(&place.pointer).expect("invariant: it is there")[UNKNOWN] =
                                json!(1)
                        }
                    },
                );
                for member in structure.members {
                    let here = place.field(member.name);
                    if member.required {
                        self.missing(member.name, place, &here);
                    }
                    if let Some(value) = given.get(member.name) {
                        self.value(member.schema, value, &here);
                    }
                }
            }
            (Schema::List { member, .. }, Value::Array(items)) if !items.is_empty() => {
                match member {
                    // Text in lists is reported at the list.
                    Schema::String(text) => self.text(text, &place.step("0", "")),
                    _ => self.value(member, &items[0], &place.step("0", "1.member")),
                }
            }
            (Schema::Map { value: member, .. }, Value::Object(entries)) => {
                if let Some((key, entry)) = entries.iter().next() {
                    match member {
                        Schema::String(text) => self.text(text, &place.step(key, "")),
                        _ => self.value(member, entry, &place.step(key, &format!("{key}.member"))),
                    }
                }
            }
            _ => {}
        }
    }

    fn missing(&mut self, name: &'static str, parent: &Place, place: &Place) {
        let code = self.service.constraint_error;
        self.attempt("a missing member", code, place.printed.clone(), "Member must not be null", |input| {
            let parent = input.pointer_mut(&parent.pointer).and_then(Value::as_object_mut);
            parent.expect("invariant: it is there").remove(name);
        });
    }

    fn wrong_type(&mut self, schema: &Schema, place: &Place) {
        let wrong = match schema {
            Schema::Any => return,
            Schema::Structure(_) | Schema::Map { .. } => json!([]),
            Schema::String(_) | Schema::Blob { .. } => json!(17),
            Schema::List { .. } | Schema::Timestamp(_) => json!({}),
            _ => json!("seventeen"),
        };
        if !place.pointer.is_empty() {
            self.replace("a wrong type", self.service.serialization_error(), place, "", wrong);
        }
    }

    fn bounds(&mut self, schema: &'static Schema, value: &Value, place: &Place) {
        let (short, long) = ("Member must have length greater", "Member must have length less");
        match schema {
            Schema::String(text) => self.text(text, place),
            Schema::Blob { min, max } => {
                if let Some(bytes) = min.filter(|min| *min > 0) {
                    self.constraint("too short", place, short, json!(example::blob(bytes - 1)));
                }
                if let Some(bytes) = max {
                    self.constraint("too long", place, long, json!(example::blob(bytes + 1)));
                }
            }
            Schema::List { member, min, max, .. } => {
                let item = value.get(0).cloned().unwrap_or_else(|| example::any(member));
                let items = |count: u64| -> Value { (0..count).map(|_| item.clone()).collect() };
                if let Some(count) = min.filter(|min| *min > 0) {
                    self.constraint("too few", place, short, items(count - 1));
                }
                if let Some(count) = max {
                    self.constraint("too many", place, long, items(count + 1));
                }
            }
            Schema::Map { key, value: member, min, max, .. } => {
                let entries = |count: u64| -> Value {
                    (0..count).map(|index| (text::distinct(key, index), example::any(member))).collect()
                };
                if let Some(count) = min.filter(|min| *min > 0) {
                    self.constraint("too few", place, short, entries(count - 1));
                }
                if let Some(count) = max {
                    self.constraint("too many", place, long, entries(count + 1));
                }
            }
            Schema::Integer(range) => {
                self.range(place, range.min, range.max, i64::from(i32::MIN), i64::from(i32::MAX))
            }
            Schema::Long(range) => self.range(place, range.min, range.max, i64::MIN, i64::MAX),
            Schema::Float(range) | Schema::Double(range) => {
                if let Some(min) = range.min {
                    self.constraint("too low", place, "Member must have value greater", json!(min - 1.0));
                }
                if let Some(max) = range.max {
                    self.constraint("too high", place, "Member must have value less", json!(max + 1.0));
                }
            }
            _ => {}
        }
    }

    /// Bounds at the ends of the type cannot be violated.
    fn range(&mut self, place: &Place, min: Option<i64>, max: Option<i64>, lowest: i64, highest: i64) {
        if let Some(min) = min.filter(|min| *min > lowest) {
            self.constraint("too low", place, "Member must have value greater", json!(min - 1));
        }
        if let Some(max) = max.filter(|max| *max < highest) {
            self.constraint("too high", place, "Member must have value less", json!(max + 1));
        }
    }

    fn text(&mut self, schema: &'static crate::model::StringSchema, place: &Place) {
        if !schema.values.is_empty() {
            let says = "Member must satisfy enum value set";
            return self.constraint("no value of the enumeration", place, says, json!("NO SUCH VALUE"));
        }
        let valid = text::matching(schema);
        if let Some(min) = schema.min.filter(|min| *min > 0) {
            let short: String = valid.chars().take(usize::try_from(min - 1).unwrap_or(0)).collect();
            self.constraint("too short", place, "Member must have length greater", json!(short));
        }
        if let Some(max) = schema.max {
            let last = valid.chars().last().unwrap_or('a');
            let missing = usize::try_from(max + 1).unwrap_or(0).saturating_sub(valid.chars().count());
            let long = valid.clone() + &last.to_string().repeat(missing);
            self.constraint("too long", place, "Member must have length less", json!(long));
        }
        if let Some(wrong) = schema.pattern.and_then(|pattern| text::mismatching(schema, pattern)) {
            self.constraint(
                "no match",
                place,
                "Member must satisfy regular expression pattern",
                json!(wrong),
            );
        }
    }

    fn constraint(&mut self, what: &'static str, place: &Place, says: &'static str, value: Value) {
        self.replace(what, self.service.constraint_error, place, says, value);
    }

    fn replace(
        &mut self,
        what: &'static str,
        code: &'static str,
        place: &Place,
        says: &'static str,
        value: Value,
    ) {
        // The whole input is too large to be shown as a place of its own.
        let printed = place.printed.trim_end_matches('.').to_owned();
        self.attempt(what, code, printed, says, |input| {
            *input.pointer_mut(&place.pointer).expect("invariant: it is there") = value;
        });
    }

    fn attempt(
        &mut self,
        what: &'static str,
        code: &'static str,
        names: String,
        says: &'static str,
        break_it: impl FnOnce(&mut Value),
    ) {
        let mut input = self.full.clone();
        break_it(&mut input);
        self.attempts.push(Attempt { what, input, code, names, says });
    }
}
