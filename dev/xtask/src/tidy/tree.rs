//! The text of the work tree: everything that is committed or could be.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Larger files are data, not text of ours.
const FILE_BYTES_MAX: u64 = 2 << 20;

#[derive(Debug, Default)]
pub struct Tree {
    pub files: Vec<File>,
    /// Every path, also of files whose text is not held.
    pub paths: Vec<String>,
}

#[derive(Debug)]
pub struct File {
    /// Relative to the root, with slashes.
    pub path: String,
    pub text: String,
}

impl Tree {
    pub fn load(root: &Path) -> Result<Tree> {
        let output = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .context("git lists the files and did not start")?;
        if !output.status.success() {
            bail!("git ls-files: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let listed = String::from_utf8(output.stdout)?;
        let mut tree = Tree::default();
        for path in listed.split('\0').filter(|path| !path.is_empty()) {
            let full = root.join(path);
            let Ok(metadata) = full.metadata() else { continue };
            tree.paths.push(path.to_owned());
            if metadata.len() > FILE_BYTES_MAX {
                continue;
            }
            if let Ok(text) = std::fs::read_to_string(&full) {
                tree.files.push(File { path: path.to_owned(), text });
            }
        }
        Ok(tree)
    }

    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    pub fn has(&self, path: &str) -> bool {
        self.paths.iter().any(|listed| listed == path)
    }

    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Tree {
        let file = |(path, text): &(&str, &str)| File { path: (*path).to_owned(), text: (*text).to_owned() };
        Tree {
            files: files.iter().map(file).collect(),
            paths: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
        }
    }
}

impl File {
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Lines outside an inline test module, which stands last in a file; none in a file of tests.
    pub fn production_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = if self.is_test() { 0 } else { self.production_end() };
        self.lines().take(end)
    }

    /// How many lines stand before the inline test module.
    pub fn production_end(&self) -> usize {
        let lines: Vec<_> = self.text.lines().collect();
        let begins = |index: usize| {
            lines[index].trim() == "#[cfg(test)]"
                && lines.get(index + 1).is_some_and(|next| next.starts_with("mod ") && next.ends_with('{'))
        };
        (0..lines.len()).find(|index| begins(*index)).unwrap_or(lines.len())
    }

    pub fn is_test(&self) -> bool {
        let path = &self.path;
        path.ends_with("/tests.rs") || path.contains("/tests/") || path.starts_with("tests/")
    }

    pub fn is_generated(&self) -> bool {
        self.text.lines().take(3).any(|line| line.contains("@generated") || line.contains("<!-- Generated"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_ends_where_the_inline_tests_begin() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests;\nfn b() {}\n#[cfg(test)]\nmod more {\n}\n";
        let tree = Tree::of(&[("crates/x/src/a.rs", text), ("crates/x/src/a/tests.rs", "fn t() {}\n")]);
        assert_eq!(tree.files[0].production_lines().count(), 4);
        assert_eq!(tree.files[1].production_lines().count(), 0);
    }
}
