//! Where results go: `s3://bucket/prefix/`.

use aws::ApiError;
use names::Scope;
use objects::ObjectError;

use crate::Athena;
use crate::error::{Rejection, from_object, invalid};
use crate::execution::Place;
use crate::workgroup::Settings;

/// What the caller said about the location of the result.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked<'a> {
    pub location: Option<&'a str>,
    pub expected_bucket_owner: Option<&'a str>,
}

impl Athena {
    /// The object named `name` in the location that applies: the work group's if it enforces one, else
    /// the caller's, else the work group's. The bucket must exist, and belong to whom it is expected to.
    pub(crate) async fn place(
        &self,
        scope: &Scope,
        asked: &Asked<'_>,
        settings: &Settings,
        name: &str,
    ) -> Result<Place, ApiError> {
        let group = settings.output_location.as_deref();
        let location = if settings.enforce { group.or(asked.location) } else { asked.location.or(group) };
        let location = location.ok_or_else(|| {
            invalid(
                Rejection::Input,
                "No output location provided. An output location is required either through the Workgroup \
                 result configuration setting or as an API input.",
            )
        })?;
        let (bucket, prefix) = parse(location)?;
        let owner = asked.expected_bucket_owner.or(settings.expected_bucket_owner.as_deref());
        self.check_bucket(scope, bucket, owner).await?;
        Ok(Place { bucket: bucket.to_owned(), key: format!("{}{name}", folder(prefix)) })
    }

    async fn check_bucket(&self, scope: &Scope, name: &str, owner: Option<&str>) -> Result<(), ApiError> {
        let unusable = || invalid(Rejection::Input, format!("Unable to verify/create output bucket {name}"));
        let bucket = match self.objects.bucket(name).await {
            Ok(bucket) => bucket,
            Err(ObjectError::NoSuchBucket { .. }) => return Err(unusable()),
            Err(error) => return Err(from_object(error)),
        };
        let account = &bucket.owner.account;
        if *account != scope.account || owner.is_some_and(|owner| owner != account.as_str()) {
            return Err(unusable());
        }
        Ok(())
    }
}

/// Bucket and prefix of an output location.
pub(crate) fn parse(location: &str) -> Result<(&str, &str), ApiError> {
    let rest = location.strip_prefix("s3://").filter(|rest| !rest.is_empty() && !rest.starts_with('/'));
    let rest = rest.ok_or_else(|| invalid(Rejection::Input, "outputLocation is not a valid S3 path."))?;
    Ok(rest.split_once('/').unwrap_or((rest, "")))
}

fn folder(prefix: &str) -> String {
    if prefix.is_empty() || prefix.ends_with('/') { prefix.to_owned() } else { format!("{prefix}/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_bucket_and_a_folder() {
        assert_eq!(parse("s3://b/p/q").unwrap(), ("b", "p/q"));
        assert_eq!(parse("s3://b").unwrap(), ("b", ""));
        for wrong in ["", "b/p", "s3://", "s3:///p", "http://b/p"] {
            assert_eq!(
                parse(wrong).unwrap_err().message(),
                "outputLocation is not a valid S3 path.",
                "{wrong}"
            );
        }
        assert_eq!((folder(""), folder("p"), folder("p/")), (String::new(), "p/".into(), "p/".into()));
    }
}
