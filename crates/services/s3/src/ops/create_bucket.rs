use names::{Region, Scope};
use objects::ObjectError;
use s3s::dto::{CreateBucketInput, CreateBucketOutput};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use crate::S3;
use crate::error::{not_implemented, refused};

/// The one region whose buckets may be created again by their owner, and whose name is no location.
const FIRST_REGION: &str = "us-east-1";

pub(crate) async fn handle(
    s3: &S3,
    request: S3Request<CreateBucketInput>,
) -> S3Result<S3Response<CreateBucketOutput>> {
    let input = &request.input;
    if input.object_lock_enabled_for_bucket == Some(true) {
        return Err(not_implemented("x-amz-bucket-object-lock-enabled"));
    }
    let region = bucket_region(input, s3.region_of(&request))?;
    let owner = Scope::new(S3::account(&request)?, region);
    match s3.objects.create_bucket(&input.bucket, &owner).await {
        Ok(_) => {}
        Err(ObjectError::BucketExists { owner: existing, .. }) if existing.account == owner.account => {
            let again = existing.region == owner.region && existing.region.as_str() == FIRST_REGION;
            if !again {
                return Err(s3_error!(
                    BucketAlreadyOwnedByYou,
                    "Your previous request to create the named bucket succeeded and you already own it."
                ));
            }
        }
        Err(error) => return Err(refused(error)),
    }
    let location = Some(format!("/{}", input.bucket));
    Ok(S3Response::new(CreateBucketOutput { location }))
}

/// Where the bucket is to be: in the region of the request, which the body has to repeat unless it is the
/// first one. From there any region may be named.
fn bucket_region(input: &CreateBucketInput, signed: Region) -> S3Result<Region> {
    let configuration = input.create_bucket_configuration.as_ref();
    if configuration.is_some_and(|configuration| configuration.bucket.is_some()) {
        return Err(not_implemented("CreateBucketConfiguration.Bucket"));
    }
    if configuration.is_some_and(|configuration| configuration.location.is_some()) {
        return Err(not_implemented("CreateBucketConfiguration.Location"));
    }
    let constraint = configuration
        .and_then(|configuration| configuration.location_constraint.as_ref())
        .map(|constraint| constraint.as_str())
        .filter(|constraint| !constraint.is_empty());
    let named = match constraint {
        None if signed.as_str() == FIRST_REGION => return Ok(signed),
        None => {
            return Err(s3_error!(
                IllegalLocationConstraintException,
                "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to."
            ));
        }
        Some("EU") => "eu-west-1",
        Some(FIRST_REGION) => {
            return Err(s3_error!(
                InvalidLocationConstraint,
                "The specified location-constraint is not valid"
            ));
        }
        Some(named) => named,
    };
    let region = Region::new(named).map_err(|error| {
        s3_error!(error, InvalidLocationConstraint, "The specified location-constraint is not valid")
    })?;
    if region != signed && signed.as_str() != FIRST_REGION {
        return Err(s3_error!(
            IllegalLocationConstraintException,
            "The {named} location constraint is incompatible for the region specific endpoint this request was sent to."
        ));
    }
    Ok(region)
}
