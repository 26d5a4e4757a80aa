//! House rules that compilers and clippy do not know.
//!
//! A rule is one file below: it looks at the work tree's text and answers findings. What a rule must
//! let pass stands in `dev/tidy.toml` with its reason; an exception that nothing needs any more is
//! itself a finding.

mod contracts;
mod exceptions;
mod fence;
mod file_access;
mod file_names;
mod layers;
mod length;
mod links;
mod project_text;
mod readme;
mod tree;
mod vocabulary;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::{botocore, coverage, model};
use exceptions::Exceptions;
use tree::Tree;

/// Something that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    pub rule: &'static str,
    pub message: String,
}

impl Finding {
    fn new(rule: &'static str, file: &str, line: usize, message: impl Into<String>) -> Finding {
        Finding { file: file.to_owned(), line, rule, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} [{}]", self.file, self.line, self.message, self.rule)
    }
}

pub fn run(root: &Path, models: Option<PathBuf>) -> Result<()> {
    let tree = Tree::load(root)?;
    let exceptions = Exceptions::load(root)?;
    let mut findings = Vec::new();
    findings.extend(layers::check(root)?);
    findings.extend(contracts::check(&tree, root)?);
    for rule in [
        length::check,
        vocabulary::check,
        file_access::check,
        fence::check,
        file_names::check,
        project_text::check,
        readme::check,
        links::check,
    ] {
        findings.extend(rule(&tree));
    }
    for page in coverage::drift(root, true)? {
        let message = "differs from the contracts; repair it with `cargo xtask coverage`";
        findings.push(Finding::new("coverage", &format!("docs/reference/{page}"), 1, message));
    }
    drift(root, models, &mut findings)?;
    let mut findings = exceptions.filter(&tree, findings);
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        return Ok(());
    }
    bail!("tidy found {} places; exceptions need a reason in dev/tidy.toml", findings.len())
}

/// Generated code against the public models, where these are at hand.
fn drift(root: &Path, models: Option<PathBuf>, findings: &mut Vec<Finding>) -> Result<()> {
    let source = match botocore::Source::find(root, models) {
        Ok(source) => source,
        Err(error) => {
            eprintln!("LEFT OUT: generated models were not compared with the public models: {error:#}");
            return Ok(());
        }
    };
    for service in model::contracts(root)? {
        let file = format!("crates/services/{service}/contract.toml");
        match model::drifted(root, &source, &service) {
            Ok(false) => {}
            Ok(true) => {
                let message = format!("model.rs differs; repair it with `cargo xtask model {service}`");
                findings.push(Finding::new("model", &file, 1, message));
            }
            Err(error) => findings.push(Finding::new("model", &file, 1, format!("{error:#}"))),
        }
    }
    Ok(())
}
