use std::borrow::Cow;
use std::fmt;

/// Why a record was refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// In bytes from the record's start.
    at: usize,
    /// From the innermost field outwards.
    path: Vec<String>,
    reason: Cow<'static, str>,
}

impl Fault {
    pub(super) fn new(at: usize, reason: impl Into<Cow<'static, str>>) -> Box<Fault> {
        Box::new(Fault { at, path: Vec::new(), reason: reason.into() })
    }

    /// The same fault, seen from the struct that has it in `field`.
    pub(super) fn within(mut self: Box<Self>, field: &str) -> Box<Fault> {
        self.path.push(field.to_owned());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            let path: Vec<&str> = self.path.iter().rev().map(String::as_str).collect();
            write!(f, "field '{}', ", path.join("."))?;
        }
        write!(f, "byte {}: {}", self.at, self.reason)
    }
}
