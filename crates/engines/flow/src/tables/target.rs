use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, new_null_array};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{Field, FieldRef, Schema as ArrowSchema, SchemaRef};
use bytes::Bytes;
use lake::iceberg::{
    Creation, FormatVersion, IcebergError, IcebergTable, PartitionBy, Schema, evolved, inferred, to_arrow,
};
use lake::json::{Decoded, Decoder, JsonOptions, Rejected};
use lake::{CatalogError, Lake, location};
use parking_lot::Mutex;

use super::{Misfit, Route};
use crate::reject::Cause;
use crate::{FlowError, IcebergEncode, IcebergTarget};

/// One table of a batch.
pub(crate) struct Target {
    pub(crate) route: Route,
    /// As it was when the batch's first record for it came.
    pub(crate) base: IcebergTable,
    /// Empty for a table that is only appended to.
    pub(crate) keys: Vec<String>,
    json: JsonOptions,
    evolve: bool,
    /// The newest; each extends the one before.
    form: Mutex<Arc<Form>>,
}

/// A schema of the table, and how records are read by it.
pub(crate) struct Form {
    /// 0 for the table's own.
    pub(crate) version: u32,
    pub(crate) schema: Arc<Schema>,
    /// Of rows that are written.
    arrow: SchemaRef,
    decoder: Decoder,
}

impl Target {
    /// Loads the table, and makes it if it does not exist and may be made. The inner error is a reason to
    /// reject records: it does not go away by itself.
    pub(super) async fn load(
        lake: &Lake,
        encode: &IcebergEncode,
        route: &Route,
        records: &[Bytes],
    ) -> Result<Result<Target, Misfit>, FlowError> {
        let same = |target: &&IcebergTarget| {
            target.database.eq_ignore_ascii_case(&route.database)
                && target.table.eq_ignore_ascii_case(&route.table)
        };
        let settings = encode.tables.iter().find(same);
        let loaded = lake.iceberg().load(&encode.scope, &route.database, &route.table).await;
        let base = match loaded {
            Ok(base) => Ok(base),
            Err(IcebergError::Catalog(CatalogError::NoSuchTable { .. })) if encode.warehouse.is_some() => {
                match create(lake, encode, route, settings, records).await {
                    Err(IcebergError::Catalog(CatalogError::TableExists { .. })) => {
                        lake.iceberg().load(&encode.scope, &route.database, &route.table).await
                    }
                    other => other,
                }
            }
            Err(error) => Err(error),
        };
        let base = match base {
            Ok(base) => base,
            Err(error) => return lasting(error).map(Err),
        };
        let version = base.metadata().format_version();
        if version != FormatVersion::V2 {
            let reason = format!("the table is of format {version}, and only tables of v2 are written to");
            return Ok(Err(Misfit::new(Cause::NoTable, reason)));
        }
        let keys = match settings {
            Some(settings) if !encode.append_only => settings.unique_keys.clone(),
            _ => Vec::new(),
        };
        let schema = base.metadata().current_schema().clone();
        let missing = keys.iter().find(|key| schema.field_by_name_case_insensitive(key).is_none());
        if let Some(key) = missing {
            let reason = format!("the table has no column for the unique key {key}");
            return Ok(Err(Misfit::new(Cause::Table, reason)));
        }
        let form = match Form::new(0, schema, &encode.json) {
            Ok(form) => Mutex::new(Arc::new(form)),
            Err(reason) => return Ok(Err(Misfit::new(Cause::Table, reason))),
        };
        let (json, evolve) = (encode.json.clone(), encode.evolve);
        Ok(Ok(Target { route: route.clone(), base, keys, json, evolve, form }))
    }

    pub(super) fn upserts(&self) -> bool {
        !self.keys.is_empty()
    }

    /// The records as rows of the newest form, which new fields may make newer still.
    pub(super) fn decode(&self, records: &[Bytes]) -> Result<(Arc<Form>, Decoded), String> {
        let form = Arc::clone(&self.form.lock());
        let decoded = form.decode(records)?;
        let complete = !decoded.unknown_keys && decoded.rejected.is_empty();
        if complete || !self.evolve {
            return Ok((form, decoded));
        }
        let newer = {
            let mut newest = self.form.lock();
            let metadata = self.base.metadata();
            let schema = evolved(metadata, &newest.schema, records).map_err(|error| error.to_string())?;
            if let Some(schema) = schema {
                *newest = Arc::new(Form::new(newest.version + 1, Arc::new(schema), &self.json)?);
            }
            Arc::clone(&newest)
        };
        if newer.version == form.version {
            return Ok((form, decoded));
        }
        let decoded = newer.decode(records)?;
        Ok((newer, decoded))
    }
}

