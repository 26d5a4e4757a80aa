//! Iceberg's file interface over our buckets, and one that only gathers what is written.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use ::iceberg::io::{
    FileIO, FileIOBuilder, FileMetadata, FileRead, FileWrite, InputFile, OutputFile, Storage, StorageConfig,
    StorageFactory,
};
use ::iceberg::{Error, ErrorKind, Result};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::BoxStream;
use objects::{ByteRange, ListRequest, ObjectError, ObjectWriter, Objects, PutOptions};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Keys deleted or listed at once.
const KEYS_PAGE: usize = 1_000;

/// Reads and writes `s3://bucket/key` in these buckets.
pub(super) fn file_io(objects: &Objects) -> FileIO {
    FileIOBuilder::new(Arc::new(ObjectFiles { objects: objects.clone() })).build()
}

/// The bucket and key a file's location names; the scheme may be `s3`, `s3a` or `s3n`.
pub(super) fn split(location: &str) -> Result<(&str, &str)> {
    let fail =
        || Error::new(ErrorKind::DataInvalid, format!("{location} is not of the form s3://bucket/key"));
    let (scheme, rest) = location.split_once("://").ok_or_else(fail)?;
    if !matches!(scheme, "s3" | "s3a" | "s3n") {
        return Err(fail());
    }
    let (bucket, key) = rest.split_once('/').ok_or_else(fail)?;
    if bucket.is_empty() || key.is_empty() { Err(fail()) } else { Ok((bucket, key)) }
}

#[derive(Clone)]
struct ObjectFiles {
    objects: Objects,
}

impl fmt::Debug for ObjectFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ObjectFiles")
    }
}

/// The handle is of this process; sending it to another has no meaning.
impl Serialize for ObjectFiles {
    fn serialize<S: Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("a handle to objects cannot be written down"))
    }
}

impl<'de> Deserialize<'de> for ObjectFiles {
    fn deserialize<D: Deserializer<'de>>(_: D) -> std::result::Result<Self, D::Error> {
        Err(serde::de::Error::custom("a handle to objects cannot be read back"))
    }
}

#[typetag::serde(name = "mulgil-objects")]
impl StorageFactory for ObjectFiles {
    fn build(&self, _: &StorageConfig) -> Result<Arc<dyn Storage>> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
#[typetag::serde(name = "mulgil-objects")]
impl Storage for ObjectFiles {
    async fn exists(&self, path: &str) -> Result<bool> {
        let (bucket, key) = split(path)?;
        match self.objects.head(bucket, key).await {
            Ok(_) => Ok(true),
            Err(ObjectError::NoSuchKey { .. } | ObjectError::NoSuchBucket { .. }) => Ok(false),
            Err(error) => Err(failed(path, error)),
        }
    }

    async fn metadata(&self, path: &str) -> Result<FileMetadata> {
        let (bucket, key) = split(path)?;
        let info = self.objects.head(bucket, key).await.map_err(|error| failed(path, error))?;
        Ok(FileMetadata { size: info.size })
    }

    async fn read(&self, path: &str) -> Result<Bytes> {
        let (bucket, key) = split(path)?;
        self.objects.get_bytes(bucket, key, None).await.map_err(|error| failed(path, error))
    }

    async fn reader(&self, path: &str) -> Result<Box<dyn FileRead>> {
        split(path)?;
        Ok(Box::new(Reader { objects: self.objects.clone(), path: path.to_owned() }))
    }

    async fn write(&self, path: &str, bytes: Bytes) -> Result<()> {
        let (bucket, key) = split(path)?;
        let put = self.objects.put(bucket, key, bytes, PutOptions::default()).await;
        put.map(|_| ()).map_err(|error| failed(path, error))
    }

    async fn writer(&self, path: &str) -> Result<Box<dyn FileWrite>> {
        let (bucket, key) = split(path)?;
        let writer = self.objects.writer(bucket, key, PutOptions::default()).await;
        let writer = writer.map_err(|error| failed(path, error))?;
        Ok(Box::new(Writer { path: path.to_owned(), writer: Some(writer) }))
    }

    async fn delete(&self, path: &str) -> Result<()> {
        let (bucket, key) = split(path)?;
        self.objects.delete(bucket, key).await.map(|_| ()).map_err(|error| failed(path, error))
    }

    async fn delete_prefix(&self, path: &str) -> Result<()> {
        let folder = crate::location::parse(path)
            .map_err(|error| Error::new(ErrorKind::DataInvalid, "no folder").with_source(error))?;
        let request =
            ListRequest { prefix: folder.prefix, delimiter: None, start_after: None, limit: KEYS_PAGE };
        loop {
            let page =
                self.objects.list(&folder.bucket, &request).await.map_err(|error| failed(path, error))?;
            if page.objects.is_empty() {
                return Ok(());
            }
            let keys: Vec<String> = page.objects.into_iter().map(|object| object.key).collect();
            let deleted = self.objects.delete_many(&folder.bucket, &keys).await;
            for one in deleted.map_err(|error| failed(path, error))? {
                one.map_err(|error| failed(path, error))?;
            }
        }
    }

