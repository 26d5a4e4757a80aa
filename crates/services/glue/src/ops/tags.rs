//! Tags of databases.

use std::collections::BTreeMap;

use aws::{ApiError, Context};
use lake::Owner;
use names::Arn;
use serde_json::Value;

use crate::error::from_catalog;
use crate::model::error;
use crate::{Glue, limits};

/// What attachments of this kind are called in the catalog.
const KIND: &str = "tag";

/// The database that an ARN names.
pub(super) fn database_of(ctx: &Context, arn: &str) -> Result<String, ApiError> {
    let invalid = || error::invalid_input_exception(format!("'{arn}' is not the ARN of a database."));
    let parsed: Arn = arn.parse().map_err(|_| invalid())?;
    let name = parsed.resource.strip_prefix("database/").filter(|_| parsed.service == "glue");
    let name = name.filter(|name| !name.is_empty()).ok_or_else(invalid)?;
    if Arn::new("glue", &ctx.scope, parsed.resource.clone()) != parsed {
        return Err(error::entity_not_found_exception(format!("Database {name} not found.")));
    }
    Ok(name.to_owned())
}

pub(super) async fn all(
    ctx: &Context,
    glue: &Glue,
    database: &str,
) -> Result<BTreeMap<String, String>, ApiError> {
    let owner = Owner::Database(database);
    let items = glue.catalog().attached(&ctx.scope, owner, KIND).await.map_err(from_catalog)?;
    let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
    Ok(items.into_iter().map(|(key, value)| (key, text(value))).collect())
}

pub(super) async fn add(
    ctx: &Context,
    glue: &Glue,
    database: &str,
    tags: BTreeMap<String, String>,
) -> Result<(), ApiError> {
    let mut after = all(ctx, glue, database).await?;
    after.extend(tags.clone());
    if after.len() > limits::TAGS {
        return Err(error::invalid_input_exception(format!("A resource has at most {} tags.", limits::TAGS)));
    }
    let items: Vec<_> = tags.into_iter().map(|(key, value)| (key, Value::from(value))).collect();
    glue.catalog().attach(&ctx.scope, Owner::Database(database), KIND, &items).await.map_err(from_catalog)
}

pub(super) async fn remove(
    ctx: &Context,
    glue: &Glue,
    database: &str,
    keys: &[String],
) -> Result<(), ApiError> {
    for key in keys {
        let owner = Owner::Database(database);
        glue.catalog().detach(&ctx.scope, owner, KIND, key).await.map_err(from_catalog)?;
    }
    Ok(())
}
