use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use aws::client::{Client, ClientError, Credentials, Target};
use bytes::Bytes;
use http::Method;
use rt::Rt;
use serde_json::{Value, json};

use crate::cli::ClientArgs;
use crate::config::default_data_dir;
use crate::data_dir::{Endpoint, read_credentials};

const POLL_FIRST: Duration = Duration::from_millis(2);
const POLL_MAX: Duration = Duration::from_millis(100);

/// A running server, as seen through its HTTP API.
#[derive(Clone)]
pub struct Remote {
    pub client: Client,
    pub account: String,
    pub region: String,
    pub endpoint: String,
    rt: Rt,
}

/// A finished query: header, rows and Athena's own figures.
#[derive(Debug)]
pub struct Answer {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Option<String>>>,
    pub scanned_bytes: u64,
    pub total_millis: u64,
}

impl Remote {
    /// The server that uses this data directory.
    ///
    /// # Errors
    /// When none has ever used it, or its key cannot be read.
    pub fn of(args: &ClientArgs, rt: Rt) -> Result<Remote> {
        let data_dir: PathBuf = args.data_dir.clone().map_or_else(default_data_dir, Ok)?;
        Remote::in_directory(&data_dir, rt)
    }

    /// The server that uses `data_dir`.
    ///
    /// # Errors
    /// As [`Remote::of`].
    pub fn in_directory(data_dir: &Path, rt: Rt) -> Result<Remote> {
        let Some(endpoint) = Endpoint::read(data_dir) else {
            bail!("no server has run in {}: start one with `mulgil serve`", data_dir.display());
        };
        let key = read_credentials(data_dir)?
            .with_context(|| format!("{} holds no access key", data_dir.display()))?;
        let credentials = Credentials::new(key.access_key_id, key.secret_access_key);
        let client = Client::with_rt(&endpoint.endpoint, credentials, &endpoint.region, rt.clone());
        Ok(Remote {
            client,
            account: endpoint.account,
            region: endpoint.region,
            endpoint: endpoint.endpoint,
            rt,
        })
    }

    /// One call of a JSON service.
    ///
    /// # Errors
    /// The service's error, or that the server does not answer.
    pub async fn call(&self, target: Target, operation: &str, input: Value) -> Result<Value, ClientError> {
        self.client.call(target, operation, &input).await
    }

    /// Creates a bucket unless this account already has it.
    ///
    /// # Errors
    /// The service's error.
    pub async fn ensure_bucket(&self, name: &str) -> Result<()> {
        match self.client.create_bucket(name).await {
            Err(error) if error.code != "BucketAlreadyOwnedByYou" => {
                Err(error).with_context(|| format!("bucket {name} cannot be created"))
            }
            _ => Ok(()),
        }
    }

    /// Deletes every object of a bucket; one that is not there is empty.
    ///
    /// # Errors
    /// The service's error.
    pub async fn empty_bucket(&self, name: &str) -> Result<()> {
        loop {
            let path = format!("/{name}");
            let listed =
                self.client.send(Method::GET, "s3", &path, &[("list-type", "2")], &[], Bytes::new()).await?;
            let listed = match listed.checked() {
                Err(error) if error.code == "NoSuchBucket" => return Ok(()),
                other => other?,
            };
            let keys = keys(&String::from_utf8_lossy(&listed.body));
            if keys.is_empty() {
                return Ok(());
            }
            for key in keys {
                let path = format!("/{name}/{key}");
                self.client.send(Method::DELETE, "s3", &path, &[], &[], Bytes::new()).await?.checked()?;
            }
        }
    }

    /// Runs one statement in Athena and waits for its answer.
    ///
    /// # Errors
    /// The reason Athena gives when the query does not succeed.
    pub async fn query(
        &self,
        database: &str,
        statement: &str,
        parameters: &[String],
        output: &str,
    ) -> Result<Answer> {
        let mut request = json!({
            "QueryString": statement,
            "QueryExecutionContext": {"Database": database},
            "ResultConfiguration": {"OutputLocation": output},
        });
        if !parameters.is_empty() {
            request["ExecutionParameters"] = json!(parameters);
        }
        let started = self.call(Target::ATHENA, "StartQueryExecution", request).await?;
        let id = &started["QueryExecutionId"];
        let execution = self.finished(id).await?;
        let statistics = &execution["Statistics"];
        let (columns, rows) = self.rows(id, execution["StatementType"] == "DML").await?;
        Ok(Answer {
            columns,
            rows,
            scanned_bytes: statistics["DataScannedInBytes"].as_u64().unwrap_or(0),
            total_millis: statistics["TotalExecutionTimeInMillis"].as_u64().unwrap_or(0),
        })
    }

    async fn finished(&self, id: &Value) -> Result<Value> {
        let mut backoff = rt::Backoff::new(POLL_FIRST, POLL_MAX, self.rt.clone());
        loop {
            let mut answer =
                self.call(Target::ATHENA, "GetQueryExecution", json!({"QueryExecutionId": id})).await?;
            let execution = answer["QueryExecution"].take();
            match execution["Status"]["State"].as_str() {
                Some("SUCCEEDED") => return Ok(execution),
                Some("QUEUED" | "RUNNING") => self.rt.sleep(backoff.next()).await,
                _ => bail!(
                    "{}",
                    execution["Status"]["StateChangeReason"].as_str().unwrap_or("the query did not succeed")
                ),
            }
        }
    }

    async fn rows(&self, id: &Value, has_header: bool) -> Result<(Vec<String>, Vec<Vec<Option<String>>>)> {
        let mut columns = Vec::new();
        let mut rows = Vec::new();
        let mut token = Value::Null;
        loop {
            let mut request = json!({"QueryExecutionId": id});
            if !token.is_null() {
                request["NextToken"] = token;
            }
            let mut page = self.call(Target::ATHENA, "GetQueryResults", request).await?;
            if columns.is_empty() {
                columns = column_names(&page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]);
            }
            rows.extend(page["ResultSet"]["Rows"].as_array().into_iter().flatten().map(row_values));
            token = page["NextToken"].take();
            if token.is_null() {
                break;
            }
        }
        if has_header && !rows.is_empty() {
            rows.remove(0);
        }
        Ok((columns, rows))
    }
}

/// The keys of a listing. Those the demo makes need no unescaping.
fn keys(listing: &str) -> Vec<String> {
    let after = listing.split("<Key>").skip(1);
    after.filter_map(|rest| rest.split_once("</Key>")).map(|(key, _)| key.to_owned()).collect()
}

fn column_names(info: &Value) -> Vec<String> {
    let columns = info.as_array().into_iter().flatten();
    columns.map(|column| column["Name"].as_str().unwrap_or_default().to_owned()).collect()
}

fn row_values(row: &Value) -> Vec<Option<String>> {
    let data = row["Data"].as_array().into_iter().flatten();
    data.map(|datum| datum["VarCharValue"].as_str().map(str::to_owned)).collect()
}
