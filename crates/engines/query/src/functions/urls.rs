//! URLs: their parts and their escapes.

use datafusion::logical_expr::ScalarUDF;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use super::scalar::{P, R, exact};

/// What `java.net.URLEncoder` leaves as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*');

pub(super) fn all() -> Vec<ScalarUDF> {
    vec![
        exact("url_extract_host", &[P::Str], R::Str, |args| {
            args.texts(|row| {
                Ok(parsed(args.str(0).value(row)).map(|url| url.host_str().unwrap_or("").to_owned()))
            })
        }),
        exact("url_extract_path", &[P::Str], R::Str, |args| {
            args.texts(|row| {
                let text = args.str(0).value(row);
                Ok(parsed(text).map(|url| decoded(if has_path(text) { url.path() } else { "" })))
            })
        }),
        exact("url_extract_query", &[P::Str], R::Str, |args| {
            args.texts(|row| Ok(parsed(args.str(0).value(row)).map(|url| decoded(url.query().unwrap_or("")))))
        }),
        exact("url_extract_fragment", &[P::Str], R::Str, |args| {
            args.texts(|row| {
                Ok(parsed(args.str(0).value(row)).map(|url| decoded(url.fragment().unwrap_or(""))))
            })
        }),
        exact("url_extract_protocol", &[P::Str], R::Str, |args| {
            args.texts(|row| Ok(parsed(args.str(0).value(row)).map(|url| url.scheme().to_owned())))
        }),
        exact("url_extract_port", &[P::Str], R::Int, |args| {
            args.ints(|row| Ok(parsed(args.str(0).value(row)).and_then(|url| url.port().map(i64::from))))
        }),
        exact("url_extract_parameter", &[P::Str, P::Str], R::Str, |args| {
            args.texts(|row| {
                let wanted = args.str(1).value(row);
                let url = parsed(args.str(0).value(row));
                Ok(url.and_then(|url| {
                    let mut pairs = url.query_pairs();
                    pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
                }))
            })
        }),
        exact("url_encode", &[P::Str], R::Str, |args| {
            args.texts(|row| {
                Ok(Some(utf8_percent_encode(args.str(0).value(row), ENCODED).to_string().replace("%20", "+")))
            })
        }),
        exact("url_decode", &[P::Str], R::Str, |args| {
            args.texts(|row| Ok(Some(decoded(&args.str(0).value(row).replace('+', " ")))))
        }),
    ]
}

fn parsed(text: &str) -> Option<Url> {
    Url::parse(text).ok()
}

/// The `url` crate gives every host the path `/`.
fn has_path(text: &str) -> bool {
    text.split_once("://").is_none_or(|(_, rest)| rest.contains('/'))
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
