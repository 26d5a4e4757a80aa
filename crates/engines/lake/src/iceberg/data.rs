//! Rows to data files: split by partition, encoded on blocking threads, stored while they grow.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use ::iceberg::arrow::RecordBatchPartitionSplitter;
use ::iceberg::spec::{
    DataContentType, DataFile, DataFileBuilder, DataFileFormat, PartitionSpecRef, Schema, Struct,
};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use objects::{EtagKind, ObjectError, ObjectWriter, Objects, PutOptions, Staged};
use parquet::file::metadata::ParquetMetaData;
use rt::{Rt, Task};

use super::storage::split;
use super::{Iceberg, IcebergError, IcebergTable, metrics, schema};
use crate::parquet::{ParquetSettings, Writer};
use crate::partition::escape;

/// How data files are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSettings {
    pub parquet: ParquetSettings,
    /// Bytes after which a file is closed and the next begins. Default 512 MiB, iceberg's own.
    pub file_bytes_max: u64,
    /// Bytes of rows being encoded, over all partitions, and of those on their way to the disk; half is for
    /// each. Beyond it the largest row group is closed. Default 256 MiB.
    pub memory_bytes_max: usize,
    /// Files open at once; beyond it the largest is closed. Default 500.
    pub files_open_max: usize,
}

impl Default for DataSettings {
    fn default() -> DataSettings {
        DataSettings {
            parquet: ParquetSettings::default(),
            file_bytes_max: 512 << 20,
            memory_bytes_max: 256 << 20,
            files_open_max: 500,
        }
    }
}

/// A file that a commit may add: durable, and not visible before.
pub struct NewFile {
    pub staged: Staged,
    pub file: DataFile,
    /// The partition spec its partition value is of.
    pub spec_id: i32,
}

/// Rows that went, in their order, to the positions from `first` on of one data file.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The file's location.
    pub file: Arc<str>,
    pub first: u64,
    pub rows: RecordBatch,
}

/// Writes rows into data files of one table: while some are encoded, those before are stored. Dropping it leaves
/// nothing behind.
pub struct DataWriter {
    rt: Rt,
    /// `None` while it is at work.
    encoder: Option<Encoder>,
    store: Storing,
    spec: PartitionSpecRef,
    schema: Arc<Schema>,
}

enum Storing {
    Idle(Box<Store>),
    Busy(Task<Result<Box<Store>, IcebergError>>),
    Failed,
}

/// The files on their way to the disk.
struct Store {
    objects: Objects,
    spec_id: i32,
    outputs: HashMap<usize, ObjectWriter>,
    done: Vec<NewFile>,
}

impl Iceberg {
    /// A writer of rows with the schema [`DataWriter::schema`], which is the table's current one.
    pub fn data_writer(
        &self,
        table: &IcebergTable,
        settings: DataSettings,
    ) -> Result<DataWriter, IcebergError> {
        self.data_writer_with(table, table.metadata().current_schema().clone(), settings)
    }

    /// As [`Iceberg::data_writer`] with a schema that the commit of the files will make the table's.
    pub fn data_writer_with(
        &self,
        table: &IcebergTable,
        schema: Arc<Schema>,
        settings: DataSettings,
    ) -> Result<DataWriter, IcebergError> {
        let metadata = table.metadata();
        let spec = metadata.default_partition_spec().clone();
        let splitter = splitter(&spec, &schema)?;
        let data_path = metadata.properties().get("write.data.path");
        let folder = match data_path {
            Some(path) => path.trim_end_matches('/').to_owned(),
            None => format!("{}/data", metadata.location()),
        };
        let encoder = Encoder {
            arrow: schema::to_arrow(&schema)?,
            schema: schema.clone(),
            spec: spec.clone(),
            splitter,
            settings,
            folder,
            rt: self.rt.clone(),
            open: HashMap::new(),
            next: 0,
        };
        let store = Store {
            objects: self.objects.clone(),
            spec_id: spec.spec_id(),
            outputs: HashMap::new(),
            done: Vec::new(),
        };
        Ok(DataWriter {
            rt: self.rt.clone(),
            encoder: Some(encoder),
            store: Storing::Idle(Box::new(store)),
            spec,
            schema,
        })
    }
}

impl DataWriter {
    /// What the rows look like.
    pub fn schema(&self) -> &SchemaRef {
        &self.encoder.as_ref().expect("a writer is used by one task").arrow
    }

