//! Files stay short enough to be read at once; long inline tests move to a sibling.

use super::Finding;
use super::tree::Tree;

const RULE: &str = "length";
const LINES_MAX: usize = 600;
const INLINE_TEST_LINES_MAX: usize = 160;

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let sources = tree.files.iter().filter(|file| file.path.ends_with(".rs") || file.path.ends_with(".py"));
    for file in sources.filter(|file| !file.is_generated()) {
        let lines = file.lines().count();
        let production = file.production_end();
        if production > LINES_MAX {
            let message = format!("{production} lines; split the file, {LINES_MAX} is the limit");
            findings.push(Finding::new(RULE, &file.path, 1, message));
        }
        if lines - production > INLINE_TEST_LINES_MAX {
            let message =
                format!("{} lines of inline tests; move them to a sibling tests.rs", lines - production);
            findings.push(Finding::new(RULE, &file.path, production + 1, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_and_long_inline_tests_are_found_and_generated_ones_are_free() {
        let long = "x\n".repeat(LINES_MAX + 1);
        let tests = format!("x\n#[cfg(test)]\nmod tests {{\n{}}}\n", "t\n".repeat(INLINE_TEST_LINES_MAX));
        let generated = format!("// @generated\n{long}");
        let tree = Tree::of(&[("a.rs", &long), ("b.rs", &tests), ("c.rs", &generated), ("d.rs", "x\n")]);
        let files: Vec<_> = check(&tree).into_iter().map(|finding| finding.file).collect();
        assert_eq!(files, ["a.rs", "b.rs"]);
    }
}
