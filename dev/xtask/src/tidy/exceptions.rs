//! `dev/tidy.toml`: what the rules let pass, each with its reason.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Finding;
use super::tree::Tree;
use crate::repo;

const FILE: &str = "dev/tidy.toml";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exceptions {
    #[serde(default)]
    allow: Vec<Allowed>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Allowed {
    rule: String,
    /// A file, or a folder with a slash at its end.
    file: String,
    /// Only lines with this text.
    containing: Option<String>,
    reason: String,
}

impl Exceptions {
    pub fn load(root: &Path) -> Result<Exceptions> {
        toml::from_str(&repo::read(&root.join(FILE))?).context(FILE)
    }

    /// Drops what is allowed; adds exceptions that allow nothing or give no reason.
    pub fn filter(&self, tree: &Tree, findings: Vec<Finding>) -> Vec<Finding> {
        let mut used = vec![false; self.allow.len()];
        let mut kept = Vec::new();
        for finding in findings {
            match self.allow.iter().position(|allowed| allowed.covers(tree, &finding)) {
                Some(index) => used[index] = true,
                None => kept.push(finding),
            }
        }
        for (allowed, used) in self.allow.iter().zip(used) {
            let Allowed { rule, file, .. } = allowed;
            if !used {
                kept.push(Finding::new(
                    "exceptions",
                    FILE,
                    1,
                    format!("nothing in {file} needs the exception to {rule}"),
                ));
            }
            if allowed.reason.trim().is_empty() {
                kept.push(Finding::new(
                    "exceptions",
                    FILE,
                    1,
                    format!("the exception to {rule} for {file} has no reason"),
                ));
            }
        }
        kept
    }
}

impl Allowed {
    fn covers(&self, tree: &Tree, finding: &Finding) -> bool {
        let place =
            finding.file == self.file || (self.file.ends_with('/') && finding.file.starts_with(&self.file));
        let line = || {
            let file = tree.file(&finding.file)?;
            file.text.lines().nth(finding.line.checked_sub(1)?)
        };
        self.rule == finding.rule
            && place
            && self.containing.as_ref().is_none_or(|text| line().is_some_and(|line| line.contains(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_covers_its_place_and_is_reported_when_nothing_needs_it() {
        let text = "[[allow]]\nrule = 'r'\nfile = 'a/'\ncontaining = 'two'\nreason = 'because'\n\
                    [[allow]]\nrule = 'r'\nfile = 'b'\nreason = ' '\n";
        let exceptions: Exceptions = toml::from_str(text).unwrap();
        let tree = Tree::of(&[("a/x", "one\ntwo\n")]);
        let findings = vec![Finding::new("r", "a/x", 1, "kept"), Finding::new("r", "a/x", 2, "dropped")];
        let messages: Vec<_> =
            exceptions.filter(&tree, findings).into_iter().map(|found| found.message).collect();
        assert_eq!(
            messages,
            ["kept", "nothing in b needs the exception to r", "the exception to r for b has no reason"]
        );
    }
}
