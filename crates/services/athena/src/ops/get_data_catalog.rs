use std::sync::Arc;

use crate::Athena;
use crate::model::{
    DataCatalog, DataCatalogStatus, DataCatalogType, GetDataCatalogInput, GetDataCatalogOutput,
};
use crate::shapes::{CATALOG, check_catalog};
use aws::{ApiError, Context};

pub(crate) async fn handle(
    ctx: Context,
    athena: Arc<Athena>,
    input: GetDataCatalogInput,
) -> Result<GetDataCatalogOutput, ApiError> {
    athena.check_work_group(&ctx.scope, input.work_group.as_deref()).await?;
    check_catalog(&input.name)?;
    let account = ctx.scope.account.as_str().to_owned();
    let catalog = DataCatalog {
        name: CATALOG.to_owned(),
        type_: DataCatalogType::Glue,
        parameters: Some([("catalog-id".to_owned(), account)].into()),
        status: Some(DataCatalogStatus::CreateComplete),
        ..Default::default()
    };
    Ok(GetDataCatalogOutput { data_catalog: Some(catalog) })
}
