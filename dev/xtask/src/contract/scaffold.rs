//! Adds what a contract lacks after an operation is moved to `built` or the models are updated.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use super::Contract;
use crate::botocore::{Model, Source};
use crate::repo;

const UNDECIDED: &str = "not built yet";

pub fn run(root: &Path, source: &Source, service: &str, write: bool) -> Result<()> {
    let path = repo::service(root, service).join("contract.toml");
    let text = repo::read(&path)?;
    let contract = Contract::parse(&text)?;
    let model = source.load(service)?;
    for problem in contract.problems(&model)? {
        println!("{problem}");
    }
    let completed = complete(&text, &contract, &model)?;
    if completed == text {
        return Ok(());
    }
    if write {
        repo::write(&path, &completed)?;
        println!("added to {}; correct what was guessed", path.display());
    } else {
        println!("--write adds what is lacking, to be corrected by hand");
    }
    Ok(())
}

/// The text with missing fields at the end of their sections and missing operations in a new line.
fn complete(text: &str, contract: &Contract, model: &Model) -> Result<String> {
    let mut additions: BTreeMap<String, String> = BTreeMap::new();
    for operation in contract.built.keys().filter(|name| model.operations.contains_key(*name)) {
        for path in contract.fields(model, operation)?.missing {
            let key = if path.contains(['.', '*']) { format!("\"{path}\"") } else { path };
            let lines = additions.entry(format!("[built.{operation}]")).or_default();
            writeln!(lines, "{key} = \"refused: not built yet\"")?;
        }
    }
    let known = |name: &String| contract.built.contains_key(name) || contract.refused.contains_key(name);
    let missing: Vec<_> = model.operations.keys().filter(|name| !known(name)).cloned().collect();
    if !missing.is_empty() {
        additions.insert("[refused]".to_owned(), format!("\"{UNDECIDED}\" = {missing:?}\n"));
    }
    Ok(insert(text, additions))
}

fn insert(text: &str, mut additions: BTreeMap<String, String>) -> String {
    let mut result = String::new();
    for line in text.lines() {
        result.push_str(line);
        result.push('\n');
        if let Some(lines) = additions.remove(line.trim()) {
            result.push_str(&lines);
        }
    }
    for (section, lines) in additions {
        result.push_str(&format!("\n{section}\n{lines}"));
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_added_under_their_section_or_with_a_new_one() {
        let additions = BTreeMap::from([
            ("[built.A]".to_owned(), "X = 1\n".to_owned()),
            ("[refused]".to_owned(), "R = []\n".to_owned()),
        ]);
        assert_eq!(insert("[built.A]\nY = 2\n", additions), "[built.A]\nX = 1\nY = 2\n\n[refused]\nR = []\n");
    }

    #[test]
    fn a_completed_contract_has_no_problems() {
        let model: Model = serde_json::from_str(
            r#"{"metadata": {"apiVersion": "1", "endpointPrefix": "x", "serviceFullName": "X", "protocol": "json"},
            "operations": {"Put": {"http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "In"}},
                           "Get": {"http": {"method": "POST", "requestUri": "/"}}},
            "shapes": {"In": {"type": "structure", "members": {"A": {"shape": "In2"}, "B": {"shape": "In2"}}},
                       "In2": {"type": "structure", "members": {"C": {"shape": "S"}}}, "S": {"type": "string"}}}"#,
        )
        .unwrap();
        let text = "constraint-error = 'V'\nunsupported-field-error = 'U'\n[built.Put]\nA = 'executed'\n";
        let contract = Contract::parse(text).unwrap();
        let completed = complete(text, &contract, &model).unwrap();
        assert_eq!(
            Contract::parse(&completed).unwrap().problems(&model).unwrap(),
            Vec::<String>::new(),
            "{completed}"
        );
    }
}
