use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use rt::Task;

use crate::checksum::Hashes;
use crate::files::{Files, StagedFile};
use crate::passing;
use crate::publish::{Blob, Staged};
use crate::record::Described;
use crate::{ChecksumAlgorithm, EtagKind, Expected, ObjectError, ObjectInfo, Objects, PutOptions};

/// Bytes that are gathered before they are handed to the disk. A writer holds at most one batch that is
/// being written, one that is being gathered, and the chunk that overflowed it. Nor is more written at once:
/// Linux takes large pages for large writes, which a virtual machine may have to ask its host for.
const BATCH_BYTES: usize = 1 << 20;

/// So much of an object may stay in the system's memory: small ones are often read again at once.
const KEPT_BYTES: u64 = 8 << 20;

impl Objects {
    /// Stores the bytes as one object.
    pub async fn put(
        &self,
        bucket: &str,
        key: &str,
        body: Bytes,
        options: PutOptions,
    ) -> Result<ObjectInfo, ObjectError> {
        let mut writer = self.writer(bucket, key, options).await?;
        writer.file.gather(body);
        writer.finish().await
    }

    /// Begins an object whose bytes come in pieces. It becomes visible with
    /// [`finish`](ObjectWriter::finish) or with [`Objects::publish`], and leaves nothing behind if it is
    /// dropped before.
    pub async fn writer(
        &self,
        bucket: &str,
        key: &str,
        options: PutOptions,
    ) -> Result<ObjectWriter, ObjectError> {
        self.require_bucket(bucket).await?;
        self.bound_doubt().await?;
        let PutOptions { content_type, headers, user_metadata, tags, condition, expected, etag } = options;
        Ok(ObjectWriter {
            objects: self.clone(),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            condition,
            described: Described { content_type, headers, user_metadata, tags },
            file: FileWriter::new(self.files.clone(), expected, etag),
        })
    }
}

/// An object that is being written.
pub struct ObjectWriter {
    objects: Objects,
    bucket: String,
    key: String,
    condition: Option<crate::Condition>,
    described: Described,
    file: FileWriter,
}

impl ObjectWriter {
    /// Takes the next bytes. Waits for the disk when a batch is full.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectError> {
        #[cfg(feature = "faults")]
        self.objects.before(crate::faults::at::OBJECTS_WRITE).await?;
        self.file.write(bytes).await
    }

    /// Returns when the bytes taken so far are written and hold no memory here; they are durable with
    /// [`stage`](ObjectWriter::stage).
    pub async fn flush(&mut self) -> Result<(), ObjectError> {
        self.file.flush().await
    }

    /// The bytes taken so far.
    pub fn size(&self) -> u64 {
        self.file.size
    }

    /// A checksum that came after the bytes. Its algorithm must have been among the expected ones.
    pub fn expect_checksum(&mut self, algorithm: ChecksumAlgorithm, value: String) {
        self.file.expected.checksums.insert(algorithm, Some(value));
    }

    /// Makes the object durable and visible.
    pub async fn finish(self) -> Result<ObjectInfo, ObjectError> {
        let objects = self.objects.clone();
        let staged = self.stage().await?;
        objects.publish_one(staged).await
    }

    /// Makes the bytes durable; [`Objects::publish`] makes them visible. Dropping the result takes the
    /// bytes away again.
    pub async fn stage(self) -> Result<Staged, ObjectError> {
        #[cfg(feature = "faults")]
        self.objects.before(crate::faults::at::OBJECTS_STAGE).await?;
        let blob = self.file.finish().await?;
        #[cfg(feature = "faults")]
        self.objects.after(crate::faults::at::OBJECTS_STAGE).await?;
        Ok(Staged {
            bucket: self.bucket,
            key: self.key,
            condition: self.condition,
            described: self.described,
            blob,
        })
    }
}

/// A file that is being written and digested on blocking threads, one batch at a time.
pub(crate) struct FileWriter {
    files: Arc<Files>,
    expected: Expected,
    etag: EtagKind,
    pub(crate) size: u64,
    gathered: Vec<Bytes>,
    gathered_bytes: usize,
    sink: Sink,
}

enum Sink {
    New,
    Writing(Task<io::Result<Open>>),
    Written(Open),
    Failed,
}

struct Open {
    file: File,
    staged: StagedFile,
    hashes: Hashes,
    written: u64,
}

