//! What the index stores. A field that is added needs a default, one that changes its meaning a new
//! version.

use std::collections::BTreeMap;

use meta::{Entry, Key, Meta, Revision};
use names::Scope;
use rt::Timestamp;
use serde::{Deserialize, Serialize};

use crate::files::FileId;
use crate::{ChecksumAlgorithm, Checksums, ObjectError, ObjectInfo, keys};

pub(crate) const VERSION: u8 = 1;
/// The key the bytes are encrypted with; zero: they are not.
pub(crate) const NO_KEY: u32 = 0;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BucketRecord {
    pub(crate) version: u8,
    pub(crate) owner: Scope,
    pub(crate) created: Timestamp,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ObjectRecord {
    pub(crate) version: u8,
    pub(crate) key_id: u32,
    pub(crate) body: Body,
    pub(crate) size: u64,
    pub(crate) etag: String,
    pub(crate) modified: Timestamp,
    pub(crate) described: Described,
    #[serde(default, skip_serializing_if = "Checksums::is_empty")]
    pub(crate) checksums: Checksums,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parts: Option<u32>,
    /// The upload that made it, so that completing it twice is answered twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upload: Option<String>,
}

/// What a caller says about an object and gets back as given.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Described {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_type: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) user_metadata: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: BTreeMap<String, String>,
}

/// Where an object's bytes are: in the file of this name if there is one extent, else in the files listed
/// at the key `extents / id`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Body {
    pub(crate) id: FileId,
    pub(crate) extents: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Extent {
    pub(crate) file: FileId,
    pub(crate) size: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct UploadRecord {
    pub(crate) version: u8,
    pub(crate) initiated: Timestamp,
    pub(crate) described: Described,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checksum: Option<ChecksumAlgorithm>,
    #[serde(default)]
    pub(crate) composite: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PartRecord {
    pub(crate) version: u8,
    pub(crate) key_id: u32,
    pub(crate) file: FileId,
    pub(crate) size: u64,
    /// The MD5 digest in hexadecimal.
    pub(crate) etag: String,
    pub(crate) modified: Timestamp,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) checksums: BTreeMap<ChecksumAlgorithm, String>,
}

impl ObjectRecord {
    pub(crate) fn into_info(self, bucket: &str, key: &str) -> ObjectInfo {
        ObjectInfo {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            size: self.size,
            etag: self.etag,
            modified: self.modified,
            content_type: self.described.content_type,
            headers: self.described.headers,
            user_metadata: self.described.user_metadata,
            tags: self.described.tags,
            checksums: self.checksums,
            parts: self.parts,
        }
    }

    /// The files that hold the bytes, in order.
    pub(crate) async fn extents(&self, meta: &Meta) -> Result<Vec<Extent>, ObjectError> {
        if self.body.extents == 1 {
            return Ok(vec![Extent { file: self.body.id.clone(), size: self.size }]);
        }
        match meta.get(&keys::extents(&self.body.id)).await? {
            Some(entry) => Ok(entry.json()?),
            // Deleted since the record was read.
            None => Ok(Vec::new()),
        }
    }
}

/// A record with the revision it was read at.
pub(crate) struct Stored<T> {
    pub(crate) value: T,
    pub(crate) revision: Revision,
}

pub(crate) fn stored<T: serde::de::DeserializeOwned>(
    entry: Option<&Entry>,
) -> Result<Option<Stored<T>>, ObjectError> {
    entry.map(|entry| Ok(Stored { value: entry.json()?, revision: entry.revision })).transpose()
}

pub(crate) async fn read<T: serde::de::DeserializeOwned>(
    meta: &Meta,
    key: &Key,
) -> Result<Option<Stored<T>>, ObjectError> {
    stored(meta.get(key).await?.as_ref())
}
