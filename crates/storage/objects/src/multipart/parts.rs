use std::collections::BTreeMap;

use bytes::Bytes;
use meta::{CommitError, Txn};
use rt::Timestamp;

use super::{UploadInfo, info};
use crate::publish::{Blob, did_not_happen};
use crate::record::{NO_KEY, PartRecord, VERSION, read};
use crate::write::FileWriter;
use crate::{ByteRange, ChecksumAlgorithm, EtagKind, Expected, ObjectError, Objects, keys};

/// How often a part is tried to be stored while others store the same one.
const ATTEMPTS_MAX: usize = 64;

/// A part that was uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartInfo {
    pub number: u32,
    pub size: u64,
    /// The MD5 digest in hexadecimal.
    pub etag: String,
    pub modified: Timestamp,
    pub checksums: BTreeMap<ChecksumAlgorithm, String>,
}

/// Parts in the order of their numbers.
#[derive(Clone, Debug)]
pub struct PartPage {
    pub upload: UploadInfo,
    pub parts: Vec<PartInfo>,
    /// There are more after the last of these.
    pub more: bool,
}

/// Where a part belongs.
#[derive(Clone)]
struct Place {
    bucket: String,
    key: String,
    upload: String,
    number: u32,
}

impl Objects {
    pub async fn upload_part(
        &self,
        bucket: &str,
        key: &str,
        upload: &str,
        number: u32,
        body: Bytes,
        expected: Expected,
    ) -> Result<PartInfo, ObjectError> {
        let mut writer = self.part_writer(bucket, key, upload, number, expected).await?;
        writer.file.gather(body);
        writer.finish().await
    }

    /// Begins a part whose bytes come in pieces. It takes the place of a part with the same number.
    pub async fn part_writer(
        &self,
        bucket: &str,
        key: &str,
        upload: &str,
        number: u32,
        mut expected: Expected,
    ) -> Result<PartWriter, ObjectError> {
        let record = self.upload_record(bucket, key, upload).await?.value;
        self.bound_doubt().await?;
        if let Some(algorithm) = record.checksum {
            expected.checksums.entry(algorithm).or_default();
        }
        Ok(PartWriter {
            objects: self.clone(),
            place: Place {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
                upload: upload.to_owned(),
                number,
            },
            file: FileWriter::new(self.files.clone(), expected, EtagKind::Md5),
        })
    }

    /// Makes (a range of) an object a part of an upload. `source_etag` must still be the source's.
    pub async fn upload_part_copy(
        &self,
        from: (&str, &str),
        range: Option<ByteRange>,
        source_etag: Option<&str>,
        to: (&str, &str),
        upload: &str,
        number: u32,
    ) -> Result<PartInfo, ObjectError> {
        let record = self.upload_record(to.0, to.1, upload).await?.value;
        let algorithms = record.checksum.into_iter().collect();
        let blob = self.duplicate_range(from, range, source_etag, algorithms).await?;
        let place =
            Place { bucket: to.0.to_owned(), key: to.1.to_owned(), upload: upload.to_owned(), number };
        self.store_part(place, blob).await
    }

    /// The parts after number `after`, at most `limit`.
    pub async fn parts(
        &self,
        bucket: &str,
        key: &str,
        upload: &str,
        after: u32,
        limit: usize,
    ) -> Result<PartPage, ObjectError> {
        let record = self.upload_record(bucket, key, upload).await?.value;
        let after = keys::part(upload, after);
        let page = self.meta.scan(&keys::parts(upload), Some(&after), limit.saturating_add(1)).await?;
        let mut parts = Vec::with_capacity(page.len());
        for entry in page.iter().take(limit) {
            let number = entry.key.last_u64().and_then(|number| u32::try_from(number).ok());
            parts.push(part_info(number.unwrap_or_default(), entry.json()?));
        }
        Ok(PartPage { upload: info(bucket, key, upload, &record), parts, more: page.len() > limit })
    }

    async fn store_part(&self, place: Place, blob: Blob) -> Result<PartInfo, ObjectError> {
        let objects = self.clone();
        self.detached("objects part", async move { objects.store_part_detached(place, blob).await }).await
    }

    async fn store_part_detached(&self, place: Place, blob: Blob) -> Result<PartInfo, ObjectError> {
        let Place { bucket, key, upload, number } = place;
        let Blob { mut staged, size, etag, checksums } = blob;
        let record = PartRecord {
            version: VERSION,
            key_id: NO_KEY,
            file: staged.id.clone(),
            size,
            etag,
            modified: self.rt.now(),
            checksums,
        };
        let (at, part) = (keys::upload(&bucket, &key, &upload), keys::part(&upload, number));
        for _ in 0..ATTEMPTS_MAX {
            let old = read::<PartRecord>(&self.meta, &part).await?;
            let mut txn = Txn::new().require_present(at.clone());
            txn = match &old {
                None => txn.require_absent(part.clone()),
                Some(old) => {
                    txn.require_revision(part.clone(), old.revision).delete(keys::file(&old.value.file))
                }
            };
            txn = txn.put(keys::file(&record.file), "").put_json(part.clone(), &record);
            staged.hold();
            let error = match self.meta.commit(txn).await {
                Ok(_) => {
                    staged.keep();
                    self.unlink(old.into_iter().map(|old| old.value.file).collect()).await;
                    return Ok(part_info(number, record));
                }
                Err(error) => error,
            };
            if did_not_happen(&error) {
                staged.release();
            }
            match error {
                CommitError::Conflict { key } if key == at => {
                    return Err(ObjectError::NoSuchUpload { upload });
                }
                CommitError::Conflict { .. } => {}
                CommitError::Meta(error) => return Err(error.into()),
            }
        }
        Err(ObjectError::Contended { bucket, key })
    }
}

/// A part that is being written.
pub struct PartWriter {
    objects: Objects,
    place: Place,
    file: FileWriter,
}

impl PartWriter {
    /// Takes the next bytes. Waits for the disk when a batch is full.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectError> {
        self.file.write(bytes).await
    }

    /// A checksum that came after the bytes. Its algorithm must have been among the expected ones.
    pub fn expect_checksum(&mut self, algorithm: ChecksumAlgorithm, value: String) {
        self.file.expect_checksum(algorithm, value);
    }

    /// Makes the part durable.
    pub async fn finish(self) -> Result<PartInfo, ObjectError> {
        let blob = self.file.finish().await?;
        self.objects.store_part(self.place, blob).await
    }
}

fn part_info(number: u32, record: PartRecord) -> PartInfo {
    PartInfo {
        number,
        size: record.size,
        etag: record.etag,
        modified: record.modified,
        checksums: record.checksums,
    }
}