    /// Takes rows, and says where they are.
    pub async fn write(&mut self, rows: RecordBatch) -> Result<Vec<Placed>, IcebergError> {
        if rows.num_rows() == 0 {
            return Ok(Vec::new());
        }
        let (placed, ready) = self.encode(move |encoder| encoder.write(&rows)).await?;
        self.store(ready).await?;
        Ok(placed)
    }

    /// Goes on with another schema, one that the commit of the files will make the table's. What was written
    /// so far is closed.
    pub async fn evolve(&mut self, schema: Arc<Schema>) -> Result<(), IcebergError> {
        let ready = self.encode(Encoder::close_all).await?;
        self.store(ready).await?;
        let encoder = self.encoder.as_mut().expect("a writer is used by one task");
        encoder.arrow = schema::to_arrow(&schema)?;
        encoder.splitter = splitter(&self.spec, &schema)?;
        encoder.schema = Arc::clone(&schema);
        self.schema = schema;
        Ok(())
    }

    /// Bytes of memory held by files that are not closed.
    pub fn memory_size(&self) -> usize {
        self.encoder.as_ref().map_or(0, Encoder::memory_size)
    }

    /// Closes all files.
    pub async fn finish(mut self) -> Result<Vec<NewFile>, IcebergError> {
        let ready = self.encode(Encoder::close_all).await?;
        self.store(ready).await?;
        Ok(self.stored().await?.done)
    }

    async fn encode<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Encoder) -> Result<T, IcebergError> + Send + 'static,
    ) -> Result<T, IcebergError> {
        let mut encoder = self.encoder.take().expect("a writer is used by one task");
        let (encoder, done) = self
            .rt
            .blocking("iceberg encode", move || {
                let done = work(&mut encoder);
                (encoder, done)
            })
            .await;
        self.encoder = Some(encoder);
        done
    }

    /// Begins to store these, once those before are stored.
    async fn store(&mut self, ready: Vec<Ready>) -> Result<(), IcebergError> {
        if ready.is_empty() {
            return Ok(());
        }
        let mut store = self.stored().await?;
        let schema = Arc::clone(&self.schema);
        self.store = Storing::Busy(self.rt.spawn("iceberg store", async move {
            for ready in ready {
                store.take(ready, &schema).await?;
            }
            Ok(store)
        }));
        Ok(())
    }

    /// Waits for what is being stored.
    async fn stored(&mut self) -> Result<Box<Store>, IcebergError> {
        match std::mem::replace(&mut self.store, Storing::Failed) {
            Storing::Idle(store) => Ok(store),
            Storing::Busy(task) => task.await.map_err(failed)?,
            Storing::Failed => Err(failed("an earlier write of these files failed")),
        }
    }
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> IcebergError {
    ObjectError::from(io::Error::other(error)).into()
}

impl Store {
    async fn take(&mut self, ready: Ready, schema: &Schema) -> Result<(), IcebergError> {
        let Ready { file, location, bytes, closed } = ready;
        let (bucket, key) = split(&location)?;
        let mut output = match self.outputs.remove(&file) {
            Some(output) => output,
            None => {
                let options = PutOptions { etag: EtagKind::Unique, ..PutOptions::default() };
                self.objects.writer(bucket, key, options).await?
            }
        };
        for bytes in bytes {
            output.write(bytes).await?;
        }
        let Some(closed) = closed else {
            // Many files wait for their next row group: none of them keeps the end of this one in memory.
            output.flush().await?;
            self.outputs.insert(file, output);
            return Ok(());
        };
        let staged = output.stage().await?;
        let mut file = DataFileBuilder::default();
        file.content(DataContentType::Data)
            .file_path(location.to_string())
            .file_format(DataFileFormat::Parquet)
            .partition(closed.partition)
            .partition_spec_id(self.spec_id)
            .file_size_in_bytes(staged.size());
        metrics::describe(&mut file, &closed.footer, schema);
        let file = file.build().map_err(|error| IcebergError::Invalid(error.to_string()))?;
        self.done.push(NewFile { staged, file, spec_id: self.spec_id });
        Ok(())
    }
}

fn splitter(
    spec: &PartitionSpecRef,
    schema: &Arc<Schema>,
) -> Result<Option<RecordBatchPartitionSplitter>, IcebergError> {
    if spec.is_unpartitioned() {
        return Ok(None);
    }
    let splitter = RecordBatchPartitionSplitter::try_new_with_computed_values(schema.clone(), spec.clone())?;
    Ok(Some(splitter))
}

/// Everything of a writer that computes and never waits.
struct Encoder {
    arrow: SchemaRef,
    schema: Arc<Schema>,
    spec: PartitionSpecRef,
    splitter: Option<RecordBatchPartitionSplitter>,
    settings: DataSettings,
    folder: String,
    rt: Rt,
    open: HashMap<Struct, OpenFile>,
    next: usize,
}

