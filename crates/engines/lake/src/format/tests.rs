use super::*;
use crate::model::Table;

fn text(serde: &str, properties: &[(&str, &str)]) -> Storage {
    let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    StoredAs::TextFile.storage("s3://lake/t/").with_serde(serde, properties.collect())
}

#[test]
fn every_stored_as_that_is_read_reads_back_as_itself() {
    assert_eq!(Format::of(&StoredAs::Parquet.storage("s3://b/t")), Ok(Format::Parquet));
    assert!(matches!(Format::of(&StoredAs::JsonFile.storage("s3://b/t")), Ok(Format::Json(_))));
    let Ok(Format::Csv(csv)) = Format::of(&StoredAs::TextFile.storage("s3://b/t")) else {
        panic!("text was expected")
    };
    assert_eq!((csv.dialect, csv.separator, csv.null.as_deref()), (CsvDialect::LazySimple, 1, Some("\\N")));
    for stored_as in [StoredAs::Orc, StoredAs::Avro, StoredAs::SequenceFile] {
        assert!(matches!(Format::of(&stored_as.storage("s3://b/t")), Err(FormatError::Unsupported(_))));
    }
    assert_eq!(Format::of(&Storage::default()), Err(FormatError::Unnamed));
    assert_eq!(StoredAs::parse("parquet"), Some(StoredAs::Parquet));
    assert_eq!(StoredAs::parse("KUDU"), None);
}

#[test]
fn csv_properties_say_how_lines_fall_into_fields() {
    let mut table = Table::new("d", "t");
    table.storage =
        text(OPEN_CSV_SERDE, &[("separatorChar", "\\t"), ("quoteChar", "'"), ("escapeChar", "\\")]);
    table.parameters.insert("skip.header.line.count".into(), "2".into());
    let Ok(Format::Csv(csv)) = Format::of_table(&table) else { panic!("text was expected") };
    assert_eq!(csv.dialect, CsvDialect::OpenCsv);
    assert_eq!(
        (csv.separator, csv.quote, csv.escape, csv.header_lines),
        (b'\t', Some(b'\''), Some(b'\\'), 2)
    );

    let storage = text(
        LAZY_SIMPLE_SERDE,
        &[("field.delim", "|"), ("collection.delim", "\\u0004"), ("mapkey.delim", "5")],
    );
    let Ok(Format::Csv(csv)) = Format::of(&storage) else { panic!("text was expected") };
    assert_eq!((csv.separator, csv.collection_separator, csv.map_key_separator), (b'|', 4, b'5'));
    assert_eq!((csv.quote, csv.escape), (None, None));

    let error = Format::of(&text(LAZY_SIMPLE_SERDE, &[("field.delim", "::")])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "SerDe property 'field.delim' has the value '::': one ASCII character was expected"
    );
}

#[test]
fn json_properties_say_how_keys_find_columns() {
    let storage = text(
        OPENX_JSON_SERDE,
        &[
            ("case.insensitive", "FALSE"),
            ("dots.in.keys", "true"),
            ("mapping.ts", "timestamp"),
            ("timestamp.formats", "millis, yyyy"),
        ],
    );
    let Ok(Format::Json(json)) = Format::of(&storage) else { panic!("JSON was expected") };
    assert!(!json.case_insensitive && json.dots_to_underscores);
    assert_eq!(json.column_to_key["ts"], "timestamp");
    assert_eq!(json.timestamp_formats, ["millis", "yyyy"]);
}