    async fn delete_stream(&self, mut paths: BoxStream<'static, String>) -> Result<()> {
        while let Some(path) = paths.next().await {
            self.delete(&path).await?;
        }
        Ok(())
    }

    fn new_input(&self, path: &str) -> Result<InputFile> {
        Ok(InputFile::new(Arc::new(self.clone()), path.to_owned()))
    }

    fn new_output(&self, path: &str) -> Result<OutputFile> {
        Ok(OutputFile::new(Arc::new(self.clone()), path.to_owned()))
    }
}

struct Reader {
    objects: Objects,
    path: String,
}

#[async_trait]
impl FileRead for Reader {
    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let (bucket, key) = split(&self.path)?;
        let range = ByteRange::FromTo(range.start, range.end);
        self.objects.get_bytes(bucket, key, Some(range)).await.map_err(|error| failed(&self.path, error))
    }
}

struct Writer {
    path: String,
    /// `None` once closed.
    writer: Option<ObjectWriter>,
}

#[async_trait]
impl FileWrite for Writer {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let Some(writer) = &mut self.writer else { return Err(closed(&self.path)) };
        writer.write(bytes).await.map_err(|error| failed(&self.path, error))
    }

    async fn close(&mut self) -> Result<()> {
        let Some(writer) = self.writer.take() else { return Err(closed(&self.path)) };
        writer.finish().await.map(|_| ()).map_err(|error| failed(&self.path, error))
    }
}

/// Files that are written and not yet anywhere: iceberg's writers insist on a file of their own, and a
/// commit wants all of its files to appear at once.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Gathered {
    #[serde(skip)]
    files: Arc<Mutex<BTreeMap<String, Bytes>>>,
}

impl Gathered {
    pub(super) fn output(&self, path: &str) -> OutputFile {
        OutputFile::new(Arc::new(self.clone()), path.to_owned())
    }

    pub(super) fn add(&self, path: &str, bytes: Bytes) {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), bytes);
    }

    /// Everything written so far, by location.
    pub(super) fn take(&self) -> BTreeMap<String, Bytes> {
        std::mem::take(&mut *self.files.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Gathering {
    into: Gathered,
    path: String,
    bytes: BytesMut,
}

#[async_trait]
impl FileWrite for Gathering {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn close(&mut self) -> Result<()> {
        let bytes = std::mem::take(&mut self.bytes).freeze();
        self.into.add(&self.path, bytes);
        Ok(())
    }
}

#[async_trait]
#[typetag::serde(name = "mulgil-gathered")]
impl Storage for Gathered {
    async fn exists(&self, _: &str) -> Result<bool> {
        Ok(false)
    }

    async fn metadata(&self, path: &str) -> Result<FileMetadata> {
        Err(write_only(path))
    }

    async fn read(&self, path: &str) -> Result<Bytes> {
        Err(write_only(path))
    }

    async fn reader(&self, path: &str) -> Result<Box<dyn FileRead>> {
        Err(write_only(path))
    }

    async fn write(&self, path: &str, bytes: Bytes) -> Result<()> {
        self.add(path, bytes);
        Ok(())
    }

    async fn writer(&self, path: &str) -> Result<Box<dyn FileWrite>> {
        Ok(Box::new(Gathering { into: self.clone(), path: path.to_owned(), bytes: BytesMut::new() }))
    }

    async fn delete(&self, path: &str) -> Result<()> {
        Err(write_only(path))
    }

    async fn delete_prefix(&self, path: &str) -> Result<()> {
        Err(write_only(path))
    }

    async fn delete_stream(&self, _: BoxStream<'static, String>) -> Result<()> {
        Err(write_only("a list of files"))
    }

    fn new_input(&self, path: &str) -> Result<InputFile> {
        Err(write_only(path))
    }

    fn new_output(&self, path: &str) -> Result<OutputFile> {
        Ok(self.output(path))
    }
}

fn failed(path: &str, error: ObjectError) -> Error {
    Error::new(ErrorKind::Unexpected, format!("{path} cannot be accessed")).with_source(error)
}

fn closed(path: &str) -> Error {
    Error::new(ErrorKind::Unexpected, format!("{path} is closed"))
}

fn write_only(path: &str) -> Error {
    Error::new(ErrorKind::FeatureUnsupported, format!("{path} is only written here"))
}
