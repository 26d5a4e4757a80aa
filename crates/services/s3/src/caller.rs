use std::sync::{Arc, OnceLock};

use aws::Principal;
use names::{AccountId, Region};
use objects::Bucket;
use s3s::{S3Request, S3Result, s3_error};

use crate::S3;
use crate::error::refused;

/// Who asks. It travels with the request and is filled in when the signature's key has been looked up.
#[derive(Clone, Default)]
pub(crate) struct Caller {
    pub(crate) principal: Arc<OnceLock<Principal>>,
    pub(crate) request_id: Arc<str>,
    /// Where the request says it belongs, if its signature is not checked.
    pub(crate) region: Option<Region>,
}

impl S3 {
    pub(crate) fn account<T>(request: &S3Request<T>) -> S3Result<AccountId> {
        let principal = request.extensions.get::<Caller>().and_then(|caller| caller.principal.get());
        principal.map(|principal| principal.account.clone()).ok_or_else(|| s3_error!(AccessDenied))
    }

    /// The region of the signature.
    pub(crate) fn region_of<T>(&self, request: &S3Request<T>) -> Region {
        let claimed = request.extensions.get::<Caller>().and_then(|caller| caller.region.clone());
        if let Some(claimed) = claimed {
            return claimed;
        }
        let named = request.region.as_ref().and_then(|region| Region::new(region.as_str()).ok());
        named.unwrap_or_else(|| self.region.clone())
    }

    /// The bucket, if it belongs to the caller, and to the account the request expects.
    pub(crate) async fn own_bucket<T>(
        &self,
        request: &S3Request<T>,
        name: &str,
        expected_owner: Option<&str>,
    ) -> S3Result<Bucket> {
        let bucket = self.objects.bucket(name).await.map_err(refused)?;
        let owner = &bucket.owner.account;
        if expected_owner.is_some_and(|expected| expected != owner.as_str())
            || *owner != S3::account(request)?
        {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        }
        Ok(bucket)
    }
}
