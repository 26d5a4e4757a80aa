//! Bucket names in host names.

use std::sync::Arc;

use names::Region;
use s3s::S3Result;
use s3s::host::{S3Host, VirtualHost};

/// The domains below which a host may begin with a bucket's name.
#[derive(Clone)]
pub(crate) struct Hosts {
    domains: Arc<[String]>,
}

impl Hosts {
    pub(crate) fn new(domains: Vec<String>) -> Hosts {
        let mut all = vec!["localhost".to_owned()];
        all.extend(domains.into_iter().map(|domain| domain.to_ascii_lowercase()));
        // The longest first, so that the most exact one is found.
        all.sort_by_key(|domain| std::cmp::Reverse(domain.len()));
        Hosts { domains: all.into() }
    }

    /// The bucket in `bucket.DOMAIN`, `bucket.s3.DOMAIN` or `bucket.s3.REGION.DOMAIN`.
    pub(crate) fn bucket<'a>(&self, host: &'a str) -> Option<&'a str> {
        let name = without_port(host);
        let labels = self.domains.iter().find_map(|domain| below(name, domain))?;
        if let Some(bucket) = labels.strip_suffix(".s3") {
            return Some(bucket);
        }
        if labels == "s3" || is_regional(labels) {
            return None;
        }
        match labels.rsplit_once(".s3.") {
            Some((bucket, region)) if Region::new(region).is_ok() => Some(bucket),
            _ => Some(labels),
        }
    }
}

impl S3Host for Hosts {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        // Every other host is one that this server happens to be called by.
        Ok(match self.bucket(host) {
            Some(bucket) => VirtualHost::new(host).with_bucket(bucket.to_ascii_lowercase()),
            None => VirtualHost::new(host),
        })
    }
}

/// `s3.REGION`, which has no bucket in it.
fn is_regional(labels: &str) -> bool {
    labels.strip_prefix("s3.").is_some_and(|region| !region.contains('.') && Region::new(region).is_ok())
}

/// What stands before the domain in a host name, without the point between them.
fn below<'a>(host: &'a str, domain: &str) -> Option<&'a str> {
    let at = host.len().checked_sub(domain.len())?;
    let (labels, end) = host.split_at_checked(at)?;
    let labels = labels.strip_suffix('.')?;
    (end.eq_ignore_ascii_case(domain) && !labels.is_empty()).then_some(labels)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_found_before_a_known_domain_only() {
        let hosts = Hosts::new(vec!["s3.example.com".to_owned(), "Data.Test".to_owned()]);
        for (host, bucket) in [
            ("localhost:4566", None),
            ("s3.localhost:4566", None),
            ("s3.eu-west-1.localhost", None),
            ("lake.localhost:4566", Some("lake")),
            ("lake.s3.localhost", Some("lake")),
            ("lake.s3.eu-west-1.localhost:4566", Some("lake")),
            ("my.lake.s3.localhost", Some("my.lake")),
            ("my.lake.localhost", Some("my.lake")),
            ("lake.s3.example.com", Some("lake")),
            ("s3.example.com", None),
            ("lake.s3.data.test", Some("lake")),
            ("127.0.0.1:4566", None),
            ("mulgil.internal:4566", None),
            ("notlocalhost", None),
            (".localhost", None),
            ("[::1]:4566", None),
        ] {
            assert_eq!(hosts.bucket(host), bucket, "{host}");
        }
    }
}
