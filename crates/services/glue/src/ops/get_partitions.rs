use std::sync::Arc;

use aws::{ApiError, Context};
use lake::PartitionFilter;

use crate::error::{from_catalog, from_filter};
use crate::model::{GetPartitionsInput, GetPartitionsOutput, Segment, error};
use crate::shape::partition_out;
use crate::{Glue, require_catalog};
use crate::{limits, page};

pub async fn handle(
    ctx: Context,
    glue: Arc<Glue>,
    input: GetPartitionsInput,
) -> Result<GetPartitionsOutput, ApiError> {
    require_catalog(&ctx, input.catalog_id.as_deref())?;
    let (database, name) = (input.database_name.as_str(), input.table_name.as_str());
    let page = page::request(&ctx, input.next_token.as_deref(), input.max_results, limits::LARGE_PAGE)?;
    let table = glue.catalog().table(&ctx.scope, database, name).await.map_err(from_catalog)?;
    let expression = input.expression.unwrap_or_default();
    let mut filter = PartitionFilter::parse(&expression, &table.partition_keys).map_err(from_filter)?;
    if let Some(segment) = input.segment {
        filter = in_segment(filter, &segment)?;
    }
    let with_columns = !input.exclude_column_schema.unwrap_or_default();
    let listing = glue
        .catalog()
        .partitions(&ctx.scope, database, name, Some(&filter), &page)
        .await
        .map_err(from_catalog)?
        .map(|partition| partition_out(&ctx, (database, name), partition, with_columns));
    Ok(GetPartitionsOutput { partitions: Some(listing.items), next_token: page::token(&ctx, listing.next) })
}

fn in_segment(filter: PartitionFilter, segment: &Segment) -> Result<PartitionFilter, ApiError> {
    match (u32::try_from(segment.segment_number), u32::try_from(segment.total_segments)) {
        (Ok(number), Ok(total)) if number < total => Ok(filter.with_segment(number, total)),
        _ => Err(error::invalid_input_exception("SegmentNumber must be less than TotalSegments.")),
    }
}
