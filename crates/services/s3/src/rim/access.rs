//! Whose key it is, and whether they may.

use std::sync::Arc;

use aws::{Authorizer, Context, CredentialStore};
use names::{Region, Scope};
use rt::Rt;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use subtle::ConstantTimeEq;

use crate::caller::Caller;

/// What a request says about itself that `s3s` does not hand to the lookup of its key.
pub(crate) struct Claims {
    pub(crate) token: Option<String>,
    pub(crate) caller: Caller,
}

tokio::task_local! {
    pub(crate) static CLAIMS: Claims;
}

/// Looks up the secret of an access key, with the session token that came beside it.
pub(crate) struct Keys {
    pub(crate) credentials: Arc<dyn CredentialStore>,
    pub(crate) rt: Rt,
}

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        CLAIMS.with(|claims| self.secret(access_key, claims))
    }
}

impl Keys {
    fn secret(&self, access_key: &str, claims: &Claims) -> S3Result<SecretKey> {
        let found = match &claims.token {
            Some(token) => self.credentials.lookup_session(access_key, token),
            None => self.credentials.lookup(access_key),
        };
        let Some(credential) = found else {
            return Err(s3_error!(
                InvalidAccessKeyId,
                "The AWS Access Key Id you provided does not exist in our records."
            ));
        };
        let given = claims.token.as_deref().unwrap_or("");
        let wanted = credential.session_token.as_deref().unwrap_or("");
        if !bool::from(given.as_bytes().ct_eq(wanted.as_bytes())) {
            return Err(s3_error!(InvalidToken, "The provided token is malformed or otherwise invalid."));
        }
        if credential.expires.is_some_and(|expires| expires <= self.rt.now()) {
            return Err(s3_error!(ExpiredToken, "The provided token has expired."));
        }
        claims.caller.principal.get_or_init(|| credential.principal(access_key));
        Ok(SecretKey::from(credential.secret))
    }
}

/// Asks the authorizer before an operation's input is read.
pub(crate) struct Access {
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) rt: Rt,
    pub(crate) region: Region,
}

#[async_trait::async_trait]
impl S3Access for Access {
    async fn check(&self, access: &mut S3AccessContext<'_>) -> S3Result<()> {
        let caller = access.extensions_mut().get::<Caller>().cloned().unwrap_or_default();
        let Some(principal) = caller.principal.get() else {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        };
        if !self.authorizer.is_restrictive() {
            return Ok(());
        }
        let asked = access.s3_op().name();
        // What is not built is refused by its name, whoever asks.
        let Some((operation, action)) = PERMISSIONS.iter().find(|(name, _)| *name == asked) else {
            return Ok(());
        };
        let action = format!("s3:{action}");
        let path = access.s3_path();
        let resource = path.get_bucket_name().map(|bucket| match path.get_object_key() {
            Some(key) => format!("arn:aws:s3:::{bucket}/{key}"),
            None => format!("arn:aws:s3:::{bucket}"),
        });
        let region = caller.region.clone().unwrap_or_else(|| self.region.clone());
        let context = Context {
            scope: Scope::new(principal.account.clone(), region),
            principal: principal.clone(),
            request_id: caller.request_id.to_string(),
            service: "s3",
            operation,
            now: self.rt.now(),
        };
        self.authorizer
            .authorize(principal, &action, resource.as_deref(), &context)
            .map_err(|denied| S3Error::with_message(S3ErrorCode::AccessDenied, denied.message().to_owned()))
    }
}

/// The built operations and the permission each needs.
pub(crate) const PERMISSIONS: [(&str, &str); 27] = [
    ("AbortMultipartUpload", "AbortMultipartUpload"),
    ("CompleteMultipartUpload", "PutObject"),
    ("CopyObject", "PutObject"),
    ("CreateBucket", "CreateBucket"),
    ("CreateMultipartUpload", "PutObject"),
    ("DeleteBucket", "DeleteBucket"),
    ("DeleteBucketTagging", "PutBucketTagging"),
    ("DeleteObject", "DeleteObject"),
    ("DeleteObjectTagging", "DeleteObjectTagging"),
    ("DeleteObjects", "DeleteObject"),
    ("GetBucketLocation", "GetBucketLocation"),
    ("GetBucketTagging", "GetBucketTagging"),
    ("GetBucketVersioning", "GetBucketVersioning"),
    ("GetObject", "GetObject"),
    ("GetObjectTagging", "GetObjectTagging"),
    ("HeadBucket", "ListBucket"),
    ("HeadObject", "GetObject"),
    ("ListBuckets", "ListAllMyBuckets"),
    ("ListMultipartUploads", "ListBucketMultipartUploads"),
    ("ListObjects", "ListBucket"),
    ("ListObjectsV2", "ListBucket"),
    ("ListParts", "ListMultipartUploadParts"),
    ("PutBucketTagging", "PutBucketTagging"),
    ("PutObject", "PutObject"),
    ("PutObjectTagging", "PutObjectTagging"),
    ("UploadPart", "PutObject"),
    ("UploadPartCopy", "PutObject"),
];
