//! The endpoints below `/_mulgil/`: outside AWS's protocols, for tools that watch or reset the server.

use std::time::Instant;

use aws::Body;
use http::{Response, StatusCode};
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
    Ok(())
}

fn respond(status: StatusCode, value: &Value) -> Response<Body> {
    let body = aws::body::full(bytes::Bytes::from(value.to_string()));
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}
