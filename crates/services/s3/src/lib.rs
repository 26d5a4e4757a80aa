//! The Amazon S3 API over [`objects`]: buckets, objects, listings, multipart uploads, tags.
//!
//! The wire protocol (routing, XML, signatures, chunked payloads) is the `s3s` crate's. What stands before
//! it is `rim`: it finds out who asks, refuses headers that would change what a request means and that
//! nothing here executes, and checks XML bodies for elements that `s3s` would skip. What stands behind it
//! is one file for each operation in `ops`.
//!
//! What it is not: there is one storage class and one version of each object, no ACL besides the owner's
//! full control, no encryption at rest, no website. All of that is refused by name, see `contract.toml`.
//!
//! Start reading at [`http()`], then `rim`, then `ops/put_object.rs`.

mod caller;
mod checksums;
mod conditions;
mod description;
mod error;
mod limits;
mod listing;
mod ops;
mod rim;
mod service;
mod upload_body;
mod values;

use std::sync::Arc;

use aws::{Authorizer, CredentialStore};
use names::Region;
use objects::Objects;
use rt::Rt;

pub use rim::Http;

/// What the service is made of.
pub struct S3Deps {
    pub rt: Rt,
    pub objects: Objects,
    /// Whose signatures are good. If the store does not check signatures, neither does S3.
    pub credentials: Arc<dyn CredentialStore>,
    pub authorizer: Arc<dyn Authorizer>,
    /// Where a request belongs that names no region.
    pub region: Region,
    /// Domains below which the first labels are a bucket: `bucket.DOMAIN`, `bucket.s3.DOMAIN` and
    /// `bucket.s3.REGION.DOMAIN`. `localhost` is always one of them.
    pub base_domains: Vec<String>,
}

/// The service as what a router mounts behind everything else.
pub fn http(deps: S3Deps) -> Http {
    Http::new(deps)
}

/// The engines the operations work with.
#[derive(Clone)]
pub(crate) struct S3 {
    rt: Rt,
    objects: Objects,
    region: Region,
}

#[cfg(test)]
mod tests;
