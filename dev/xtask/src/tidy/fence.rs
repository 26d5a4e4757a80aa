//! Heavy dependencies stay behind their fence: the SQL engine in the manifests that may have it.

use super::Finding;
use super::tree::Tree;

const RULE: &str = "fence";

/// Dependency → manifests that may name it; the workspace's own only pins the version.
const FENCED: [(&str, &[&str]); 1] = [(
    "datafusion",
    &[
        "Cargo.toml",
        "crates/engines/lake/Cargo.toml",
        "crates/engines/query/Cargo.toml",
        "crates/engines/flow/Cargo.toml",
        "dev/bench/Cargo.toml",
    ],
)];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with("Cargo.toml")) {
        for (line, text) in file.lines() {
            let name = text.split(['.', ' ', '=']).next().unwrap_or_default();
            for (fenced, free) in FENCED {
                let named = name == fenced || name.starts_with(&format!("{fenced}-"));
                if named && !free.contains(&file.path.as_str()) {
                    let message = format!("{name} may appear in the manifests of lake, query and flow only");
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
    fn the_sql_engine_is_found_outside_its_fence() {
        let text = "[dependencies]\ndatafusion.workspace = true\n";
        let tree = Tree::of(&[
            ("crates/engines/query/Cargo.toml", text),
            ("crates/services/athena/Cargo.toml", text),
            ("crates/services/glue/Cargo.toml", "datafusion-common = \"1\"\n"),
        ]);
        let files: Vec<_> = check(&tree).into_iter().map(|finding| finding.file).collect();
        assert_eq!(files, ["crates/services/athena/Cargo.toml", "crates/services/glue/Cargo.toml"]);
    }
}
