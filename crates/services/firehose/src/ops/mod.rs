//! One file per operation.

pub(crate) mod create_delivery_stream;
pub(crate) mod delete_delivery_stream;
pub(crate) mod describe_delivery_stream;
pub(crate) mod list_delivery_streams;
pub(crate) mod list_tags_for_delivery_stream;
pub(crate) mod put_record;
pub(crate) mod put_record_batch;
pub(crate) mod tag_delivery_stream;
pub(crate) mod untag_delivery_stream;
pub(crate) mod update_destination;
