use std::sync::Arc;

use aws::{ApiError, Context};

use crate::Sts;
use crate::model::{GetAccessKeyInfoInput, GetAccessKeyInfoOutput, error};

pub(crate) async fn handle(
    _ctx: Context,
    sts: Arc<Sts>,
    input: GetAccessKeyInfoInput,
) -> Result<GetAccessKeyInfoOutput, ApiError> {
    let known = sts.credentials.lookup(&input.access_key_id).map(|credential| credential.account);
    let account = known.or_else(|| sts.credentials.unchecked().map(|unchecked| unchecked.account));
    let account = account.ok_or_else(|| error::validation_error("Invalid Access Key ID"))?;
    Ok(GetAccessKeyInfoOutput { account: Some(account.to_string()) })
}
