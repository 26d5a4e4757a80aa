//! Commands that the documents name exist.

use std::collections::BTreeSet;

use regex::Regex;

use super::Finding;
use super::tree::Tree;

const RULE: &str = "readme";
const XTASKS: [&str; 4] = ["model", "contract", "coverage", "tidy"];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let makefile = tree.file("Makefile").map_or("", |file| file.text.as_str());
    let targets: BTreeSet<_> = makefile
        .lines()
        .filter(|line| !line.starts_with(['\t', '#', '.', ' ']))
        .filter_map(|line| line.split_once(':').filter(|(_, rest)| !rest.starts_with('=')))
        .flat_map(|(targets, _)| targets.split_whitespace())
        .collect();
    let make = Regex::new(r"(?:^|[`$] ?)make ([a-z][a-z-]*)").expect("invariant: the pattern is a constant");
    let xtask = Regex::new(r"cargo xtask ([a-z][a-z-]*)").expect("invariant: the pattern is a constant");
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        for (line, text) in file.lines() {
            for found in make.captures_iter(text).filter(|found| !targets.contains(&found[1])) {
                let message = format!("the Makefile has no target '{}'", &found[1]);
                findings.push(Finding::new(RULE, &file.path, line, message));
            }
            for found in xtask.captures_iter(text).filter(|found| !XTASKS.contains(&&found[1])) {
                findings.push(Finding::new(
                    RULE,
                    &file.path,
                    line,
                    format!("there is no `cargo xtask {}`", &found[1]),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_do_not_exist_are_found() {
        let tree = Tree::of(&[
            ("Makefile", "X := 1\n.PHONY: run\nrun: build\n\tcargo run\ntest:\n"),
            (
                "README.md",
                "```\nmake run\nmake sim SEED=1\n```\nUse `make test`, `make lint`; they make sense.\n`cargo xtask fly`",
            ),
        ]);
        let messages: Vec<_> = check(&tree).into_iter().map(|finding| finding.message).collect();
        assert_eq!(
            messages,
            [
                "the Makefile has no target 'sim'",
                "the Makefile has no target 'lint'",
                "there is no `cargo xtask fly`"
            ]
        );
    }
}