struct OpenFile {
    id: usize,
    location: Arc<str>,
    writer: Writer,
    rows: u64,
}

/// Bytes of a file to be stored after those before.
struct Ready {
    file: usize,
    location: Arc<str>,
    bytes: Vec<Bytes>,
    closed: Option<Closed>,
}

struct Closed {
    partition: Struct,
    footer: ParquetMetaData,
}

impl Encoder {
    fn write(&mut self, rows: &RecordBatch) -> Result<(Vec<Placed>, Vec<Ready>), IcebergError> {
        let parts = match &self.splitter {
            None => vec![(Struct::empty(), rows.clone())],
            Some(splitter) => {
                let parts = splitter.split(rows)?;
                parts.into_iter().map(|(key, rows)| (key.data().clone(), rows)).collect()
            }
        };
        let mut placed = Vec::with_capacity(parts.len());
        let mut ready = Vec::new();
        for (partition, rows) in parts {
            let count = rows.num_rows() as u64;
            let file = self.file(&partition)?;
            file.writer.write(&rows)?;
            placed.push(Placed { file: Arc::clone(&file.location), first: file.rows, rows });
            file.rows += count;
            let bytes = file.writer.take_flushed();
            if !bytes.is_empty() {
                let (id, location) = (file.id, Arc::clone(&file.location));
                ready.push(Ready { file: id, location, bytes, closed: None });
            }
            if file.writer.size_estimate() as u64 >= self.settings.file_bytes_max {
                ready.push(self.close(&partition)?);
            }
        }
        while self.open.len() > self.settings.files_open_max {
            let Some(partition) = self.largest() else { break };
            ready.push(self.close(&partition)?);
        }
        while self.memory_size() > self.settings.memory_bytes_max / 2 {
            let Some(partition) = self.largest() else { break };
            ready.push(self.close_group(&partition)?);
        }
        Ok((placed, ready))
    }

    /// The partition whose file holds most memory.
    fn largest(&self) -> Option<Struct> {
        let largest = self.open.iter().max_by_key(|(_, file)| (file.writer.memory_size(), file.id));
        largest.map(|(partition, _)| partition.clone())
    }

    fn close_group(&mut self, partition: &Struct) -> Result<Ready, IcebergError> {
        let file = self.file(partition)?;
        file.writer.close_group()?;
        let bytes = file.writer.take_flushed();
        Ok(Ready { file: file.id, location: Arc::clone(&file.location), bytes, closed: None })
    }

    fn file(&mut self, partition: &Struct) -> Result<&mut OpenFile, IcebergError> {
        if !self.open.contains_key(partition) {
            let writer = Writer::new(self.arrow.clone(), &self.settings.parquet)?;
            let location = self.location(partition).into();
            let file = OpenFile { id: self.next, location, writer, rows: 0 };
            self.next += 1;
            self.open.insert(partition.clone(), file);
        }
        Ok(self.open.get_mut(partition).expect("it was just inserted"))
    }

    fn location(&self, partition: &Struct) -> String {
        let mut location = self.folder.clone();
        let type_ = self.spec.partition_type(&self.schema);
        for (at, field) in self.spec.fields().iter().enumerate() {
            let value = &partition.fields()[at];
            let text = match &type_ {
                Ok(type_) => field.transform.to_human_string(&type_.fields()[at].field_type, value.as_ref()),
                Err(_) => String::new(),
            };
            location.push('/');
            location.push_str(&escape(&field.name));
            location.push('=');
            location.push_str(&escape(&text));
        }
        format!("{location}/{}.parquet", self.rt.uuid())
    }

    fn close(&mut self, partition: &Struct) -> Result<Ready, IcebergError> {
        let OpenFile { id, location, writer, .. } =
            self.open.remove(partition).expect("only open files are closed");
        let (bytes, footer) = writer.finish_with_footer()?;
        Ok(Ready { file: id, location, bytes, closed: Some(Closed { partition: partition.clone(), footer }) })
    }

    fn close_all(&mut self) -> Result<Vec<Ready>, IcebergError> {
        let mut open: Vec<(usize, Struct)> =
            self.open.iter().map(|(partition, file)| (file.id, partition.clone())).collect();
        open.sort_by_key(|(id, _)| *id);
        open.iter().map(|(_, partition)| self.close(partition)).collect()
    }

    fn memory_size(&self) -> usize {
        self.open.values().map(|file| file.writer.memory_size()).sum()
    }
}
