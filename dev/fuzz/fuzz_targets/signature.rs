#![no_main]

use aws::sigv4::{Authorization, PathStyle, SigningKeys, canonical_request, claimed_scope, verify};
use http::Request;
use rt::Timestamp;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    // Five lines: path and query, authorization, date, token, anything.
    let mut lines = input.splitn(5, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let uri = String::from_utf8_lossy(line()).into_owned();
    let mut request = Request::builder().method("POST").uri(uri.as_str());
    for name in ["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"] {
        let value = line();
        if !value.is_empty() {
            request = request.header(name, value);
        }
    }
    let Ok(request) = request.body(()) else { return };
    let parts = request.into_parts().0;
    let _ = claimed_scope(&parts);
    let Ok(Some(authorization)) = Authorization::of(&parts) else { return };
    let now = Timestamp::from_millis(1_795_337_413_000);
    let hash = aws::sigv4::EMPTY_PAYLOAD;
    for style in [PathStyle::Normalized, PathStyle::S3] {
        let proven = verify(&parts, &authorization, hash, "the secret", &SigningKeys::new(), now, style);
        // Nobody guesses a signature.
        assert!(proven.is_err());
        let _ = canonical_request(&parts, &authorization.signed_headers, hash, style);
    }
});
