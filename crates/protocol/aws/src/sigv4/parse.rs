use std::borrow::Cow;

use http::request::Parts;
use percent_encoding::percent_decode_str;

use super::{ALGORITHM, SignatureError};

/// What a request says about its own signature; nothing of it is proven yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization<'a> {
    pub access_key: Cow<'a, str>,
    pub scope: SigningScope<'a>,
    /// Lower-case names, semicolon-separated, as signed.
    pub signed_headers: Cow<'a, str>,
    pub signature: Cow<'a, str>,
    /// `20261122T085013Z`
    pub timestamp: Cow<'a, str>,
    pub session_token: Option<Cow<'a, str>>,
    /// Seconds a presigned request is good for; `None` for a signature in the header.
    pub expires: Option<u64>,
}

/// Day, region and service a key was derived for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningScope<'a> {
    pub day: Cow<'a, str>,
    pub region: Cow<'a, str>,
    pub service: Cow<'a, str>,
}

/// AWS's own bound on the life of a presigned request: a week.
const EXPIRES_MAX: u64 = 604_800;

impl<'a> Authorization<'a> {
    /// `None` when the request is not signed at all.
    pub fn of(parts: &'a Parts) -> Result<Option<Authorization<'a>>, SignatureError> {
        if let Some(header) = parts.headers.get(http::header::AUTHORIZATION) {
            let header = header.to_str().map_err(|_| incomplete("Authorization header is not ASCII"))?;
            return Self::from_header(parts, header).map(Some);
        }
        match parts.uri.query() {
            Some(query) if query.contains("X-Amz-Algorithm=") => Self::from_query(query).map(Some),
            _ => Ok(None),
        }
    }

    fn from_header(parts: &'a Parts, header: &'a str) -> Result<Authorization<'a>, SignatureError> {
        let fields = header
            .strip_prefix(ALGORITHM)
            .filter(|rest| rest.starts_with(' '))
            .ok_or_else(|| incomplete(format!("Unsupported AWS 'algorithm': '{}'.", algorithm_of(header))))?;
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for field in fields.split(',') {
            match field.trim().split_once('=') {
                Some(("Credential", value)) => credential = Some(value),
                Some(("SignedHeaders", value)) => signed_headers = Some(value),
                Some(("Signature", value)) => signature = Some(value),
                _ => {}
            }
        }
        let missing = |name: &str| incomplete(format!("Authorization header requires '{name}' parameter."));
        let (access_key, scope) = parse_credential(credential.ok_or_else(|| missing("Credential"))?.into())?;
        let timestamp = header_text(parts, "x-amz-date").ok_or_else(|| {
            incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
        })?;
        Ok(Authorization {
            access_key,
            scope,
            signed_headers: signed_headers.ok_or_else(|| missing("SignedHeaders"))?.into(),
            signature: signature.ok_or_else(|| missing("Signature"))?.into(),
            timestamp: timestamp.into(),
            session_token: header_text(parts, "x-amz-security-token").map(Cow::from),
            expires: None,
        })
    }

    fn from_query(query: &'a str) -> Result<Authorization<'a>, SignatureError> {
        let missing = |name: &str| incomplete(format!("AWS query-string parameters must include '{name}'."));
        let find = |name: &str| parameter(query, name).ok_or_else(|| missing(name));
        let algorithm = find("X-Amz-Algorithm")?;
        if algorithm != ALGORITHM {
            return Err(incomplete(format!("Unsupported AWS 'algorithm': '{algorithm}'.")));
        }
        let (access_key, scope) = parse_credential(find("X-Amz-Credential")?)?;
        let expires =
            find("X-Amz-Expires")?.parse::<u64>().ok().filter(|seconds| *seconds <= EXPIRES_MAX).ok_or_else(
                || incomplete("X-Amz-Expires must be a number of seconds between 0 and 604800"),
            )?;
        Ok(Authorization {
            access_key,
            scope,
            signed_headers: find("X-Amz-SignedHeaders")?,
            signature: find("X-Amz-Signature")?,
            timestamp: find("X-Amz-Date")?,
            session_token: parameter(query, "X-Amz-Security-Token"),
            expires: Some(expires),
        })
    }
}

/// Region and service a request claims to be signed for, without looking at anything else: what
/// routing needs.
pub fn claimed_scope(parts: &Parts) -> Option<SigningScope<'_>> {
    let credential: Cow<'_, str> = match parts.headers.get(http::header::AUTHORIZATION) {
        Some(header) => {
            let header = header.to_str().ok()?;
            let start = header.find("Credential=")? + "Credential=".len();
            let rest = &header[start..];
            rest[..rest.find([',', ' ']).unwrap_or(rest.len())].into()
        }
        None => parameter(parts.uri.query()?, "X-Amz-Credential")?,
    };
    parse_credential(credential).ok().map(|(_, scope)| scope)
}

/// `AKID/20261122/us-east-1/kinesis/aws4_request`; an access key may itself contain slashes.
fn parse_credential(credential: Cow<'_, str>) -> Result<(Cow<'_, str>, SigningScope<'_>), SignatureError> {
    let mut parts = [0_usize; 4];
    let mut end = credential.len();
    for slash in parts.iter_mut().rev() {
        let Some(at) = credential[..end].rfind('/') else {
            return Err(incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{credential}'"
            )));
        };
        *slash = at;
        end = at;
    }
    let [first, second, third, fourth] = parts;
    let terminator = &credential[fourth + 1..];
    if terminator != "aws4_request" {
        return Err(SignatureError::Scope(format!(
            "Credential should be scoped with a valid terminator: 'aws4_request', not '{terminator}'."
        )));
    }
    let slice = |from: usize, to: usize| match &credential {
        Cow::Borrowed(text) => Cow::Borrowed(&text[from..to]),
        Cow::Owned(text) => Cow::Owned(text[from..to].to_owned()),
    };
    let scope = SigningScope {
        day: slice(first + 1, second),
        region: slice(second + 1, third),
        service: slice(third + 1, fourth),
    };
    Ok((slice(0, first), scope))
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    percent_decode_str(value).decode_utf8().ok()
}

fn header_text<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name)?.to_str().ok()
}

fn algorithm_of(header: &str) -> &str {
    header.split(' ').next().unwrap_or(header)
}

fn incomplete(message: impl Into<String>) -> SignatureError {
    SignatureError::Incomplete(message.into())
}
