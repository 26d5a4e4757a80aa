//! Chunks to payloads: the operators, then the form in which records are encoded. Chunks may be converted at
//! the same time on several threads.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use bytes::Bytes;
use lake::Table;
use lake::json::Decoder;
use rt::Rt;

use crate::encode::{Payload, schema};
use crate::operators::{InlineStep, Step, steps};
use crate::parts::Parts;
use crate::plan::{PartitionedKey, Plan};
use crate::prefix::{KeyPart, KeySource};
use crate::reader::{Chunk, Origin};
use crate::records::{Count, Errors, Failures, Keys, Records, Refusal, Tally, Work};
use crate::reject::{Attempt, Cause};
use crate::tables::Tables;
use crate::{Encode, FlowError};

/// The longest key an object may have.
const OBJECT_KEY_BYTES_MAX: usize = 1_024;

/// Turns chunks into payloads; shared by all that do so at the same time.
pub(crate) struct Converter {
    steps: Vec<Step>,
    kind: Kind,
    errors: Errors,
    /// How a record's keys become the prefix of its object.
    partitions: Option<Partitions>,
    /// Whether source records are kept.
    backup: bool,
}

enum Kind {
    Raw { delimiter: Vec<u8> },
    Rows(Decoder),
    Records,
    Tables(Arc<Tables>),
}

/// What became of a chunk.
pub(crate) struct Converted {
    /// In the order in which their first records came.
    pub(crate) groups: Vec<Group>,
    /// Of `groups` and of the records that left before.
    pub(crate) tally: Tally,
    pub(crate) failures: Failures,
    /// The source records one after the other, if they are kept.
    pub(crate) backup: Vec<u8>,
}

/// The records of a chunk that go to one object.
pub(crate) struct Group {
    /// Of the object's key; empty where the plan alone names the object.
    pub(crate) prefix: String,
    pub(crate) payload: Payload,
    pub(crate) delivered: Count,
    /// The records, where they may yet be refused.
    pub(crate) members: Vec<(Bytes, Origin)>,
}

struct Partitions {
    prefix: Vec<KeyPart>,
    /// Of an object's key behind its prefix.
    name_bytes: usize,
    /// Of an object's key without the values of keys.
    fixed_bytes: usize,
    query: Vec<String>,
    function: Vec<String>,
}

impl Converter {
    pub(crate) fn new(plan: &Plan, parts: &Parts) -> Result<Converter, FlowError> {
        let table: Option<&Table> = plan.table.as_ref();
        let kind = match &plan.spec.encode {
            Encode::Raw(raw) => {
                Kind::Raw { delimiter: raw.delimiter.as_deref().unwrap_or_default().as_bytes().to_vec() }
            }
            Encode::Requests(_) => Kind::Records,
            Encode::Parquet(parquet) => {
                let decoder = Decoder::new(schema(table)?, parquet.json.clone());
                Kind::Rows(decoder.map_err(|error| FlowError::Schema(Box::new(error)))?)
            }
            Encode::Iceberg(iceberg) => {
                Kind::Tables(Arc::new(Tables::new(parts.lake.clone(), iceberg.as_ref().clone())))
            }
        };
        let attempt = Attempt { planned: plan.planned, table_version: table.map(|table| table.version) };
        let partitions = plan.partitioned.as_ref().map(Partitions::new);
        Ok(Converter {
            steps: steps(plan, &parts.functions)?,
            kind,
            errors: Errors { shape: plan.spec.sink.errors.clone(), attempt },
            partitions,
            backup: plan.backup_key.is_some(),
        })
    }

    /// The lines of the error output are written by the same rules everywhere.
    pub(crate) fn errors(&self) -> &Errors {
        &self.errors
    }

