use anyhow::{Context, Result, bail};
use aws::client::Target;
use http::Method;
use rt::Rt;
use serde_json::{Value, json};

use super::Remote;
use crate::cli::ClientArgs;

/// Prints where the server listens and what it holds, asked through its own API.
///
/// # Errors
/// When no server answers, so that a script can test for one.
pub async fn run(args: &ClientArgs, rt: Rt) -> Result<()> {
    let remote = Remote::of(args, rt)?;
    let Ok(health) =
        remote.client.send(Method::GET, "s3", "/_mulgil/health", &[], &[], bytes::Bytes::new()).await
    else {
        bail!("mulgil is not running (it last listened on {})", remote.endpoint);
    };
    let health: Value = serde_json::from_slice(&health.body).context("the health answer is not JSON")?;
    println!("mulgil {} on {}", health["version"].as_str().unwrap_or("?"), remote.endpoint);
    for (name, value) in [
        ("process", health["pid"].to_string()),
        ("up", format!("{} s", health["uptime_seconds"])),
        ("account", remote.account.clone()),
        ("region", remote.region.clone()),
        ("streams", names(&remote, Target::KINESIS, "ListStreams", json!({}), "StreamNames").await?),
        (
            "delivery streams",
            names(&remote, Target::FIREHOSE, "ListDeliveryStreams", json!({}), "DeliveryStreamNames").await?,
        ),
        ("databases", databases(&remote).await?),
        ("work groups", work_groups(&remote).await?),
    ] {
        println!("  {name:<17} {value}");
    }
    Ok(())
}

async fn names(remote: &Remote, target: Target, operation: &str, input: Value, list: &str) -> Result<String> {
    let answer = remote.call(target, operation, input).await?;
    Ok(joined(answer[list].as_array().into_iter().flatten()))
}

async fn databases(remote: &Remote) -> Result<String> {
    let answer = remote.call(Target::GLUE, "GetDatabases", json!({})).await?;
    Ok(joined(answer["DatabaseList"].as_array().into_iter().flatten().map(|database| &database["Name"])))
}

async fn work_groups(remote: &Remote) -> Result<String> {
    let answer = remote.call(Target::ATHENA, "ListWorkGroups", json!({})).await?;
    Ok(joined(answer["WorkGroups"].as_array().into_iter().flatten().map(|group| &group["Name"])))
}

/// The first page is what a glance needs.
fn joined<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    let names: Vec<&str> = values.filter_map(Value::as_str).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}
