//! The endpoints below `/_mulgil/`: outside AWS's protocols, for tools that watch or reset the server.
//! `/metrics` is in `measure`.

use std::sync::Arc;
use std::time::Instant;

use aws::Body;
use bytes::Bytes;
use firehose::Firehose;
use http::{Request, Response, StatusCode};
use names::{AccountId, Region, Scope};
use rt::Rt;
use serde_json::{Value, json};

use crate::wire::Engines;

/// What `GET /_mulgil/health` answers. Ready to be asked once the listener is up.
pub(crate) fn health(rt: &Rt, started: Instant) -> Response<Body> {
    let up = rt.instant().duration_since(started).as_secs();
    respond(
        StatusCode::OK,
        &json!({"status": "ok", "version": env!("CARGO_PKG_VERSION"), "pid": std::process::id(), "uptime_seconds": up}),
    )
}

/// What `POST /_mulgil/reset` does, in ephemeral mode only: everything is gone when it answers.
pub(crate) async fn reset(engines: Engines) -> Response<Body> {
    match empty(&engines).await {
        Ok(()) => respond(StatusCode::OK, &json!({"status": "empty"})),
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the reset failed");
            respond(
                StatusCode::INTERNAL_SERVER_ERROR,
                &json!({"status": "failed", "message": format!("{error:#}")}),
            )
        }
    }
}

/// Deliveries first, so that nothing writes into stores that are being emptied.
async fn empty(engines: &Engines) -> anyhow::Result<()> {
    engines.flow.stop_all().await;
    engines.log.reset().await?;
    engines.meta.clear().await?;
    engines.objects.reset().await?;
    engines.metrics.clear();
    Ok(())
}

/// What `GET /_mulgil/firehose/ledger?region=REGION&name=NAME` answers: the account of a delivery stream.
pub(crate) async fn ledger(
    firehose: Arc<Firehose>,
    account: AccountId,
    request: Request<Bytes>,
) -> Response<Body> {
    let query = request.uri().query().unwrap_or_default();
    // Names of regions and delivery streams need no escapes.
    let given = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let (Some(Ok(region)), Some(name)) = (given("region").map(Region::new), given("name")) else {
        return respond(StatusCode::BAD_REQUEST, &json!({"message": "region and name are needed"}));
    };
    match firehose.ledger(&Scope::new(account, region), name).await {
        Ok(Some(ledger)) => respond(StatusCode::OK, &ledger),
        Ok(None) => {
            respond(StatusCode::NOT_FOUND, &json!({"message": format!("there is no delivery stream {name}")}))
        }
        Err(error) => {
            tracing::error!(error = %error, "a ledger cannot be read");
            respond(StatusCode::INTERNAL_SERVER_ERROR, &json!({"message": error.to_string()}))
        }
    }
}

fn respond(status: StatusCode, value: &Value) -> Response<Body> {
    let body = aws::body::full(Bytes::from(value.to_string()));
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}
