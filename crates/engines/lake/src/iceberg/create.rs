use std::collections::HashMap;

use ::iceberg::TableCreation;
use ::iceberg::spec::{FormatVersion, Schema, TableMetadata, TableMetadataBuilder, UnboundPartitionSpec};
use meta::Txn;
use names::Scope;
use objects::{EtagKind, PublishError, PutOptions, Staged};

use super::storage::split;
use super::{
    ICEBERG, Iceberg, IcebergError, IcebergTable, METADATA_LOCATION, PartitionBy, TABLE_TYPE, schema,
};
use crate::catalog::CatalogError;
use crate::model::{Column, Table};
use crate::{keys, location};

/// From then on two clocks are not the same.
const CLOCKS_DIFFER_MS: u64 = 1_000;

/// A table to be created.
#[derive(Debug, Clone)]
pub struct Creation {
    pub database: String,
    pub name: String,
    /// `s3://bucket/prefix`; its bucket exists.
    pub location: String,
    /// Its field ids are given anew, from 1.
    pub schema: Schema,
    pub partition_by: Vec<PartitionBy>,
    /// Iceberg's table properties.
    pub properties: HashMap<String, String>,
    pub comment: Option<String>,
}

impl Creation {
    /// A table without partitions and properties, with catalog columns.
    pub fn new(
        database: impl Into<String>,
        name: impl Into<String>,
        location: impl Into<String>,
        columns: &[Column],
    ) -> Result<Creation, IcebergError> {
        Ok(Creation {
            database: database.into(),
            name: name.into(),
            location: location.into(),
            schema: schema::from_columns(columns)?,
            partition_by: Vec::new(),
            properties: HashMap::new(),
            comment: None,
        })
    }
}

impl Iceberg {
    /// Writes the first metadata file and the catalog's entry, both or neither.
    pub async fn create(&self, scope: &Scope, creation: Creation) -> Result<IcebergTable, IcebergError> {
        let mut entry = Table::new(creation.database.to_lowercase(), creation.name.to_lowercase());
        entry.description.clone_from(&creation.comment);
        entry.created = self.rt.now();
        entry.updated = entry.created;
        let metadata = self.first_metadata(creation)?;
        let file = self.metadata_file(&metadata, 0);
        describe(&mut entry, &metadata, &file);
        let staged = self.stage_metadata(&metadata, &file).await?;
        let key = keys::table(scope, &entry.database, &entry.name);
        let txn = Txn::new()
            .require_present(keys::database(scope, &entry.database))
            .require_absent(key.clone())
            .put_json(key, &entry);
        match self.objects.publish(vec![staged], txn).await {
            Ok((_, revision)) => {
                let table = self.assemble(&entry, &file, metadata)?;
                Ok(IcebergTable { entry, revision, table, manifests: self.manifests.clone() })
            }
            Err(PublishError::Conflict { .. }) => {
                self.catalog.database(scope, &entry.database).await?;
                let Table { database, name: table, .. } = entry;
                Err(CatalogError::TableExists { database, table }.into())
            }
            Err(PublishError::Object(error)) => Err(error.into()),
        }
    }

    fn first_metadata(&self, creation: Creation) -> Result<TableMetadata, IcebergError> {
        let place = location::parse(&creation.location)?.to_string();
        let mut spec = UnboundPartitionSpec::builder();
        for by in &creation.partition_by {
            let field = creation.schema.field_by_name_case_insensitive(&by.column);
            let field = field.ok_or_else(|| IcebergError::NoSuchColumn(by.column.clone()))?;
            spec = spec.add_partition_field(field.id, by.field_name(), by.transform)?;
        }
        let created = TableCreation::builder()
            .name(creation.name)
            .location(place.trim_end_matches('/').to_owned())
            .schema(creation.schema)
            .partition_spec(spec.build())
            .properties(creation.properties)
            .format_version(FormatVersion::V2)
            .build();
        let id = self.rt.uuid().parse().expect("rt makes UUIDs");
        let built = TableMetadataBuilder::from_table_creation(created)?.assign_uuid(id).build()?;
        self.stamped(built.metadata)
    }

    /// The metadata with our clock's present as its time of change: iceberg's builder takes the machine's, which is
    /// the same but in tests.
    pub(super) fn stamped(&self, metadata: TableMetadata) -> Result<TableMetadata, IcebergError> {
        if metadata.last_updated_ms().abs_diff(self.rt.now().as_millis()) < CLOCKS_DIFFER_MS {
            return Ok(metadata);
        }
        let broken = |error: serde_json::Error| IcebergError::Invalid(format!("table metadata: {error}"));
        let mut json = serde_json::to_value(&metadata).map_err(broken)?;
        json["last-updated-ms"] = self.rt.now().as_millis().into();
        serde_json::from_value(json).map_err(broken)
    }

    /// Where the metadata of this version goes.
    pub(super) fn metadata_file(&self, metadata: &TableMetadata, version: u64) -> String {
        format!("{}/metadata/{version:05}-{}.metadata.json", metadata.location(), self.rt.uuid())
    }

    pub(super) async fn stage_metadata(
        &self,
        metadata: &TableMetadata,
        file: &str,
    ) -> Result<Staged, IcebergError> {
        let json = serde_json::to_vec(metadata)
            .map_err(|error| IcebergError::Invalid(format!("table metadata: {error}")))?;
        self.stage(file, json.into()).await
    }

    pub(super) async fn stage_owned(
        &self,
        file: String,
        bytes: bytes::Bytes,
    ) -> Result<Staged, IcebergError> {
        self.stage(&file, bytes).await
    }

    /// Bytes on disk that become visible with the commit.
    pub(super) async fn stage(&self, file: &str, bytes: bytes::Bytes) -> Result<Staged, IcebergError> {
        let (bucket, key) = split(file)?;
        let options = PutOptions { etag: EtagKind::Unique, ..PutOptions::default() };
        let mut writer = self.objects.writer(bucket, key, options).await?;
        writer.write(bytes).await?;
        Ok(writer.stage().await?)
    }
}

/// Writes into the catalog's entry what readers of the catalog want to know of the metadata.
pub(super) fn describe(entry: &mut Table, metadata: &TableMetadata, file: &str) {
    entry.parameters.insert(TABLE_TYPE.to_owned(), ICEBERG.to_owned());
    let old = entry.parameters.insert(METADATA_LOCATION.to_owned(), file.to_owned());
    if let Some(old) = old {
        entry.parameters.insert(super::PREVIOUS_METADATA_LOCATION.to_owned(), old);
    }
    entry.columns = schema::catalog_columns(metadata);
    entry.partition_keys.clear();
    entry.storage.location = Some(metadata.location().to_owned());
}
