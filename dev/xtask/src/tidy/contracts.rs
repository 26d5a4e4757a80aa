//! Every built operation has its handler file, its place in the table and a test.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use super::Finding;
use super::tree::{File, Tree};
use crate::contract::Contract;
use crate::{model, names};

const RULE: &str = "contracts";

pub fn check(tree: &Tree, root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for service in model::contracts(root)? {
        let contract = Contract::load(root, &service)?;
        let built: Vec<_> = contract.built.keys().map(String::as_str).collect();
        findings.extend(handlers(tree, &service, &built));
        if service != model::WITHOUT_MODEL {
            findings.extend(typed(tree, &service, &built));
        }
    }
    Ok(findings)
}

/// Handler files and tests.
fn handlers(tree: &Tree, service: &str, built: &[&str]) -> Vec<Finding> {
    let folder = format!("crates/services/{service}/src/ops/");
    let toml = format!("crates/services/{service}/contract.toml");
    let tests = Tests::of(tree, service);
    let mut findings = Vec::new();
    for operation in built {
        let path = format!("{folder}{}.rs", names::field(operation));
        if !tree.has(&path) {
            findings.push(Finding::new(
                RULE,
                &toml,
                1,
                format!("{operation} is built and {path} does not exist"),
            ));
        } else if !tests.name(operation) {
            findings.push(Finding::new(RULE, &path, 1, format!("no test names {operation}")));
        }
    }
    let expected: BTreeSet<_> =
        built.iter().map(|operation| format!("{folder}{}.rs", names::field(operation))).collect();
    for file in tree.rust().filter(|file| file.path.starts_with(&folder) && !expected.contains(&file.path)) {
        let handles = file.production_lines().any(|(_, line)| line.contains("async fn handle("));
        if handles {
            findings.push(Finding::new(
                RULE,
                &file.path,
                1,
                "handles an operation that the contract does not build",
            ));
        }
    }
    findings
}

/// The operation table of a service with a generated model.
fn typed(tree: &Tree, service: &str, built: &[&str]) -> Vec<Finding> {
    let source = format!("crates/services/{service}/src/");
    let lib = format!("{source}lib.rs");
    let files =
        || tree.rust().filter(|file| file.path.starts_with(&source) && !file.path.ends_with("/model.rs"));
    let mut findings = Vec::new();
    let words: BTreeSet<_> = files().flat_map(|file| words(&file.text)).collect();
    for operation in built.iter().filter(|operation| !words.contains(names::constant(operation).as_str())) {
        let message = format!("model::op::{} is in no table of operations", names::constant(operation));
        findings.push(Finding::new(RULE, &lib, 1, message));
    }
    findings
}

/// What the tests of a service speak of: those in the crate, and those against the binary.
struct Tests<'a>(BTreeSet<&'a str>);

impl<'a> Tests<'a> {
    fn of(tree: &'a Tree, service: &str) -> Tests<'a> {
        let own = format!("crates/services/{service}/src/");
        let mut found = BTreeSet::new();
        for file in &tree.files {
            if file.path.starts_with(&own) && file.path.ends_with(".rs") && !file.path.ends_with("/model.rs")
            {
                found.extend(words(test_part(file)));
                // A handler with tests beside it speaks of itself.
                if test_part(file).contains("test]") || file.text.contains("#[cfg(test)]\nmod tests;") {
                    let stem = file.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
                    found.insert(stem);
                }
            } else if file.path.starts_with("tests/") {
                found.extend(words(&file.text));
            }
        }
        Tests(found)
    }

    fn name(&self, operation: &str) -> bool {
        self.0.contains(operation) || self.0.contains(names::field(operation).as_str())
    }
}

fn test_part(file: &File) -> &str {
    if file.is_test() {
        return &file.text;
    }
    let skip: usize = file.text.split_inclusive('\n').take(file.production_end()).map(str::len).sum();
    &file.text[skip..]
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(findings: Vec<Finding>) -> Vec<String> {
        findings.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_built_operation_needs_its_file_and_a_test() {
        let tree = Tree::of(&[
            (
                "crates/services/x/src/ops/put_record.rs",
                "pub async fn handle() {}\n#[cfg(test)]\nmod tests {\n#[test]\nfn t() {}\n}\n",
            ),
            ("crates/services/x/src/ops/get_record.rs", "pub async fn handle() {}\n"),
            ("crates/services/x/src/ops/list_records.rs", "pub async fn handle() {}\n"),
            ("crates/services/x/src/ops/old.rs", "pub async fn handle() {}\n"),
            ("tests/blackbox/test_x.py", "client.list_records()\n"),
        ]);
        assert_eq!(
            messages(handlers(&tree, "x", &["PutRecord", "GetRecord", "ListRecords", "DropRecord"])),
            [
                "no test names GetRecord",
                "DropRecord is built and crates/services/x/src/ops/drop_record.rs does not exist",
                "handles an operation that the contract does not build",
            ]
        );
    }

    #[test]
    fn a_built_operation_stands_in_the_table() {
        let tree = Tree::of(&[
            ("crates/services/x/src/lib.rs", "vec![operation(&op::PUT_RECORD, put)]"),
            ("crates/services/x/src/model.rs", "pub static GET_RECORD"),
        ]);
        assert_eq!(
            messages(typed(&tree, "x", &["PutRecord", "GetRecord"])),
            ["model::op::GET_RECORD is in no table of operations"]
        );
    }
}
