//! Glue's `NextToken` and `MaxResults` over the catalog's pages.

use aws::{ApiError, Context, paging};
use lake::PageRequest;

use crate::model::error;

/// The page asked for. A token belongs to the operation that gave it.
pub(crate) fn request(
    ctx: &Context,
    token: Option<&str>,
    max: Option<i32>,
    default: usize,
) -> Result<PageRequest, ApiError> {
    let limit = max.and_then(|max| usize::try_from(max).ok()).unwrap_or(default);
    let after = match token {
        // Clients send back an empty token where there was none.
        None | Some("") => None,
        Some(token) => match paging::decode::<(String, String)>(token) {
            Some((operation, cursor)) if operation == ctx.operation => Some(cursor),
            _ => return Err(error::invalid_input_exception("The pagination token is not valid.")),
        },
    };
    Ok(PageRequest::after(after, limit))
}

pub(crate) fn token(ctx: &Context, next: Option<String>) -> Option<String> {
    next.map(|cursor| paging::encode(&(ctx.operation, cursor)))
}
