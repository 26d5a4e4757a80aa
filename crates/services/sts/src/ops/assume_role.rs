use std::sync::Arc;
use std::time::Duration;

use aws::{ApiError, Context};
use names::Arn;

use crate::model::{AssumeRoleInput, AssumeRoleOutput, AssumedRoleUser, error};
use crate::{Sts, session};

const DURATION_DEFAULT: Duration = Duration::from_secs(3600);

/// A role assumed by a role lives no longer.
const CHAINED_DURATION_MAX: Duration = Duration::from_secs(3600);

pub(crate) async fn handle(
    ctx: Context,
    sts: Arc<Sts>,
    input: AssumeRoleInput,
) -> Result<AssumeRoleOutput, ApiError> {
    let role = role_of(&input.role_arn)?;
    if role.account != ctx.principal.account.as_str() {
        let message = format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {}",
            ctx.principal.arn, input.role_arn
        );
        return Err(ApiError::new("AccessDenied", 403, message));
    }
    let duration = session::duration(input.duration_seconds, DURATION_DEFAULT);
    if session::is_temporary(&ctx.principal) && duration > CHAINED_DURATION_MAX {
        let message = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
        return Err(error::validation_error(message));
    }
    let name = role.resource.rsplit('/').next().unwrap_or_default();
    let resource = format!("assumed-role/{name}/{}", input.role_session_name);
    let arn = Arn::global("sts", &ctx.principal.account, resource).to_string();
    let credentials = session::issue(&sts, &ctx, &arn, duration)?;
    let user = AssumedRoleUser {
        assumed_role_id: session::assumed_role_id(&ctx.principal.account, name, &input.role_session_name),
        arn,
    };
    Ok(AssumeRoleOutput {
        credentials: Some(credentials),
        assumed_role_user: Some(user),
        ..AssumeRoleOutput::default()
    })
}

fn role_of(arn: &str) -> Result<Arn, ApiError> {
    let invalid = || error::validation_error(format!("{arn} is invalid"));
    let role: Arn = arn.parse().map_err(|_| invalid())?;
    let named =
        role.resource.strip_prefix("role/").is_some_and(|name| !name.is_empty() && !name.ends_with('/'));
    if role.service == "iam" && named { Ok(role) } else { Err(invalid()) }
}
