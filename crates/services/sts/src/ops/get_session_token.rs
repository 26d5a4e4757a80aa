use std::sync::Arc;
use std::time::Duration;

use aws::{ApiError, Context};

use crate::model::{GetSessionTokenInput, GetSessionTokenOutput};
use crate::{Sts, session};

/// Twelve hours unless asked otherwise; an account's root gets one hour whatever it asks for.
const DURATION_DEFAULT: Duration = Duration::from_secs(12 * 3600);
const ROOT_DURATION_MAX: Duration = Duration::from_secs(3600);

pub(crate) async fn handle(
    ctx: Context,
    sts: Arc<Sts>,
    input: GetSessionTokenInput,
) -> Result<GetSessionTokenOutput, ApiError> {
    if session::is_temporary(&ctx.principal) {
        return Err(ApiError::new(
            "AccessDenied",
            403,
            "Cannot call GetSessionToken with session credentials",
        ));
    }
    let mut duration = session::duration(input.duration_seconds, DURATION_DEFAULT);
    if session::is_root(&ctx.principal) {
        duration = duration.min(ROOT_DURATION_MAX);
    }
    let credentials = session::issue(&sts, &ctx, &ctx.principal.arn, duration)?;
    Ok(GetSessionTokenOutput { credentials: Some(credentials), ..GetSessionTokenOutput::default() })
}
