pub(crate) mod get_metric_data;
pub(crate) mod get_metric_statistics;
pub(crate) mod list_metrics;
pub(crate) mod put_metric_data;
