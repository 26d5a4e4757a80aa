use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{AccountId, NameError, Scope};

/// `arn:partition:service:region:account:resource`. Region and account are empty where a service has
/// none (an S3 bucket has neither); the resource may hold colons and slashes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Arn {
    pub partition: String,
    pub service: String,
    pub region: String,
    pub account: String,
    pub resource: String,
}

impl Arn {
    pub fn new(service: &str, scope: &Scope, resource: impl Into<String>) -> Arn {
        Arn {
            partition: scope.region.partition().to_owned(),
            service: service.to_owned(),
            region: scope.region.as_str().to_owned(),
            account: scope.account.as_str().to_owned(),
            resource: resource.into(),
        }
    }

    /// A resource without a region. S3 buckets have no account in theirs either.
    pub fn global(service: &str, account: &AccountId, resource: impl Into<String>) -> Arn {
        Arn {
            partition: "aws".to_owned(),
            service: service.to_owned(),
            region: String::new(),
            account: if service == "s3" { String::new() } else { account.as_str().to_owned() },
            resource: resource.into(),
        }
    }
}

impl FromStr for Arn {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Arn, NameError> {
        let invalid = || NameError::Arn(text.to_owned());
        let mut parts = text.splitn(6, ':');
        let mut part = || parts.next().ok_or_else(invalid);
        if part()? != "arn" {
            return Err(invalid());
        }
        let arn = Arn {
            partition: part()?.to_owned(),
            service: part()?.to_owned(),
            region: part()?.to_owned(),
            account: part()?.to_owned(),
            resource: part()?.to_owned(),
        };
        if arn.partition.is_empty() || arn.service.is_empty() || arn.resource.is_empty() {
            return Err(invalid());
        }
        Ok(arn)
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "arn:{}:{}:{}:{}:{}",
            self.partition, self.service, self.region, self.account, self.resource
        )
    }
}

impl TryFrom<String> for Arn {
    type Error = NameError;

    fn try_from(text: String) -> Result<Arn, NameError> {
        text.parse()
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> String {
        arn.to_string()
    }
}
