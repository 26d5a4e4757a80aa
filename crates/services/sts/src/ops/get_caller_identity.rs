use std::sync::Arc;

use aws::{ApiError, Context};

use crate::model::{GetCallerIdentityInput, GetCallerIdentityOutput};
use crate::{Sts, session};

pub(crate) async fn handle(
    ctx: Context,
    _sts: Arc<Sts>,
    _input: GetCallerIdentityInput,
) -> Result<GetCallerIdentityOutput, ApiError> {
    Ok(GetCallerIdentityOutput {
        user_id: Some(session::user_id(&ctx.principal)),
        account: Some(ctx.principal.account.to_string()),
        arn: Some(ctx.principal.arn),
    })
}
