//! The file system belongs to storage (and to the binary and the tools around it).

use regex::Regex;

use super::Finding;
use super::tree::Tree;

const RULE: &str = "file-access";
const FREE: [&str; 3] = ["crates/storage/", "crates/server/", "dev/"];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let access = Regex::new(r"\b(std|tokio)::fs\b|\bFile::(open|create)\b|\bOpenOptions\b|\bfs::\w+\(")
        .expect("invariant: the pattern is a constant");
    let mut findings = Vec::new();
    for file in tree.rust().filter(|file| file.path.starts_with("crates/")) {
        if FREE.iter().any(|free| file.path.starts_with(free)) {
            continue;
        }
        for (line, text) in file.production_lines() {
            if let Some(found) = access.find(text) {
                let message = format!("'{}': files are read and written in storage only", found.as_str());
                findings.push(Finding::new(RULE, &file.path, line, message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_access_is_found_outside_storage_and_not_in_tests() {
        let text = "use std::fs;\n#[cfg(test)]\nmod tests {\n    use std::fs::File;\n}\n";
        let tree = Tree::of(&[
            ("crates/engines/lake/src/a.rs", text),
            ("crates/storage/log/src/a.rs", text),
            ("crates/services/s3/src/tests.rs", text),
            ("dev/bench/src/main.rs", text),
        ]);
        let places: Vec<_> = check(&tree).into_iter().map(|finding| (finding.file, finding.line)).collect();
        assert_eq!(places, [("crates/engines/lake/src/a.rs".to_owned(), 1)]);
    }
}
