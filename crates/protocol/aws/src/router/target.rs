//! Which operation of which service a request asks for.

use http::request::Parts;

use super::Inner;
use super::route::Route;
use crate::codec::{Format, parameter};
use crate::envelope;
use crate::error::ApiError;
use crate::model::ServiceModel;

/// The service and the name of the operation, or why there is none.
pub(super) fn target(
    router: &Inner,
    route: &Route,
    parts: &Parts,
    body: &[u8],
) -> Result<(usize, String), ApiError> {
    Ok(match route {
        Route::Json { service: Some(index), target, .. } => {
            let name = target.rsplit_once('.').map_or("", |(_, name)| name);
            (*index, name.to_owned())
        }
        Route::Json { service: None, target, format } => {
            return Err(unmounted(*format, &format!("the target '{target}'")));
        }
        Route::Rpc { service: Some(index), operation, .. } => (*index, operation.clone()),
        Route::Rpc { service: None, path, .. } => {
            return Err(unmounted(Format::RpcCbor, &format!("the path '{path}'")));
        }
        Route::Query { service } => {
            let name = query_parameter(parts, body, "Action").ok_or_else(|| {
                ApiError::sender("MissingAction", "The request is missing an action or a required parameter.")
            })?;
            let index = match service {
                Some(index) => *index,
                None => unsigned_service(router, parts, body, &name)?,
            };
            (index, name)
        }
        Route::Unknown { service } => {
            let is_json = router.services.iter().any(|mounted| mounted.model.signing_name == service);
            let what = format!(
                "the service '{service}'{}",
                if is_json { " without an X-Amz-Target header" } else { "" }
            );
            return Err(unmounted(Format::Query, &what));
        }
        Route::Internal | Route::Fallback => {
            return Err(ApiError::new("NoSuchService", 404, "nothing is mounted here"));
        }
    })
}

fn unsigned_service(router: &Inner, parts: &Parts, body: &[u8], action: &str) -> Result<usize, ApiError> {
    let version = query_parameter(parts, body, "Version");
    let serves = |model: &ServiceModel| {
        !model.xml_namespace.is_empty()
            && version.as_deref().is_none_or(|version| version == model.api_version)
            && (model.operation(action).is_some() || model.refusal(action).is_some())
    };
    let found = router.services.iter().position(|service| serves(service.model));
    found.ok_or_else(|| unmounted(Format::Query, &format!("the action '{action}'")))
}

fn query_parameter(parts: &Parts, body: &[u8], name: &str) -> Option<String> {
    let in_uri = || parameter(parts.uri.query()?.as_bytes(), name);
    parameter(body, name).or_else(in_uri)
}

pub(super) fn unmounted(format: Format, what: &str) -> ApiError {
    envelope::unknown_operation(format, format!("{what} is not provided by Mulgil"))
}
