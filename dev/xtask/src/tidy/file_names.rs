//! Names that say nothing about what is inside.

use super::Finding;
use super::tree::Tree;

const RULE: &str = "file-names";
const EMPTY: [&str; 9] =
    ["util", "utils", "common", "helper", "helpers", "manager", "misc", "shared", "stuff"];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in tree.paths.iter().filter(|path| path.ends_with(".rs") || path.ends_with(".py")) {
        let mut steps = path.split(['/', '.']);
        if let Some(step) = steps.find(|step| EMPTY.contains(step)) {
            findings.push(Finding::new(RULE, path, 1, format!("'{step}' says nothing; name what is inside")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_names_of_files_and_folders_are_found() {
        let tree = Tree::of(&[
            ("a/utils.rs", ""),
            ("a/helpers/b.rs", ""),
            ("a/utility.rs", ""),
            ("a/common.md", ""),
        ]);
        let files: Vec<_> = check(&tree).into_iter().map(|finding| finding.file).collect();
        assert_eq!(files, ["a/utils.rs", "a/helpers/b.rs"]);
    }
}
