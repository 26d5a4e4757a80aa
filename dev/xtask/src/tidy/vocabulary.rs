//! Engines and storage have their own words: no ARN, no HTTP status, no error code of an API.

use regex::Regex;

use super::Finding;
use super::tree::Tree;

const RULE: &str = "vocabulary";
const ROOMS: [&str; 2] = ["crates/storage/", "crates/engines/"];

/// What may not be named, and what it is called in the message.
const FOREIGN: [(&str, &str); 5] = [
    (r"\b(ARNs?|Arns?|arns?)\b|[a-z]Arn\b|_arn\b|\barn_|arn:aws", "resource names of an API"),
    (r"\b(AWS|aws|Amazon|amazonaws|boto3?|botocore)\b|\bx-amz-", "the vendor"),
    (r"\bStatusCode\b|\bHTTP\b|\bhttp::|\bhyper::", "HTTP"),
    (r"\b[A-Z]\w+Exception\b", "error codes of an API"),
    (r"\b(Kinesis|Firehose|CloudWatch|EventBridge|DynamoDB)\b", "services"),
];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let foreign: Vec<_> = FOREIGN
        .iter()
        .map(|(pattern, what)| (Regex::new(pattern).expect("invariant: the pattern is a constant"), what))
        .collect();
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| is_fenced(&file.path)) {
        for (line, text) in file.lines() {
            for (pattern, what) in &foreign {
                if let Some(found) = pattern.find(text) {
                    let message = format!("'{}': engines and storage do not name {what}", found.as_str());
                    findings.push(Finding::new(RULE, &file.path, line, message));
                }
            }
        }
    }
    findings
}

fn is_fenced(path: &str) -> bool {
    ROOMS.iter().any(|room| path.starts_with(room)) && path.ends_with(".rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_words_are_found_in_the_fenced_rooms_only() {
        for line in [
            "let bucket_arn = 1;",
            "// the AWS way",
            "use http::StatusCode;",
            "\"ResourceNotFoundException\"",
            "/// as Kinesis does",
        ] {
            let tree =
                Tree::of(&[("crates/storage/log/src/a.rs", line), ("crates/services/x/src/a.rs", line)]);
            let findings = check(&tree);
            assert!(
                !findings.is_empty() && findings.iter().all(|found| found.file.contains("storage")),
                "{line}"
            );
        }
    }

    #[test]
    fn words_that_only_contain_them_pass() {
        let tree =
            Tree::of(&[("crates/engines/lake/src/a.rs", "warn!(); learn(); barn; Exceptional; http_like")]);
        assert_eq!(check(&tree), []);
    }
}
