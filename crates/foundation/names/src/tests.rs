use crate::{AccountId, Arn, NameError, Region, Scope};

fn scope(region: &str) -> Scope {
    Scope::new(AccountId::new("000000000000").unwrap(), Region::new(region).unwrap())
}

#[test]
fn an_account_is_twelve_digits_and_nothing_else() {
    assert_eq!(AccountId::new("012345678901").unwrap().as_str(), "012345678901");
    for text in ["", "12345678901", "1234567890123", "12345678901x", "１2345678901"] {
        assert_eq!(AccountId::new(text), Err(NameError::Account(text.to_owned())));
    }
}

#[test]
fn a_region_is_lower_case_letters_digits_and_hyphens() {
    for text in ["us-east-1", "ap-northeast-2", "local"] {
        assert_eq!(Region::new(text).unwrap().to_string(), text);
    }
    for text in ["", "US-EAST-1", "us_east", "1st", "a/b", &"x".repeat(33)] {
        assert!(Region::new(text).is_err(), "{text}");
    }
}

#[test]
fn serde_reads_names_as_validated_text() {
    let scope = scope("eu-west-1");
    let json = serde_json::to_string(&scope).unwrap();
    assert_eq!(json, r#"{"account":"000000000000","region":"eu-west-1"}"#);
    assert_eq!(serde_json::from_str::<Scope>(&json).unwrap(), scope);
    assert!(serde_json::from_str::<AccountId>("\"12\"").is_err());
    assert!(serde_json::from_str::<Arn>("\"arn:aws\"").is_err());
}

#[test]
fn an_arn_round_trips_with_colons_and_slashes_in_its_resource() {
    let arn = Arn::new("kinesis", &scope("us-gov-west-1"), "stream/a:b");
    assert_eq!(arn.to_string(), "arn:aws-us-gov:kinesis:us-gov-west-1:000000000000:stream/a:b");
    assert_eq!(arn.to_string().parse::<Arn>().unwrap(), arn);
    assert_eq!(Arn::global("s3", &arn_account(), "bucket/*").to_string(), "arn:aws:s3:::bucket/*");
    assert_eq!(Arn::global("iam", &arn_account(), "root").to_string(), "arn:aws:iam::000000000000:root");
    for text in ["", "arn:aws:s3::", "urn:aws:s3:::b", "arn::s3:::b", "arn:aws:s3:::"] {
        assert!(text.parse::<Arn>().is_err(), "{text}");
    }
}

fn arn_account() -> AccountId {
    AccountId::new("000000000000").unwrap()
}
