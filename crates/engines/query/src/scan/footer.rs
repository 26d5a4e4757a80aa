//! Reading Parquet files by ranges, their footers once.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::error::Result;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use lake::DataFile;
use objects::{ByteRange, Objects};
use parking_lot::Mutex;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::{AsyncFileReader, MetadataFetch};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use crate::answer::Stats;

/// Ranges that lie closer than this are read as one.
const COALESCE_GAP: u64 = 64 * 1024;

/// Decoded footers of files, by bucket, key and entity tag, up to a size; the longest unused go first.
pub(crate) struct FooterCache {
    limit: usize,
    state: Mutex<CacheState>,
}

#[derive(Default)]
struct CacheState {
    entries: HashMap<(String, String, String), Cached>,
    bytes: usize,
    clock: u64,
}

struct Cached {
    footer: Arc<ParquetMetaData>,
    bytes: usize,
    used: u64,
}

impl FooterCache {
    pub(crate) fn new(limit: usize) -> FooterCache {
        FooterCache { limit, state: Mutex::new(CacheState::default()) }
    }

    fn get(&self, file: &DataFile) -> Option<Arc<ParquetMetaData>> {
        let mut state = self.state.lock();
        state.clock += 1;
        let now = state.clock;
        let cached = state.entries.get_mut(&key(file))?;
        cached.used = now;
        Some(Arc::clone(&cached.footer))
    }

    fn put(&self, file: &DataFile, footer: Arc<ParquetMetaData>) {
        let bytes = footer.memory_size();
        if bytes > self.limit {
            return;
        }
        let mut state = self.state.lock();
        state.clock += 1;
        let used = state.clock;
        if let Some(old) = state.entries.insert(key(file), Cached { footer, bytes, used }) {
            state.bytes -= old.bytes;
        }
        state.bytes += bytes;
        while state.bytes > self.limit {
            let oldest =
                state.entries.iter().min_by_key(|(_, cached)| cached.used).map(|(key, _)| key.clone());
            let Some(removed) = oldest.and_then(|oldest| state.entries.remove(&oldest)) else { break };
            state.bytes -= removed.bytes;
        }
    }
}

fn key(file: &DataFile) -> (String, String, String) {
    (file.bucket.clone(), file.key.clone(), file.etag.clone())
}

/// Makes readers over `objects` that count what they read.
pub(super) struct Readers {
    pub(super) objects: Objects,
    pub(super) footers: Arc<FooterCache>,
    pub(super) stats: Arc<Stats>,
}

impl Readers {
    /// A reader of this file.
    pub(super) fn reader(&self, file: DataFile) -> Reader {
        Reader {
            objects: self.objects.clone(),
            footers: Arc::clone(&self.footers),
            stats: Arc::clone(&self.stats),
            file,
        }
    }
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Readers")
    }
}

impl ParquetFileReaderFactory for Readers {
    fn create_reader(
        &self,
        _partition: usize,
        file: PartitionedFile,
        _metadata_size_hint: Option<usize>,
        _metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let file = file.extension::<DataFile>().cloned().expect("every file of a scan carries its data file");
        Ok(Box::new(self.reader(file)))
    }
}

pub(super) struct Reader {
    objects: Objects,
    footers: Arc<FooterCache>,
    stats: Arc<Stats>,
    file: DataFile,
}

impl Reader {
    async fn read(&self, range: Range<u64>) -> parquet::errors::Result<Bytes> {
        let bytes = self
            .objects
            .get_bytes(&self.file.bucket, &self.file.key, Some(ByteRange::FromTo(range.start, range.end)))
            .await
            .map_err(|error| ParquetError::External(Box::new(super::failed(&self.file, &error))))?;
        self.stats.add_scanned(bytes.len() as u64);
        Ok(bytes)
    }
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        async move { self.read(range).await }.boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, parquet::errors::Result<Vec<Bytes>>> {
        async move {
            let mut blocks: Vec<(Range<u64>, Bytes)> = Vec::new();
            for block in coalesced(&ranges) {
                let bytes = self.read(block.clone()).await?;
                blocks.push((block, bytes));
            }
            let mut out = Vec::with_capacity(ranges.len());
            for range in ranges {
                let (block, bytes) = blocks
                    .iter()
                    .find(|(block, _)| block.start <= range.start && range.end <= block.end)
                    .ok_or_else(|| ParquetError::General("a range was not read".into()))?;
                let from = usize::try_from(range.start - block.start)?;
                let to = usize::try_from(range.end - block.start)?;
                out.push(bytes.slice(from..to.min(bytes.len())));
            }
            Ok(out)
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        async move {
            if let Some(footer) = self.footers.get(&self.file) {
                return Ok(footer);
            }
            let size = self.file.size;
            let footer = ParquetMetaDataReader::new().load_and_finish(Fetch(self), size).await?;
            let footer = Arc::new(footer);
            self.footers.put(&self.file, Arc::clone(&footer));
            Ok(footer)
        }
        .boxed()
    }
}

struct Fetch<'a>(&'a mut Reader);

impl MetadataFetch for Fetch<'_> {
    fn fetch(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        self.0.get_bytes(range)
    }
}

/// The fewest reads that cover `ranges` without reading over wide gaps.
fn coalesced(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut sorted = ranges.to_vec();
    sorted.sort_by_key(|range| range.start);
    let mut blocks: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        match blocks.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(COALESCE_GAP) => {
                last.end = last.end.max(range.end)
            }
            _ => blocks.push(range),
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_ranges_are_read_as_one_and_far_ones_are_not() {
        let far = COALESCE_GAP * 3;
        let blocks = coalesced(&[10..20, 0..5, far..far + 1]);
        assert_eq!(blocks, vec![0..20, far..far + 1]);
    }
}