    pub(crate) async fn convert(self: Arc<Self>, rt: Rt, chunk: Chunk) -> Result<Converted, FlowError> {
        let backup = if self.backup { chunk.data.concat() } else { Vec::new() };
        let mut work = Work::new(chunk);
        let (last, first) = self.steps.split_last().expect("a pipeline ends with a step that may be empty");
        for (index, step) in first.iter().enumerate() {
            work = match step {
                Step::Inline(steps) if steps.is_empty() => work,
                Step::Inline(_) => {
                    let this = Arc::clone(&self);
                    rt.blocking("flow-operate", move || this.inline(index, work)).await
                }
                Step::Transform(transform) => {
                    transform.run(&rt, &mut work, &self.errors).await;
                    work
                }
            };
        }
        debug_assert!(matches!(last, Step::Inline(_)), "functions are called between other steps");
        let this = Arc::clone(&self);
        let Kind::Tables(tables) = &self.kind else {
            let convert = move || this.encodable(this.inline(this.steps.len() - 1, work), backup);
            return Ok(rt.blocking("flow-convert", convert).await);
        };
        let mut work = rt.blocking("flow-operate", move || this.inline(this.steps.len() - 1, work)).await;
        let routed = tables.route(&mut work, &self.errors).await?;
        let (this, tables) = (Arc::clone(&self), Arc::clone(tables));
        let convert = move || {
            let groups = tables.groups(routed, &mut work, &this.errors);
            Converted { groups, tally: work.tally, failures: work.failures, backup }
        };
        Ok(rt.blocking("flow-convert", convert).await)
    }

    fn inline(&self, step: usize, mut work: Work) -> Work {
        if let Step::Inline(steps) = &self.steps[step] {
            steps.iter().for_each(|step: &InlineStep| step.run(&mut work, &self.errors));
        }
        work
    }

    fn encodable(&self, mut work: Work, backup: Vec<u8>) -> Converted {
        self.refuse_long_keys(&mut work);
        let records = std::mem::take(&mut work.records);
        let groups = match &self.kind {
            Kind::Raw { delimiter } => self.raw(records, delimiter, &mut work),
            Kind::Rows(decoder) => self.rows(records, decoder, &mut work),
            Kind::Records => plain(records, &mut work.tally),
            Kind::Tables(_) => unreachable!("rows of tables are not encoded here"),
        };
        Converted { groups, tally: work.tally, failures: work.failures, backup }
    }

    fn raw(&self, records: Records, delimiter: &[u8], work: &mut Work) -> Vec<Group> {
        let groups = self.assign(&records);
        let mut out: Vec<(Vec<u8>, Group)> =
            groups.prefixes.into_iter().map(|prefix| (Vec::new(), Group::new(prefix))).collect();
        if let [(bytes, _)] = out.as_mut_slice() {
            let data: usize = records.data.iter().map(Bytes::len).sum();
            bytes.reserve(data + delimiter.len() * records.len());
        }
        for ((data, origin, _), group) in records.into_each().zip(groups.of) {
            let (bytes, group) = &mut out[group];
            bytes.extend_from_slice(&data);
            bytes.extend_from_slice(delimiter);
            group.add(data, origin, self.partitions.is_some(), &mut work.tally);
        }
        out.into_iter().map(|(bytes, group)| Group { payload: Payload::Bytes(bytes), ..group }).collect()
    }

    fn rows(&self, records: Records, decoder: &Decoder, work: &mut Work) -> Vec<Group> {
        let decoded = decoder.decode(&records.data);
        for bad in &decoded.rejected {
            let (data, origin) = (&records.data[bad.index], records.origins[bad.index]);
            work.reject(&self.errors, &Refusal::new(misfit(data), bad.reason.as_str()), data, origin);
        }
        let groups = self.assign(&records);
        let mut out: Vec<Group> = groups.prefixes.into_iter().map(Group::new).collect();
        let alone = out.len() == 1;
        let mut taken: Vec<Vec<u32>> = vec![Vec::new(); out.len()];
        let mut row = 0;
        for (((data, origin, _), group), rows) in records.into_each().zip(groups.of).zip(&decoded.rows) {
            // A record of no row is one that was rejected.
            if *rows == 0 {
                continue;
            }
            if !alone {
                taken[group].extend(row..row + rows);
            }
            row += rows;
            out[group].add(data, origin, self.partitions.is_some(), &mut work.tally);
        }
        for (group, taken) in out.iter_mut().zip(taken) {
            group.payload =
                Payload::Rows(if alone { decoded.batch.clone() } else { select(&decoded.batch, taken) });
        }
        out.retain(|group| group.delivered.records > 0);
        out
    }

    /// A record that cannot have an object must not keep the others from theirs.
    fn refuse_long_keys(&self, work: &mut Work) {
        let Some(partitions) = &self.partitions else { return };
        if !work.records.keys.iter().any(|keys| partitions.is_too_long(keys)) {
            return;
        }
        let before = std::mem::take(&mut work.records);
        let reason = format!("the key of the object would be longer than {OBJECT_KEY_BYTES_MAX} bytes");
        let refusal = Refusal::new(Cause::PartitionKeys, reason);
        for (data, origin, keys) in before.into_each() {
            if keys.as_ref().is_some_and(|keys| partitions.is_too_long(keys)) {
                work.reject(&self.errors, &refusal, &data, origin);
            } else {
                work.records.push(data, origin, keys);
            }
        }
    }