impl Form {
    fn new(version: u32, schema: Arc<Schema>, json: &JsonOptions) -> Result<Form, String> {
        let arrow = to_arrow(&schema).map_err(|error| error.to_string())?;
        // What is required is checked after decoding, record by record.
        let optional = |field: &FieldRef| -> FieldRef { Arc::new(Field::clone(field).with_nullable(true)) };
        let read = ArrowSchema::new(arrow.fields().iter().map(optional).collect::<Vec<_>>());
        let decoder = Decoder::new(Arc::new(read), json.clone()).map_err(|error| error.to_string())?;
        Ok(Form { version, schema, arrow, decoder })
    }

    fn decode(&self, records: &[Bytes]) -> Result<Decoded, String> {
        let mut decoded = self.decoder.decode(records);
        let required = self.arrow.fields().iter().enumerate().filter(|(_, field)| !field.is_nullable());
        let mut gaps: Vec<Option<String>> = Vec::new();
        for (at, field) in required {
            let column = decoded.batch.column(at);
            if column.null_count() > 0 {
                gaps.resize(decoded.batch.num_rows(), None);
                for row in (0..column.len()).filter(|&row| column.is_null(row)) {
                    gaps[row]
                        .get_or_insert_with(|| format!("the required column {} has no value", field.name()));
                }
            }
        }
        if !gaps.is_empty() {
            reject_rows(&mut decoded, &gaps)?;
        }
        let columns = decoded.batch.columns().to_vec();
        decoded.batch =
            RecordBatch::try_new(Arc::clone(&self.arrow), columns).map_err(|error| error.to_string())?;
        Ok(decoded)
    }

    /// Rows of an earlier form as rows of this one.
    pub(crate) fn conform(&self, rows: &RecordBatch) -> Result<RecordBatch, arrow::error::ArrowError> {
        let column = |field: &FieldRef| -> Result<ArrayRef, arrow::error::ArrowError> {
            match rows.column_by_name(field.name()) {
                Some(column) => cast(column, field.data_type()),
                None => Ok(new_null_array(field.data_type(), rows.num_rows())),
            }
        };
        let columns = self.arrow.fields().iter().map(column).collect::<Result<Vec<_>, _>>()?;
        RecordBatch::try_new(Arc::clone(&self.arrow), columns)
    }
}

/// Takes back all rows of records of which a row has a gap.
fn reject_rows(decoded: &mut Decoded, gaps: &[Option<String>]) -> Result<(), String> {
    let mut kept = Vec::with_capacity(gaps.len());
    let mut row = 0;
    for (index, rows) in decoded.rows.iter_mut().enumerate() {
        let count = usize::try_from(*rows).unwrap_or(usize::MAX);
        let gap = gaps[row..row + count].iter().flatten().next();
        kept.extend(std::iter::repeat_n(gap.is_none(), count));
        row += count;
        if let Some(reason) = gap {
            *rows = 0;
            decoded.rejected.push(Rejected { index, reason: reason.clone() });
        }
    }
    decoded.rejected.sort_by_key(|rejected| rejected.index);
    decoded.batch =
        filter_record_batch(&decoded.batch, &BooleanArray::from(kept)).map_err(|error| error.to_string())?;
    Ok(())
}

async fn create(
    lake: &Lake,
    encode: &IcebergEncode,
    route: &Route,
    settings: Option<&IcebergTarget>,
    records: &[Bytes],
) -> Result<IcebergTable, IcebergError> {
    let Some(schema) = inferred(records)? else {
        return Err(IcebergError::Invalid(
            "the table does not exist, and the records have no field to make one of".into(),
        ));
    };
    let warehouse = encode.warehouse.as_deref().unwrap_or_default();
    let database = lake.catalog().database(&encode.scope, &route.database).await?;
    let place = match database.location.as_deref().filter(|place| !place.is_empty() && warehouse.is_empty()) {
        Some(place) => location::parse(place)?.join(&route.table),
        None => location::parse(warehouse)?.join(&format!("{}.db/{}", route.database, route.table)),
    };
    let creation = Creation {
        database: route.database.clone(),
        name: route.table.clone(),
        location: place.to_string(),
        schema,
        partition_by: settings
            .map(|settings| settings.partition_by.iter().map(PartitionBy::identity).collect())
            .unwrap_or_default(),
        // Commits every few seconds would leave a metadata file each.
        properties: [("write.metadata.delete-after-commit.enabled".to_owned(), "true".to_owned())].into(),
        comment: None,
    };
    lake.iceberg().create(&encode.scope, creation).await
}

/// The error as a reason to reject records, or as one to try again.
fn lasting(error: IcebergError) -> Result<Misfit, FlowError> {
    let cause = match &error {
        IcebergError::Catalog(CatalogError::NoSuchTable { .. } | CatalogError::NoSuchDatabase(_))
        | IcebergError::NotIceberg { .. }
        | IcebergError::NoMetadataLocation { .. } => Cause::NoTable,
        IcebergError::NoSuchColumn(_)
        | IcebergError::Type(_)
        | IcebergError::Location(_)
        | IcebergError::Invalid(_) => Cause::Table,
        _ => return Err(error.into()),
    };
    Ok(Misfit::new(cause, crate::error::describe(&error)))
}
