use ::iceberg::spec::{PrimitiveType, Transform, Type};

use super::*;
use crate::catalog::CatalogError;
use crate::model::Table;

#[tokio::test]
async fn a_created_table_is_in_the_catalog_as_other_engines_expect_it() {
    let world = World::new().await;
    let created =
        world.create(&[("id", "bigint"), ("at", "timestamp"), ("tags", "array<string>")], &["day(at)"]).await;
    let loaded = world.load().await;
    assert_eq!(loaded.metadata(), created.metadata());
    let entry = &loaded.entry;
    assert_eq!(entry.parameters[TABLE_TYPE], "ICEBERG");
    assert_eq!(entry.table_type.as_deref(), Some("EXTERNAL_TABLE"));
    assert!(entry.parameters[METADATA_LOCATION].starts_with("s3://lake/orders/metadata/00000-"));
    assert_eq!(entry.storage.location.as_deref(), Some("s3://lake/orders"));
    let types: Vec<&str> = entry.columns.iter().map(|column| column.type_.as_str()).collect();
    assert_eq!(types, ["bigint", "timestamp", "array<string>"]);
    assert_eq!(entry.columns[1].parameters["iceberg.field.id"], "2");
    let metadata = loaded.metadata();
    assert_eq!(metadata.last_updated_ms(), 1_760_000_000_000);
    assert_eq!(metadata.default_partition_spec().fields()[0].name, "at_day");
    let at = metadata.current_schema().field_by_id(2).unwrap();
    assert_eq!(*at.field_type, Type::Primitive(PrimitiveType::Timestamp));
    assert!(loaded.snapshots().is_empty());
    assert!(loaded.plan(None, None, None).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_table_is_created_once_and_leaves_nothing_when_it_is_not() {
    let world = World::new().await;
    world.create(&[("id", "int")], &[]).await;
    let again = Creation::new("shop", "Orders", "s3://lake/other", &[Column::new("id", "int")]).unwrap();
    let error = world.iceberg().create(&world.scope, again).await.unwrap_err();
    assert!(matches!(error, IcebergError::Catalog(CatalogError::TableExists { .. })), "{error}");
    let elsewhere = Creation::new("void", "t", "s3://lake/void", &[Column::new("id", "int")]).unwrap();
    let error = world.iceberg().create(&world.scope, elsewhere).await.unwrap_err();
    assert!(matches!(error, IcebergError::Catalog(CatalogError::NoSuchDatabase(_))), "{error}");
    for prefix in ["other", "void"] {
        let request =
            objects::ListRequest { prefix: prefix.into(), delimiter: None, start_after: None, limit: 9 };
        assert!(world.lake.objects().list("lake", &request).await.unwrap().objects.is_empty());
    }
}

#[tokio::test]
async fn what_is_no_iceberg_table_says_so() {
    let world = World::new().await;
    let catalog = world.lake.catalog();
    catalog.create_table(&world.scope, Table::new("shop", "plain")).await.unwrap();
    let error = world.iceberg().load(&world.scope, "shop", "plain").await.unwrap_err();
    assert!(matches!(error, IcebergError::NotIceberg { .. }), "{error}");
}

#[test]
fn partition_transforms_read_as_athena_and_spark_write_them() {
    let parse =
        |text: &str| PartitionBy::parse(text).map(|by| (by.column.clone(), by.transform, by.field_name()));
    assert_eq!(parse("day(ts)").unwrap(), ("ts".into(), Transform::Day, "ts_day".into()));
    assert_eq!(parse(" hours( `ts` )").unwrap(), ("ts".into(), Transform::Hour, "ts_hour".into()));
    assert_eq!(parse("bucket(16, id)").unwrap(), ("id".into(), Transform::Bucket(16), "id_bucket".into()));
    assert_eq!(
        parse("truncate(name, 4)").unwrap(),
        ("name".into(), Transform::Truncate(4), "name_trunc".into())
    );
    assert_eq!(parse("\"kind\"").unwrap(), ("kind".into(), Transform::Identity, "kind".into()));
    for wrong in ["bucket(id)", "bucket(0, id)", "cube(id)", "day(ts"] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}
