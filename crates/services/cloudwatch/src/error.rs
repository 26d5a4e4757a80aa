use aws::ApiError;
use meta::MetaError;

use crate::model::error;

pub(crate) fn from_meta(error: MetaError) -> ApiError {
    error::internal_service_fault("Internal service failure.").with_source(error)
}

pub(crate) fn invalid(parameter: &str, message: &str) -> ApiError {
    error::invalid_parameter_value_exception(format!("The parameter {parameter} {message}"))
}
