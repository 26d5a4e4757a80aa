use std::sync::Arc;

use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use ::parquet::file::metadata::PageIndexPolicy;
use arrow::array::{Int64Array, StringArray};
use arrow::compute::concat_batches;

use super::*;
use crate::json::{Decoder, JsonOptions};
use crate::model::Column;
use crate::types;

fn batch(rows: std::ops::Range<i64>) -> RecordBatch {
    let schema = types::schema(&[Column::new("n", "bigint"), Column::new("name", "string")]).unwrap();
    let names = StringArray::from_iter_values(rows.clone().map(|n| format!("name of {n}")));
    RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from_iter_values(rows)), Arc::new(names)]).unwrap()
}

fn read(file: Bytes) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let schema = Arc::clone(reader.schema());
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

#[test]
fn every_type_reads_back_as_it_was_written_by_every_codec() {
    let columns = [
        Column::new("b", "boolean"),
        Column::new("t", "tinyint"),
        Column::new("d", "decimal(38,6)"),
        Column::new("day", "date"),
        Column::new("at", "timestamp"),
        Column::new("raw", "binary"),
        Column::new("tags", "map<string,array<struct<x:int,y:double>>>"),
    ];
    let schema = types::schema(&columns).unwrap();
    let decoder = Decoder::new(Arc::clone(&schema), JsonOptions::default()).unwrap();
    let json =
        br#"{"b":true,"t":-7,"d":"123.456","day":"2024-02-29","at":"2024-02-29T01:02:03.456789Z","raw":"x",
        "tags":{"a":[{"x":1},{"y":2.5},null],"b":[],"c":null}} {} {"t":1}"#;
    let decoded = decoder.decode(&[Bytes::from_static(json)]);
    assert_eq!(decoded.rejected, []);
    for compression in [Compression::Snappy, Compression::Gzip, Compression::Zstd, Compression::Uncompressed]
    {
        let settings = ParquetSettings {
            compression,
            version_2: compression == Compression::Zstd,
            ..ParquetSettings::default()
        };
        let file = write(Arc::clone(&schema), &settings, std::slice::from_ref(&decoded.batch)).unwrap();
        let found = read(file);
        // The same names and types without Arrow's own schema in the file.
        assert_eq!(found.schema().fields(), schema.fields());
        assert_eq!(found.columns(), decoded.batch.columns());
    }
}

#[test]
fn the_same_input_gives_the_same_bytes_whether_taken_at_once_or_as_they_come() {
    let settings =
        ParquetSettings { row_group_bytes: 20_000, page_bytes: 2_000, ..ParquetSettings::default() };
    let batches: Vec<_> = (0..20).map(|n| batch(n * 500..(n + 1) * 500)).collect();
    let whole = write(batches[0].schema(), &settings, &batches).unwrap();
    let mut writer = Writer::new(batches[0].schema(), &settings).unwrap();
    let mut taken = Vec::new();
    let mut pieces = 0;
    for batch in &batches {
        writer.write(batch).unwrap();
        let piece = writer.take_flushed().concat();
        pieces += usize::from(!piece.is_empty());
        taken.extend_from_slice(&piece);
    }
    let estimate = writer.size_estimate();
    taken.extend_from_slice(&writer.finish().unwrap().concat());
    assert_eq!(taken, whole);
    assert!(pieces > 3, "row groups were flushed as they filled: {pieces}");
    assert!(estimate > taken.len() / 2 && estimate < taken.len() * 2, "{estimate} for {}", taken.len());
}

#[test]
fn readers_find_statistics_per_row_group_and_page() {
    let settings = ParquetSettings { page_bytes: 2_000, ..ParquetSettings::default() };
    let file = write(batch(0..1).schema(), &settings, &[batch(0..9_000)]).unwrap();
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    let metadata = ArrowReaderMetadata::load(&file, options).unwrap();
    let group = metadata.metadata().row_group(0);
    assert!(group.column(0).statistics().is_some());
    assert_eq!(metadata.metadata().file_metadata().created_by(), Some("mulgil"));
    assert_eq!(metadata.metadata().file_metadata().key_value_metadata(), None);
    assert!(metadata.metadata().offset_index().unwrap()[0][0].page_locations().len() > 1);
    assert!(metadata.metadata().column_index().is_some());
}
