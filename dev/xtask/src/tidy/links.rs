//! Links between documents lead somewhere.

use std::path::Path;

use regex::Regex;

use super::Finding;
use super::tree::Tree;

const RULE: &str = "links";

pub fn check(tree: &Tree) -> Vec<Finding> {
    let link = Regex::new(r"\]\(([^)#\s]+)(#[^)]*)?\)").expect("invariant: the pattern is a constant");
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        let folder = Path::new(&file.path).parent().unwrap_or(Path::new(""));
        for (line, text) in file.lines() {
            for found in link.captures_iter(text).filter(|found| !found[1].contains("://")) {
                let target = resolve(folder, &found[1]);
                let folder_of = |path: &String| path.starts_with(&format!("{target}/"));
                if !tree.has(&target) && !tree.paths.iter().any(folder_of) {
                    let message = format!("the link leads nowhere: {}", &found[1]);
                    findings.push(Finding::new(RULE, &file.path, line, message));
                }
            }
        }
    }
    findings
}

fn resolve(folder: &Path, target: &str) -> String {
    let mut steps: Vec<&str> = folder.iter().filter_map(|step| step.to_str()).collect();
    for step in target.split('/') {
        match step {
            ".." => {
                steps.pop();
            }
            "." | "" => {}
            step => steps.push(step),
        }
    }
    steps.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_links_are_found() {
        let text = "[a](../b.md#part) [b](c/d.md) [c](https://example.com/x) [d](missing.md)";
        let tree = Tree::of(&[("docs/a.md", text), ("b.md", ""), ("docs/c/d.md", "")]);
        let messages: Vec<_> = check(&tree).into_iter().map(|finding| finding.message).collect();
        assert_eq!(messages, ["the link leads nowhere: missing.md"]);
    }
}
