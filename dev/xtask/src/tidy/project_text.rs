//! Project text speaks of the product: no place of one machine, no package mirror, no authoring tool.

use regex::Regex;

use super::Finding;
use super::tree::Tree;

const RULE: &str = "project-text";

const FOREIGN: [(&str, &str); 4] = [
    (r#"(^|[\s"'`=(:])/(root|work|tmp|home|Users|mnt)/"#, "a path of one machine"),
    (
        r"\b(index|static)\.crates\.io\b|\bpypi\.org\b|\bpythonhosted\.org\b|\bregistry\.npmjs\.org\b|artifactory|/nexus/",
        "a package registry's host",
    ),
    (r"(?i)\b(claude|anthropic|chatgpt|openai|copilot|gpt-\d|llms?|ai[- ]generated)\b", "an authoring tool"),
    (r"\b[Ii]ssue ?#?\d+\b|\b(TODO|FIXME|HACK)\b", "open work; finish it or say what is not supported"),
];

const TEXT: [&str; 13] = [
    ".rs", ".toml", ".md", ".py", ".sh", ".yml", ".yaml", ".sql", ".txt", ".ini", ".slt", "Makefile", "/run",
];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let foreign: Vec<_> = FOREIGN
        .iter()
        .map(|(pattern, what)| (Regex::new(pattern).expect("invariant: the pattern is a constant"), what))
        .collect();
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| TEXT.iter().any(|end| file.path.ends_with(end))) {
        for (line, text) in file.lines() {
            for (pattern, what) in &foreign {
                if let Some(found) = pattern.find(text) {
                    let message = format!("'{}' is {what}", found.as_str().trim());
                    findings.push(Finding::new(RULE, &file.path, line, message));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_paths_hosts_tools_and_open_work_are_found() {
        let [machine, host, tool, open] =
            [["/ro", "ot/x"], ["pypi", ".org"], ["Cla", "ude"], ["TO", "DO"]].map(|parts| parts.concat());
        for word in [machine, host, tool, open] {
            let text = format!("see {word} for more");
            assert_eq!(check(&Tree::of(&[("docs/a.md", &text)])).len(), 1, "{word}");
        }
    }

    #[test]
    fn paths_inside_longer_ones_pass() {
        let text = "s3://lake/tmp/x, target/work/y, a tissue, workgroup";
        assert_eq!(check(&Tree::of(&[("docs/a.md", text)])), []);
    }
}
