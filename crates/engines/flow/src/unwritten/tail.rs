//! The pending records of one delivery as rows.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use lake::Table;
use lake::live::LiveRows;
use log::{Offset, Partition, ReadLimit, Topic};

use crate::backlog::{self, Backlog};
use crate::convert::{Converter, Group};
use crate::encode::Payload;
use crate::parts::Parts;
use crate::plan::{Draft, Plan, Span};
use crate::reader::{Reader, read};
use crate::state::State;
use crate::{Encode, FlowError, FlowSpec, ParquetEncode, TableVersion, register};

/// A piece with fewer source bytes than this is converted again together with what follows it, so that pieces
/// stay few.
const PIECE_BYTES_MIN: u64 = 1 << 20;

#[derive(Default)]
pub(crate) struct Tail {
    /// What the pieces were converted by.
    spec: Option<FlowSpec>,
    table: Option<Table>,
    backlog: Backlog,
    /// By partition of the source, consecutive.
    pieces: BTreeMap<u32, VecDeque<Piece>>,
}

/// Converted records, from an offset up to another.
struct Piece {
    from: Offset,
    to: Offset,
    bytes: u64,
    rows: Vec<LiveRows>,
}

impl Tail {
    /// The rows from the state's offsets up to the source's ends. `None`: they are too many to be held.
    pub(super) async fn rows(
        &mut self,
        parts: &Parts,
        state: &State,
        table: &Table,
    ) -> Result<Option<Vec<LiveRows>>, FlowError> {
        let topic = parts.log.topic(&state.spec.source.topic).await.map_err(FlowError::Source)?;
        let pending = self.backlog.look_at_all(&parts.log, &topic, &state.offsets).await?;
        if topic.incarnation != state.incarnation || pending.bytes() > parts.settings.live_bytes as u64 {
            self.pieces.clear();
            return Ok(None);
        }
        self.adopt(parts, &state.spec).await?;
        for partition in &topic.partitions {
            self.extend(parts, state, &topic, partition).await?;
        }
        let mut rows: Vec<LiveRows> = Vec::new();
        for piece in self.pieces.values().flatten() {
            rows.extend(piece.rows.iter().filter(|rows| visible(&state.spec, table, rows)).cloned());
        }
        Ok(Some(rows))
    }

    /// Forgets pieces that another spec or another version of the table would make otherwise.
    async fn adopt(&mut self, parts: &Parts, spec: &FlowSpec) -> Result<(), FlowError> {
        let table = table_of(parts, spec).await?;
        if self.spec.as_ref() != Some(spec) || self.table != table {
            self.pieces.clear();
            (self.spec, self.table) = (Some(spec.clone()), table);
        }
        Ok(())
    }

    /// Brings the pieces of a partition to exactly what is pending in it now.
    async fn extend(
        &mut self,
        parts: &Parts,
        state: &State,
        topic: &Topic,
        partition: &Partition,
    ) -> Result<(), FlowError> {
        let start = state.offsets.get(&partition.index).copied().unwrap_or(0);
        let mut pieces = self.pieces.remove(&partition.index).unwrap_or_default();
        while pieces.front().is_some_and(|piece| piece.from < start) {
            pieces.pop_front();
        }
        // What was committed up to may lie within a piece: the rest of it is converted anew.
        let gap = pieces.front().map(|first| first.from).filter(|first| *first > start);
        if let Some(end) = gap {
            let mut before = VecDeque::new();
            self.convert(
                parts,
                topic,
                Span { partition: partition.index, from: start, to: end },
                &mut before,
            )
            .await?;
            before.append(&mut pieces);
            pieces = before;
        }
        let mut from = pieces.back().map_or(start, |last| last.to);
        if from < partition.tail {
            if let Some(last) = pieces.pop_back_if(|last| last.bytes < PIECE_BYTES_MIN) {
                from = last.from;
            }
            let span = Span { partition: partition.index, from, to: partition.tail };
            self.convert(parts, topic, span, &mut pieces).await?;
        }
        self.pieces.insert(partition.index, pieces);
        Ok(())
    }

