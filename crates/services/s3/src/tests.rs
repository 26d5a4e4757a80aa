mod buckets;
mod chunks;
mod listings;
mod objects_whole;
mod refusals;
mod signatures;
mod tags;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

use ::objects::Objects;
use aws::sigv4::{SigningIdentity, SigningKeys, hash_hex, presign_request, sign_request};
use aws::{Credential, LocalAccount, MemoryCredentials};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use meta::Meta;
use names::{AccountId, Region};
use rt::Rt;

use crate::{Http, S3Deps, http};

pub(crate) const KEY: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub(crate) const BUCKET: &str = "lake";

pub(crate) fn account() -> AccountId {
    AccountId::new("000000000000").unwrap()
}

/// The service, and a client that signs.
pub(crate) struct Bench {
    pub(crate) http: Http,
    pub(crate) rt: Rt,
    pub(crate) credentials: Arc<MemoryCredentials>,
    _dir: tempfile::TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The contents of every element of this name.
    pub(crate) fn all(&self, element: &str) -> Vec<String> {
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        let text = self.text();
        let contents = text.split(&open).skip(1).filter_map(|rest| rest.split_once(&close));
        contents.map(|(content, _)| content.to_owned()).collect()
    }

    pub(crate) fn one(&self, element: &str) -> String {
        let mut all = self.all(element);
        assert_eq!(all.len(), 1, "{element} in {}", self.text());
        all.remove(0)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers)).to_str().unwrap()
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Answer {
        assert!(self.status.is_success(), "{} {}", self.status, self.text());
        self
    }

    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Answer {
        assert_eq!(
            (self.status.as_u16(), self.all("Code").join(",").as_str()),
            (status, code),
            "{}",
            self.text()
        );
        self
    }
}

pub(crate) type Headers<'a> = &'a [(&'a str, &'a str)];

impl Bench {
    pub(crate) async fn new() -> Bench {
        let root = Credential::root(account(), SECRET);
        Bench::with(MemoryCredentials::new().with(KEY, root)).await
    }

    /// Any signature is good, or none.
    pub(crate) async fn insecure() -> Bench {
        let region = Region::new("us-east-1").unwrap();
        Bench::with(MemoryCredentials::insecure_any(account(), region)).await
    }

    async fn with(credentials: MemoryCredentials) -> Bench {
        let rt = Rt::system();
        let dir = tempfile::tempdir().unwrap();
        let meta = Meta::in_memory(rt.clone()).await;
        let objects = Objects::open(dir.path(), meta, rt.clone()).await.unwrap();
        let credentials = Arc::new(credentials);
        let http = http(S3Deps {
            rt: rt.clone(),
            objects,
            credentials: credentials.clone(),
            authorizer: Arc::new(LocalAccount),
            region: Region::new("us-east-1").unwrap(),
            base_domains: Vec::new(),
        });
        let bench = Bench { http, rt, credentials, _dir: dir };
        bench.send("PUT", "/lake", &[], "").await.ok();
        bench
    }

    /// A signed request.
    pub(crate) async fn send(
        &self,
        method: &str,
        target: &str,
        headers: Headers<'_>,
        body: impl Into<Bytes>,
    ) -> Answer {
        let body = body.into();
        let mut parts = head(method, target, headers, body.len());
        self.sign(&mut parts, &hash_hex(&body), "us-east-1", Duration::ZERO);
        self.raw(parts, body).await
    }

    pub(crate) fn sign(&self, parts: &mut Parts, hash: &str, region: &str, ago: Duration) {
        let identity =
            SigningIdentity { access_key: KEY, secret: SECRET, session_token: None, region, service: "s3" };
        sign_request(parts, hash, &identity, &SigningKeys::new(), self.rt.now().minus(ago));
    }

    pub(crate) fn presign(&self, method: &str, target: &str, expires: u64, ago: Duration) -> String {
        let identity = SigningIdentity {
            access_key: KEY,
            secret: SECRET,
            session_token: None,
            region: "us-east-1",
            service: "s3",
        };
        let now = self.rt.now().minus(ago);
        let mut parts = head(method, target, &[], 0);
        parts.headers.remove("content-length");
        presign_request(&parts, "UNSIGNED-PAYLOAD", &identity, &SigningKeys::new(), now, expires)
    }

    /// A request as it is.
    pub(crate) async fn raw(&self, parts: Parts, body: impl Into<Bytes>) -> Answer {
        let request = Request::from_parts(parts, s3s::Body::from(body.into()));
        let (parts, body) = self.http.answer(request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn put(&self, key: &str, body: &'static str) -> Answer {
        self.send("PUT", &format!("/{BUCKET}/{key}"), &[], body).await.ok()
    }

    pub(crate) async fn get(&self, target: &str, headers: Headers<'_>) -> Answer {
        self.send("GET", target, headers, "").await
    }
}

pub(crate) fn head(method: &str, target: &str, headers: Headers<'_>, length: usize) -> Parts {
    let mut request = Request::builder().method(method).uri(target);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "127.0.0.1:4566");
    }
    request = request.header("content-length", length.to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}
