//! `contract.toml`: the single list of what a service does with every operation and input field.
//!
//! ```toml
//! constraint-error = "ValidationException"          # code for values that violate the model
//! unsupported-field-error = "InvalidArgumentException" # code for refused and unknown fields
//!
//! [refused]                                         # reason = operations
//! "comes with resharding" = ["SplitShard", "MergeShards"]
//!
//! [built.PutRecord]                                 # every input field of a built operation
//! StreamName = "executed"
//! Data = "executed: stored as given, up to 1 MiB"
//! Tags = "stored, with all its members"             # covers everything inside it
//! "Config.Mode" = "refused: comes with encryption"  # a member that differs from its parent
//! ```
//!
//! A status is `executed`, `stored` or `refused`, then optionally `, with all its members`, then `: why`.
//! A refusal needs its reason. A structure that is neither refused nor taken "with all its members"
//! must have every member listed by its dotted path; lists are gone through silently and `*` stands for
//! the keys of a map.

pub mod scaffold;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::botocore::{Model, Named};
use crate::repo;

#[derive(Debug)]
pub struct Contract {
    pub constraint_error: String,
    pub unsupported_field_error: String,
    /// Operation → path → status.
    pub built: BTreeMap<String, BTreeMap<String, Status>>,
    /// Operation → reason.
    pub refused: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub word: Word,
    /// Covers everything inside the field.
    pub whole: bool,
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    Executed,
    Stored,
    Refused,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    constraint_error: String,
    unsupported_field_error: String,
    #[serde(default)]
    refused: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    built: BTreeMap<String, BTreeMap<String, String>>,
}

impl Contract {
    pub fn load(root: &Path, service: &str) -> Result<Contract> {
        let path = repo::service(root, service).join("contract.toml");
        Contract::parse(&repo::read(&path)?)
            .with_context(|| format!("crates/services/{service}/contract.toml"))
    }

    pub fn parse(text: &str) -> Result<Contract> {
        let file: File = toml::from_str(text)?;
        let mut refused = BTreeMap::new();
        for (reason, operations) in file.refused {
            for operation in operations {
                if file.built.contains_key(&operation)
                    || refused.insert(operation.clone(), reason.clone()).is_some()
                {
                    bail!("operation {operation} is listed twice");
                }
            }
        }
        let mut built = BTreeMap::new();
        for (operation, fields) in file.built {
            let mut statuses = BTreeMap::new();
            for (path, text) in fields {
                let status = Status::parse(&text).with_context(|| format!("[built.{operation}] {path}"))?;
                statuses.insert(path, status);
            }
            built.insert(operation, statuses);
        }
        let File { constraint_error, unsupported_field_error, .. } = file;
        Ok(Contract { constraint_error, unsupported_field_error, built, refused })
    }

    /// What the contract lacks or has too much, against the public model.
    pub fn problems(&self, model: &Model) -> Result<Vec<String>> {
        let mut problems = Vec::new();
        for name in model.operations.keys() {
            if !self.built.contains_key(name) && !self.refused.contains_key(name) {
                problems.push(format!("operation {name} is neither built nor refused"));
            }
        }
        for name in self.built.keys().chain(self.refused.keys()) {
            if !model.operations.contains_key(name) {
                problems.push(format!("operation {name} is unknown to the public model"));
            }
        }
        for name in self.built.keys().filter(|name| model.operations.contains_key(*name)) {
            let fields = self.fields(model, name)?;
            problems
                .extend(fields.missing.iter().map(|path| format!("[built.{name}] lacks the field {path}")));
            problems.extend(
                fields.strange.iter().map(|path| format!("[built.{name}] has the unknown field {path}")),
            );
        }
        Ok(problems)
    }

    /// The listed fields of a built operation in the model's order, and what does not fit.
    pub fn fields(&self, model: &Model, operation: &str) -> Result<Fields> {
        let listed = self.built.get(operation).context("not a built operation")?;
        let mut walk = Walk { model, listed, fields: Fields::default(), seen: BTreeSet::new() };
        walk.members("", model.input_members(operation)?, false)?;
        let Walk { mut fields, seen, .. } = walk;
        fields.strange = listed.keys().filter(|path| !seen.contains(*path)).cloned().collect();
        Ok(fields)
    }

    /// Paths and reasons of the refused fields of a built operation.
    pub fn refused_fields(&self, operation: &str) -> Vec<(Vec<String>, String)> {
        let fields = self.built.get(operation).into_iter().flatten();
        fields
            .filter(|(_, status)| status.word == Word::Refused)
            .map(|(path, status)| (path.split('.').map(str::to_owned).collect(), status.reason.clone()))
            .collect()
    }
}

/// The fields of one operation.
#[derive(Debug, Default)]
pub struct Fields {
    pub listed: Vec<(String, Status)>,
    pub missing: Vec<String>,
    pub strange: Vec<String>,
}

struct Walk<'a> {
    model: &'a Model,
    listed: &'a BTreeMap<String, Status>,
    fields: Fields,
    seen: BTreeSet<String>,
}

impl Walk<'_> {
    fn members(&mut self, prefix: &str, members: &[Named], inherited: bool) -> Result<()> {
        for (name, reference) in members {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            let below = format!("{path}.");
            let has_below = self.listed.keys().any(|listed| listed.starts_with(&below));
            let status = self.listed.get(&path).cloned();
            if let Some(status) = &status {
                self.seen.insert(path.clone());
                self.fields.listed.push((path.clone(), status.clone()));
            } else if !inherited {
                self.fields.missing.push(path.clone());
            }
            let (open, inherits) = match &status {
                None => (has_below, true),
                Some(status) if status.word == Word::Refused => (false, true),
                Some(status) => (!status.whole || has_below, status.whole),
            };
            if open {
                let (steps, inner) = self.model.inside(&reference.shape)?;
                let inside = [&[path.as_str()], steps.as_slice()].concat().join(".");
                self.members(&inside, inner, inherits)?;
            }
        }
        Ok(())
    }
}

impl Status {
    pub fn parse(text: &str) -> Result<Status> {
        let (head, reason) = text.split_once(':').unwrap_or((text, ""));
        let (word, whole) = match head.trim().split_once(',') {
            Some((word, more)) if more.trim() == "with all its members" => (word, true),
            Some((_, more)) => bail!("'{}' is not understood; write 'with all its members'", more.trim()),
            None => (head, false),
        };
        let word = match word.trim() {
            "executed" => Word::Executed,
            "stored" => Word::Stored,
            "refused" => Word::Refused,
            other => bail!("'{other}' is none of executed, stored, refused"),
        };
        let reason = reason.trim().to_owned();
        if word == Word::Refused && reason.is_empty() {
            bail!("a refusal needs its reason");
        }
        Ok(Status { word, whole, reason })
    }
}

impl Word {
    pub fn as_str(self) -> &'static str {
        match self {
            Word::Executed => "executed",
            Word::Stored => "stored",
            Word::Refused => "refused",
        }
    }
}

#[cfg(test)]
mod tests;