    /// Converts the records of a span, in windows that share a prefix as batches do.
    async fn convert(
        &self,
        parts: &Parts,
        topic: &Topic,
        mut span: Span,
        pieces: &mut VecDeque<Piece>,
    ) -> Result<(), FlowError> {
        let Some(spec) = &self.spec else { return Ok(()) };
        let names = spec.names()?;
        while span.from < span.to {
            let one = ReadLimit { records: 1, bytes: 1 };
            let page = read(&parts.log, &topic.id, span.partition, span.from, one).await?;
            let Some(first) = page.records.first() else { return Ok(()) };
            let oldest = first.at;
            let mut window = Span { from: span.from.max(first.offset), ..span };
            if let Some(boundary) = names.prefix.changes_after(oldest, names.zone) {
                let cut = backlog::cut(&parts.log, &topic.id, vec![window], boundary).await?;
                window = cut.first().copied().unwrap_or(window);
            }
            let table = self.table.clone();
            let (spans, bytes) = (vec![window], u64::MAX);
            let draft = Draft { batch: 0, spec, names: &names, oldest, spans, source_bytes: 0, bytes, table };
            let mut plan = draft.plan(&parts.rt);
            plan.turn_bytes = u64::MAX;
            plan.backup_key = None;
            if let Encode::Iceberg(iceberg) = &mut plan.spec.encode {
                // Who asks for a table does not make one.
                iceberg.warehouse = None;
            }
            self.window(parts, &plan, window.from, pieces).await?;
            span.from = window.to;
        }
        Ok(())
    }

    async fn window(
        &self,
        parts: &Parts,
        plan: &Plan,
        mut from: Offset,
        pieces: &mut VecDeque<Piece>,
    ) -> Result<(), FlowError> {
        let converter = Arc::new(Converter::new(plan, parts)?);
        let mut reader = Reader::new(parts.rt.clone(), parts.log.clone(), plan);
        while let Some(chunk) = reader.next().await? {
            let bytes = chunk.bytes as u64;
            let converted = Arc::clone(&converter).convert(parts.rt.clone(), chunk).await?;
            let to = reader.ends().next().map_or(from, |(_, end)| end);
            let rows = converted.groups.into_iter().filter_map(|group| self.rows_of(plan, group)).collect();
            pieces.push_back(Piece { from, to, bytes, rows });
            from = to;
        }
        // Nothing is left where the span ended in a hole.
        if let (Some(last), Some(span)) = (pieces.back_mut(), plan.spans.first())
            && last.to == from
        {
            last.to = last.to.max(span.to);
        }
        Ok(())
    }

    /// `None`: the object will not lie where the table looks for its rows.
    fn rows_of(&self, plan: &Plan, group: Group) -> Option<LiveRows> {
        let bytes = group.delivered.bytes;
        let batch = match group.payload {
            Payload::Table(table) => return Some(LiveRows { values: Vec::new(), batch: table.rows, bytes }),
            Payload::Rows(batch) => batch,
            _ => return None,
        };
        let table = self.table.as_ref()?;
        let key = match &plan.partitioned {
            Some(partitioned) => partitioned.object(&group.prefix, 0),
            None => plan.data_key.clone(),
        };
        let bucket = &plan.spec.sink.bucket;
        let values = if table.partition_keys.is_empty() {
            let location = lake::location::parse(table.storage.location.as_deref()?).ok()?;
            let below = key.strip_prefix(&location.prefix).filter(|_| location.bucket == *bucket)?;
            let hidden = below.split('/').any(|part| part.starts_with(['_', '.']));
            if hidden { None } else { Some(Vec::new()) }?
        } else {
            register::partition_of(table, bucket, &key)?.values
        };
        Some(LiveRows { values, batch, bytes })
    }
}

/// A partition that nobody adds to the table stays unseen.
fn visible(spec: &FlowSpec, table: &Table, rows: &LiveRows) -> bool {
    spec.register_partitions || table.partition_keys.is_empty() || rows.values.is_empty()
}

async fn table_of(parts: &Parts, spec: &FlowSpec) -> Result<Option<Table>, FlowError> {
    let catalog = parts.lake.catalog();
    Ok(Some(match &spec.encode {
        Encode::Parquet(parquet) => {
            let ParquetEncode { scope, database, table, version, .. } = parquet.as_ref();
            match version {
                TableVersion::Latest => catalog.table(scope, database, table).await?,
                TableVersion::Fixed(version) => {
                    catalog.table_version(scope, database, table, *version).await?
                }
            }
        }
        // Of what every commit makes new, only the columns say how records are read.
        Encode::Iceberg(iceberg) => match iceberg.tables.as_slice() {
            [only] => {
                let table = catalog.table(&iceberg.scope, &only.database, &only.table).await?;
                Table { columns: table.columns, ..Table::new(table.database, table.name) }
            }
            _ => return Ok(None),
        },
        Encode::Raw(_) | Encode::Requests(_) => return Ok(None),
    }))
}
