//! As much of a store of objects as a client of this service needs, without signatures.

use aws::{Body, body};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use objects::{Condition, ListRequest, ObjectError, Objects, PutOptions};

pub(super) async fn answer(objects: Objects, request: Request<Incoming>) -> Response<Body> {
    let (head, content) = request.into_parts();
    let path = head.uri.path().trim_start_matches('/').to_owned();
    let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
    let given =
        |name| head.headers.get(name).map(|value| value.to_str().unwrap().trim_matches('"').to_owned());
    let condition = match (given(IF_MATCH), given(IF_NONE_MATCH)) {
        (Some(etag), _) => Some(Condition::Matches(etag)),
        (None, Some(_)) => Some(Condition::Absent),
        (None, None) => None,
    };
    let result = match (head.method, key) {
        (Method::PUT, _) => {
            let content = content.collect().await.unwrap().to_bytes();
            let options = PutOptions { condition, ..PutOptions::default() };
            objects.put(bucket, key, content, options).await.map(|info| (info.etag, Bytes::new()))
        }
        (_, "") => list(&objects, bucket, head.uri.query().unwrap()).await,
        _ => match objects.head(bucket, key).await {
            Ok(info) => objects.get_bytes(bucket, key, None).await.map(|bytes| (info.etag, bytes)),
            Err(error) => Err(error),
        },
    };
    match result {
        Ok((etag, bytes)) => {
            Response::builder().header(ETAG, format!("\"{etag}\"")).body(body::full(bytes)).unwrap()
        }
        Err(error) => failure(&error),
    }
}

/// Two keys a page, so that every listing has several.
async fn list(objects: &Objects, bucket: &str, query: &str) -> Result<(String, Bytes), ObjectError> {
    let given = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value.replace("%2F", "/"))
    };
    let (prefix, start_after) = (given("prefix").unwrap_or_default(), given("start-after"));
    let request = ListRequest { prefix, delimiter: None, start_after, limit: 3 };
    let found = objects.list(bucket, &request).await?.objects;
    let more = found.len() == 3;
    let key = |key: &str| format!("<Contents><Key>{key}</Key></Contents>");
    let keys: String = found.iter().take(2).map(|object| key(&object.key)).collect();
    let listing = format!("<IsTruncated>{more}</IsTruncated>{keys}");
    Ok((String::new(), format!("<ListBucketResult>{listing}</ListBucketResult>").into()))
}

fn failure(error: &ObjectError) -> Response<Body> {
    let (status, code) = match error {
        ObjectError::NoSuchBucket { .. } => (404, "NoSuchBucket"),
        ObjectError::PreconditionFailed { .. } => (412, "PreconditionFailed"),
        _ => (404, "NoSuchKey"),
    };
    let text = Bytes::from(format!("<Error><Code>{code}</Code></Error>"));
    Response::builder().status(status).header(CONTENT_TYPE, "application/xml").body(body::full(text)).unwrap()
}