impl FileWriter {
    pub(crate) fn new(files: Arc<Files>, expected: Expected, etag: EtagKind) -> FileWriter {
        // What was announced is compared with the digest.
        let etag = if expected.md5.is_some() { EtagKind::Md5 } else { etag };
        FileWriter {
            files,
            expected,
            etag,
            size: 0,
            gathered: Vec::new(),
            gathered_bytes: 0,
            sink: Sink::New,
        }
    }

    pub(crate) fn expect_checksum(&mut self, algorithm: ChecksumAlgorithm, value: String) {
        self.expected.checksums.insert(algorithm, Some(value));
    }

    pub(crate) fn gather(&mut self, bytes: Bytes) {
        self.size += bytes.len() as u64;
        self.gathered_bytes += bytes.len();
        self.gathered.push(bytes);
    }

    pub(crate) async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectError> {
        self.gather(bytes);
        if self.gathered_bytes < BATCH_BYTES { Ok(()) } else { self.append().await }
    }

    pub(crate) async fn flush(&mut self) -> Result<(), ObjectError> {
        if self.gathered_bytes > 0 {
            self.append().await?;
        }
        self.sink = self.settle().await?.map_or(Sink::New, Sink::Written);
        Ok(())
    }

    /// Begins to write what was gathered.
    async fn append(&mut self) -> Result<(), ObjectError> {
        if let Some(expected) = self.expected.size
            && self.size > expected
        {
            return Err(ObjectError::SizeMismatch { expected, received: self.size });
        }
        let open = self.settle().await?;
        let (rt, files, etag) = (self.files.rt.clone(), self.files.clone(), self.etag);
        let batch = std::mem::take(&mut self.gathered);
        self.gathered_bytes = 0;
        let algorithms: Vec<_> = self.expected.checksums.keys().copied().collect();
        let work = rt.clone();
        self.sink = Sink::Writing(rt.spawn("objects write", async move {
            work.blocking("objects write", move || Open::append(open, &files, etag, algorithms, &batch)).await
        }));
        Ok(())
    }

    /// Writes the rest and returns when all of it is on disk and is what was expected.
    pub(crate) async fn finish(mut self) -> Result<Blob, ObjectError> {
        if let Some(expected) = self.expected.size
            && self.size != expected
        {
            return Err(ObjectError::SizeMismatch { expected, received: self.size });
        }
        let open = self.settle().await?;
        let FileWriter { files, expected, etag, size, gathered, .. } = self;
        let algorithms: Vec<_> = expected.checksums.keys().copied().collect();
        let rt = files.rt.clone();
        let (staged, hashed) = rt
            .blocking("objects write", move || {
                let open = Open::append(open, &files, etag, algorithms, &gathered)?;
                let hashed = open.hashes.finish();
                expected.compare(&hashed)?;
                open.file.sync_data()?;
                files.sync_name(&open.staged.id)?;
                Ok::<_, ObjectError>((open.staged, hashed))
            })
            .await?;
        let etag = match hashed.md5 {
            Some(md5) => hex::encode(md5),
            None => format!("{}-1", staged.id.as_str()),
        };
        Ok(Blob { staged, size, etag, checksums: hashed.checksums })
    }

    /// Waits for the batch that is being written.
    async fn settle(&mut self) -> Result<Option<Open>, ObjectError> {
        match std::mem::replace(&mut self.sink, Sink::Failed) {
            Sink::New => Ok(None),
            Sink::Written(open) => Ok(Some(open)),
            Sink::Writing(task) => match task.await {
                Ok(open) => Ok(Some(open?)),
                Err(error) => Err(io::Error::other(error).into()),
            },
            Sink::Failed => Err(io::Error::other("an earlier write of this object failed").into()),
        }
    }
}

impl Open {
    fn append(
        open: Option<Open>,
        files: &Arc<Files>,
        etag: EtagKind,
        algorithms: Vec<ChecksumAlgorithm>,
        batch: &[Bytes],
    ) -> io::Result<Open> {
        let mut open = match open {
            Some(open) => open,
            None => {
                let (file, staged) = files.create()?;
                Open { file, staged, hashes: Hashes::new(etag, algorithms.into_iter()), written: 0 }
            }
        };
        for bytes in batch.iter().flat_map(|bytes| bytes.chunks(BATCH_BYTES)) {
            match open.written < KEPT_BYTES {
                true => open.file.write_all(bytes)?,
                false => passing::write_all(&open.file, bytes)?,
            }
            open.written += bytes.len() as u64;
            open.hashes.update(bytes);
        }
        Ok(open)
    }
}
