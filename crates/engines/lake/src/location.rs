//! `s3://bucket/prefix/`: how the lake writes down where data lies.

use std::fmt;

use thiserror::Error;

/// A folder of objects. The scheme may be `s3`, `s3a` or `s3n` on the way in and is `s3` on the way
/// out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    pub bucket: String,
    /// Empty for a whole bucket, else without a leading slash and with one at the end.
    pub prefix: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{text}' is not a location of the form s3://bucket/prefix/: {reason}")]
pub struct LocationError {
    pub text: String,
    pub reason: &'static str,
}

/// The folder that `text` names; `s3://b/p` and `s3://b/p/` are the same one.
pub fn parse(text: &str) -> Result<Location, LocationError> {
    let fail = |reason| LocationError { text: text.to_owned(), reason };
    let (scheme, rest) = text.trim().split_once("://").ok_or_else(|| fail("it has no scheme"))?;
    if !matches!(scheme.to_ascii_lowercase().as_str(), "s3" | "s3a" | "s3n") {
        return Err(fail("its scheme is not s3"));
    }
    let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(fail("it names no bucket"));
    }
    let path = path.trim_start_matches('/');
    let prefix = match path.trim_end_matches('/') {
        "" => String::new(),
        folder => format!("{folder}/"),
    };
    Ok(Location { bucket: bucket.to_owned(), prefix })
}

impl Location {
    /// The folder `path` below this one.
    pub fn join(&self, path: &str) -> Location {
        let path = path.trim_matches('/');
        let prefix = if path.is_empty() { self.prefix.clone() } else { format!("{}{path}/", self.prefix) };
        Location { bucket: self.bucket.clone(), prefix }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_folder_with_or_without_its_trailing_slash() {
        for text in ["s3://lake/raw/day=1", "s3a://lake/raw/day=1/", "S3N://lake//raw/day=1//"] {
            assert_eq!(parse(text).unwrap().to_string(), "s3://lake/raw/day=1/", "{text}");
        }
        assert_eq!(parse("s3://lake").unwrap(), Location { bucket: "lake".into(), prefix: String::new() });
    }

    #[test]
    fn what_is_not_an_object_location_is_refused_with_a_reason() {
        for text in ["", "lake/raw", "hdfs://node/raw", "s3:///raw"] {
            assert_eq!(parse(text).unwrap_err().text, text);
        }
    }

    #[test]
    fn a_joined_folder_keeps_exactly_one_slash_between_its_parts() {
        let base = parse("s3://lake/raw").unwrap();
        assert_eq!(base.join("/a/b").to_string(), "s3://lake/raw/a/b/");
        assert_eq!(base.join(""), base);
    }
}
