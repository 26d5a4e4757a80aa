use serde::{Deserialize, Serialize};

use super::{columns_in, columns_out, parameters_out, read_extra, write_extra};
use crate::model::{Order, SerDeInfo, SkewedInfo, StorageDescriptor};

#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Extra {
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_locations: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number_of_buckets: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket_columns: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort_columns: Option<Vec<Order>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skewed_info: Option<SkewedInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stored_as_sub_directories: Option<bool>,
}

/// The descriptor with its columns; an absent one is the default.
pub(super) fn storage_in(descriptor: Option<StorageDescriptor>) -> lake::Storage {
    let Some(descriptor) = descriptor else { return lake::Storage::default() };
    let serde = descriptor.serde_info.unwrap_or_default();
    let extra = Extra {
        additional_locations: descriptor.additional_locations,
        number_of_buckets: descriptor.number_of_buckets,
        bucket_columns: descriptor.bucket_columns,
        sort_columns: descriptor.sort_columns,
        skewed_info: descriptor.skewed_info,
        stored_as_sub_directories: descriptor.stored_as_sub_directories,
    };
    lake::Storage {
        location: descriptor.location,
        input_format: descriptor.input_format,
        output_format: descriptor.output_format,
        serde: lake::Serde {
            name: serde.name,
            library: serde.serialization_library,
            parameters: serde.parameters.unwrap_or_default(),
        },
        compressed: descriptor.compressed.unwrap_or_default(),
        parameters: descriptor.parameters.unwrap_or_default(),
        columns: columns_in(descriptor.columns),
        extra: write_extra(&extra),
    }
}

/// The descriptor, or nothing where nothing was given.
pub(super) fn storage_out(storage: lake::Storage, with_columns: bool) -> Option<StorageDescriptor> {
    let extra: Extra = read_extra(&storage.extra);
    let plain = lake::Storage { extra: serde_json::Value::Null, ..storage };
    if plain == lake::Storage::default() && extra == Extra::default() {
        return None;
    }
    let serde = plain.serde;
    let serde = (serde != lake::Serde::default()).then(|| SerDeInfo {
        name: serde.name,
        serialization_library: serde.library,
        parameters: parameters_out(serde.parameters),
    });
    Some(StorageDescriptor {
        columns: with_columns.then(|| columns_out(plain.columns)),
        location: plain.location,
        additional_locations: extra.additional_locations,
        input_format: plain.input_format,
        output_format: plain.output_format,
        compressed: Some(plain.compressed),
        number_of_buckets: Some(extra.number_of_buckets.unwrap_or_default()),
        serde_info: serde,
        bucket_columns: extra.bucket_columns,
        sort_columns: Some(extra.sort_columns.unwrap_or_default()),
        parameters: parameters_out(plain.parameters),
        skewed_info: extra.skewed_info,
        stored_as_sub_directories: Some(extra.stored_as_sub_directories.unwrap_or_default()),
        schema_reference: None,
    })
}
