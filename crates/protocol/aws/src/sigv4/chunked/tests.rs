use proptest::prelude::*;

use super::*;
use crate::sigv4::SigningScope;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// The upload that the S3 documentation signs step by step.
fn documented_seed() -> Seed {
    let authorization = Authorization {
        access_key: "AKIAIOSFODNN7EXAMPLE".into(),
        scope: SigningScope { day: "20130524".into(), region: "us-east-1".into(), service: "s3".into() },
        signed_headers: "host".into(),
        signature: "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9".into(),
        timestamp: "20130524T000000Z".into(),
        session_token: None,
        expires: None,
    };
    Seed::new(&authorization, SECRET, &SigningKeys::new())
}

#[test]
fn the_documented_upload_has_the_documented_signatures() {
    let payload = vec![b'a'; 66_560];
    let body = encode(&payload, 65_536, &documented_seed());
    let text = String::from_utf8(body.to_vec()).unwrap();
    for head in [
        "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n",
        "400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n",
        "0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n",
    ] {
        assert!(text.contains(head), "{head}");
    }
    assert_eq!(decode(&body, Some(&documented_seed())).unwrap(), payload);
}

#[test]
fn a_changed_chunk_is_refused_by_its_number() {
    let body = encode(b"aaaabbbbcc", 4, &documented_seed());
    let at = body.windows(4).position(|window| window == b"bbbb").unwrap();
    let mut changed = body.to_vec();
    changed[at] = b'x';
    assert_eq!(decode(&changed, Some(&documented_seed())), Err(ChunkError::Signature(2)));
}

#[test]
fn chunks_cannot_be_left_out_or_swapped_or_cut_off() {
    let body = encode(b"aaaabbbb", 4, &documented_seed());
    let chunk = body.windows(4).position(|window| window == b"aaaa").unwrap() + 6;
    let without_first = &body[chunk..];
    assert_eq!(decode(without_first, Some(&documented_seed())), Err(ChunkError::Signature(1)));
    let swapped = [&body[chunk..2 * chunk], &body[..chunk], &body[2 * chunk..]].concat();
    assert_eq!(decode(&swapped, Some(&documented_seed())), Err(ChunkError::Signature(1)));
    assert_eq!(decode(&body[..2 * chunk], Some(&documented_seed())), Err(ChunkError::Truncated));
}

#[test]
fn a_size_beyond_the_body_is_refused_without_being_believed() {
    for head in ["ffffffffffffffff", "7fffffffffffffff", "10", "-1", "zz", ""] {
        let body = format!("{head};chunk-signature=00\r\nab\r\n");
        assert!(decode(body.as_bytes(), None).is_err(), "{head}");
    }
}

proptest! {
    #[test]
    fn any_payload_in_any_chunks_comes_back(payload: Vec<u8>, chunk_bytes in 1_usize..64) {
        let seed = documented_seed();
        let body = encode(&payload, chunk_bytes, &seed);
        prop_assert_eq!(decode(&body, Some(&seed)).unwrap(), payload);
    }

    #[test]
    fn arbitrary_bytes_never_panic(body: Vec<u8>) {
        let _ = decode(&body, None);
    }
}
