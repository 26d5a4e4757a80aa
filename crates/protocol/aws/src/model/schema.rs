//! Shapes: what a value must look like.

use super::Pattern;

/// A shape of the public model.
#[derive(Debug)]
pub enum Schema {
    Structure(Structure),
    List {
        member: &'static Schema,
        min: Option<u64>,
        max: Option<u64>,
        flattened: bool,
        item: &'static str,
    },
    Map {
        key: &'static Schema,
        value: &'static Schema,
        min: Option<u64>,
        max: Option<u64>,
        flattened: bool,
    },
    String(StringSchema),
    Integer(Numbers<i64>),
    Long(Numbers<i64>),
    Float(Numbers<f64>),
    Double(Numbers<f64>),
    Boolean,
    /// Length in bytes, after base64 is decoded.
    Blob {
        min: Option<u64>,
        max: Option<u64>,
    },
    Timestamp(TimestampFormat),
    /// Any JSON: the model's document type, and fields whose inside does not matter.
    Any,
}

/// A structure and its members in the model's order.
#[derive(Debug)]
pub struct Structure {
    /// Shape name, for messages.
    pub name: &'static str,
    pub members: &'static [Member],
}

/// A member of a structure.
#[derive(Debug)]
pub struct Member {
    /// Name in the model, and in JSON.
    pub name: &'static str,
    pub location: Location,
    /// Header, query, label or XML name where it differs from `name`.
    pub wire_name: &'static str,
    pub schema: &'static Schema,
    pub required: bool,
}

/// Where a member stands in an HTTP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    Body,
    Header,
    /// All headers that begin with the wire name.
    Headers,
    Uri,
    QueryString,
    StatusCode,
    /// The member is the whole body.
    Payload,
}

/// A string's constraints; lengths count characters.
#[derive(Debug)]
pub struct StringSchema {
    pub min: Option<u64>,
    pub max: Option<u64>,
    pub pattern: Option<&'static Pattern>,
    /// The enumeration; empty when any text is allowed.
    pub values: &'static [&'static str],
    /// Never printed in messages.
    pub sensitive: bool,
}

/// A number's inclusive range.
#[derive(Debug)]
pub struct Numbers<T> {
    pub min: Option<T>,
    pub max: Option<T>,
}

/// How a timestamp is written. JSON services use epoch seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampFormat {
    EpochSeconds,
    Iso8601,
    HttpDate,
}

pub static STRING: Schema = Schema::string();
pub static INTEGER: Schema = Schema::Integer(Numbers { min: None, max: None });
pub static LONG: Schema = Schema::Long(Numbers { min: None, max: None });
pub static FLOAT: Schema = Schema::Float(Numbers { min: None, max: None });
pub static DOUBLE: Schema = Schema::Double(Numbers { min: None, max: None });
pub static BOOLEAN: Schema = Schema::Boolean;
pub static TIMESTAMP: Schema = Schema::Timestamp(TimestampFormat::EpochSeconds);
pub static ANY: Schema = Schema::Any;
pub static ANY_MAP: Schema = Schema::map(&ANY, &ANY);

impl Schema {
    pub const fn structure(name: &'static str, members: &'static [Member]) -> Schema {
        Schema::Structure(Structure { name, members })
    }

    pub const fn list(member: &'static Schema) -> Schema {
        Schema::List { member, min: None, max: None, flattened: false, item: "member" }
    }

    pub const fn map(key: &'static Schema, value: &'static Schema) -> Schema {
        Schema::Map { key, value, min: None, max: None, flattened: false }
    }

    pub const fn string() -> Schema {
        Schema::String(StringSchema { min: None, max: None, pattern: None, values: &[], sensitive: false })
    }

    pub const fn enumeration(values: &'static [&'static str]) -> Schema {
        Schema::String(StringSchema { min: None, max: None, pattern: None, values, sensitive: false })
    }

    pub const fn blob() -> Schema {
        Schema::Blob { min: None, max: None }
    }

    pub const fn integer(min: Option<i64>, max: Option<i64>) -> Schema {
        Schema::Integer(Numbers { min, max })
    }

    pub const fn long(min: Option<i64>, max: Option<i64>) -> Schema {
        Schema::Long(Numbers { min, max })
    }

    pub const fn float(min: Option<f64>, max: Option<f64>) -> Schema {
        Schema::Float(Numbers { min, max })
    }

    pub const fn double(min: Option<f64>, max: Option<f64>) -> Schema {
        Schema::Double(Numbers { min, max })
    }

    /// Bounds of a length; only strings, blobs, lists and maps have one.
    pub const fn sized(self, least: Option<u64>, most: Option<u64>) -> Schema {
        match self {
            Schema::String(text) => Schema::String(StringSchema { min: least, max: most, ..text }),
            Schema::Blob { .. } => Schema::Blob { min: least, max: most },
            Schema::List { member, flattened, item, .. } => {
                Schema::List { member, min: least, max: most, flattened, item }
            }
            Schema::Map { key, value, flattened, .. } => {
                Schema::Map { key, value, min: least, max: most, flattened }
            }
            other => other,
        }
    }

    pub const fn matching(self, pattern: &'static Pattern) -> Schema {
        match self {
            Schema::String(text) => Schema::String(StringSchema { pattern: Some(pattern), ..text }),
            other => other,
        }
    }

    pub const fn sensitive(self) -> Schema {
        match self {
            Schema::String(text) => Schema::String(StringSchema { sensitive: true, ..text }),
            other => other,
        }
    }

    /// XML lists: the name of an element, and whether a wrapper stands around them.
    pub const fn xml_list(self, name: &'static str, flat: bool) -> Schema {
        match self {
            Schema::List { member, min, max, .. } => {
                Schema::List { member, min, max, flattened: flat, item: name }
            }
            other => other,
        }
    }

    /// The members of a structure; empty for every other shape.
    pub fn members(&self) -> &'static [Member] {
        match self {
            Schema::Structure(structure) => structure.members,
            _ => &[],
        }
    }
}

impl Structure {
    pub fn member(&self, name: &str) -> Option<&'static Member> {
        self.members.iter().find(|member| member.name == name)
    }
}

impl Member {
    pub const fn new(name: &'static str, schema: &'static Schema) -> Member {
        Member { name, location: Location::Body, wire_name: name, schema, required: false }
    }

    pub const fn required(name: &'static str, schema: &'static Schema) -> Member {
        Member { name, location: Location::Body, wire_name: name, schema, required: true }
    }

    pub const fn at(self, location: Location, wire_name: &'static str) -> Member {
        Member { location, wire_name, ..self }
    }
}