    /// The group of each record, in the order in which groups are met.
    fn assign(&self, records: &Records) -> Groups {
        let Some(partitions) = &self.partitions else {
            let prefixes = if records.len() == 0 { Vec::new() } else { vec![String::new()] };
            return Groups { prefixes, of: vec![0; records.len()] };
        };
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut groups = Groups { prefixes: Vec::new(), of: Vec::with_capacity(records.len()) };
        let mut prefix = String::new();
        for keys in &records.keys {
            prefix.clear();
            partitions.render(keys, &mut prefix);
            let group = known.get(&prefix).copied().unwrap_or_else(|| {
                groups.prefixes.push(prefix.clone());
                known.insert(prefix.clone(), groups.prefixes.len() - 1);
                groups.prefixes.len() - 1
            });
            groups.of.push(group);
        }
        groups
    }
}

/// What is wrong with a record that the decoder refused: whether its values do not fit, or it cannot be read at all.
fn misfit(record: &[u8]) -> Cause {
    let mut documents = serde_json::Deserializer::from_slice(record).into_iter::<serde::de::IgnoredAny>();
    if documents.all(|document| document.is_ok()) { Cause::Schema } else { Cause::Format }
}

/// All of them as they are, in one group.
fn plain(records: Records, tally: &mut Tally) -> Vec<Group> {
    let mut group = Group { payload: Payload::Records, ..Group::new(String::new()) };
    for (data, origin, _) in records.into_each() {
        group.add(data, origin, true, tally);
    }
    if group.members.is_empty() { Vec::new() } else { vec![group] }
}

struct Groups {
    prefixes: Vec<String>,
    /// One for each record: an index into `prefixes`.
    of: Vec<usize>,
}

impl Group {
    fn new(prefix: String) -> Group {
        Group {
            prefix,
            payload: Payload::Bytes(Vec::new()),
            delivered: Count::default(),
            members: Vec::new(),
        }
    }

    fn add(&mut self, data: Bytes, origin: Origin, keep: bool, tally: &mut Tally) {
        let one = Count::one(&data);
        self.delivered.add(one);
        tally.delivered.add(one);
        if keep {
            self.members.push((data, origin));
        }
    }
}

impl Partitions {
    fn new(key: &PartitionedKey) -> Partitions {
        // The last of so many objects has the longest name.
        let name_bytes = key.object("", u32::MAX).len();
        let text = |part: &KeyPart| if let KeyPart::Text(text) = part { text.len() } else { 0 };
        Partitions {
            prefix: key.prefix.clone(),
            name_bytes,
            fixed_bytes: name_bytes + key.prefix.iter().map(text).sum::<usize>(),
            query: key.keys(KeySource::Query),
            function: key.keys(KeySource::Function),
        }
    }

    fn is_too_long(&self, keys: &Keys) -> bool {
        let values = keys.query.iter().chain(&keys.function);
        // A key may stand in the prefix more than once.
        if values.map(String::len).sum::<usize>() * self.prefix.len() + self.fixed_bytes
            <= OBJECT_KEY_BYTES_MAX
        {
            return false;
        }
        let mut prefix = String::new();
        self.render(keys, &mut prefix);
        prefix.len() + self.name_bytes > OBJECT_KEY_BYTES_MAX
    }

    fn render(&self, keys: &Keys, out: &mut String) {
        for part in &self.prefix {
            match part {
                KeyPart::Text(text) => out.push_str(text),
                KeyPart::Key(source, name) => {
                    let (names, values) = match source {
                        KeySource::Query => (&self.query, &keys.query),
                        KeySource::Function => (&self.function, &keys.function),
                    };
                    let value = names.iter().position(|known| known == name).map(|index| &values[index]);
                    out.push_str(value.expect("operators find every key of the plan or refuse the record"));
                }
            }
        }
    }
}

fn select(batch: &RecordBatch, rows: Vec<u32>) -> RecordBatch {
    take_record_batch(batch, &UInt32Array::from(rows)).expect("every row is one of the batch")
}
