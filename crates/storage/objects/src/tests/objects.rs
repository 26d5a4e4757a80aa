use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use meta::{Key, Txn};
use names::AccountId;

use super::{BUCKET, Bench, pattern, scope};
use crate::{
    ByteRange, ChecksumAlgorithm, Condition, CopyOptions, EtagKind, Expected, ObjectError, PublishError,
    PutOptions, Replace,
};

fn text_map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn an_object_comes_back_as_it_was_put() {
    let bench = Bench::new().await;
    let options = PutOptions {
        content_type: Some("text/plain".into()),
        headers: text_map(&[("cache-control", "no-store")]),
        user_metadata: text_map(&[("colour", "blue")]),
        tags: text_map(&[("team", "data")]),
        ..PutOptions::default()
    };
    let put = bench.objects.put(BUCKET, "a/b", "hello".into(), options).await.unwrap();
    assert_eq!(put.etag, "5d41402abc4b2a76b9719d911017c592");
    assert_eq!((put.size, put.content_type.as_deref(), put.parts), (5, Some("text/plain"), None));
    assert_eq!(bench.objects.head(BUCKET, "a/b").await.unwrap(), put);
    assert_eq!(bench.objects.get_bytes(BUCKET, "a/b", None).await.unwrap(), "hello");
    assert_eq!(put.tags, text_map(&[("team", "data")]));
    let file = bench.files().pop().unwrap();
    assert_eq!(std::fs::read(file).unwrap(), b"hello");
}

#[tokio::test]
async fn a_large_object_is_streamed_in_and_out() {
    let bench = Bench::new().await;
    // Beyond what may stay in the system's memory.
    let all = pattern(11 << 20);
    let mut writer = bench.objects.writer(BUCKET, "big", PutOptions::default()).await.unwrap();
    for piece in all.chunks(700_001) {
        writer.write(all.slice_ref(piece)).await.unwrap();
    }
    assert_eq!(writer.size(), all.len() as u64);
    let info = writer.finish().await.unwrap();
    assert_eq!(info.etag, hex::encode(md5_of(&all)));
    let (_, mut body) = bench.objects.get(BUCKET, "big", None).await.unwrap();
    assert_eq!(body.size(), all.len() as u64);
    let mut read = BytesMut::new();
    while let Some(piece) = body.next().await {
        read.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(read, all);
}

fn md5_of(bytes: &[u8]) -> [u8; 16] {
    use md5::Digest;
    md5::Md5::digest(bytes).into()
}

#[tokio::test]
async fn what_was_flushed_is_in_the_file_and_more_may_follow() {
    let bench = Bench::new().await;
    let mut writer = bench.objects.writer(BUCKET, "k", PutOptions::default()).await.unwrap();
    writer.flush().await.unwrap();
    for (piece, whole) in [("a", "a"), ("bc", "abc")] {
        writer.write(piece.into()).await.unwrap();
        writer.flush().await.unwrap();
        assert_eq!(std::fs::read(bench.files().pop().unwrap()).unwrap(), whole.as_bytes());
    }
    writer.write("d".into()).await.unwrap();
    writer.finish().await.unwrap();
    assert_eq!(bench.objects.get_bytes(BUCKET, "k", None).await.unwrap(), "abcd");
}

#[tokio::test]
async fn a_range_is_cut_at_the_end_and_refused_where_nothing_is() {
    let bench = Bench::new().await;
    bench.objects.put(BUCKET, "a", "0123456789".into(), PutOptions::default()).await.unwrap();
    bench.objects.put(BUCKET, "empty", Bytes::new(), PutOptions::default()).await.unwrap();
    let get = |range| bench.objects.get_bytes(BUCKET, "a", Some(range));
    assert_eq!(get(ByteRange::From(7)).await.unwrap(), "789");
    assert_eq!(get(ByteRange::FromTo(2, 4)).await.unwrap(), "23");
    assert_eq!(get(ByteRange::FromTo(8, 100)).await.unwrap(), "89");
    assert_eq!(get(ByteRange::Last(3)).await.unwrap(), "789");
    assert_eq!(get(ByteRange::Last(100)).await.unwrap(), "0123456789");
    for range in [ByteRange::From(10), ByteRange::FromTo(10, 12), ByteRange::Last(0), ByteRange::FromTo(3, 3)]
    {
        assert!(matches!(get(range).await, Err(ObjectError::InvalidRange { size: 10 })), "{range:?}");
    }
    assert_eq!(bench.objects.get_bytes(BUCKET, "empty", None).await.unwrap(), "");
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let bench = Bench::new().await;
    let objects = &bench.objects;
    assert!(matches!(objects.head(BUCKET, "a").await, Err(ObjectError::NoSuchKey { .. })));
    assert!(matches!(objects.head("none", "a").await, Err(ObjectError::NoSuchBucket { .. })));
    let put = objects.put("none", "a", "x".into(), PutOptions::default()).await;
    assert!(matches!(put, Err(ObjectError::NoSuchBucket { .. })));
    assert!(matches!(objects.delete("none", "a").await, Err(ObjectError::NoSuchBucket { .. })));
    assert!(!objects.delete(BUCKET, "a").await.unwrap());
}

#[tokio::test]
async fn conditions_are_checked_against_the_object_that_is_replaced() {
    let bench = Bench::new().await;
    let put = |text: &'static str, condition| {
        let options = PutOptions { condition: Some(condition), ..PutOptions::default() };
        bench.objects.put(BUCKET, "a", text.into(), options)
    };
    let failed = |result| matches!(result, Err(ObjectError::PreconditionFailed { .. }));
    assert!(failed(put("x", Condition::Matches("y".into())).await));
    let first = put("1", Condition::Absent).await.unwrap();
    assert!(failed(put("2", Condition::Absent).await));
    assert!(failed(put("2", Condition::Matches("other".into())).await));
    put("2", Condition::Matches(first.etag.clone())).await.unwrap();
    let stale = bench.objects.delete_if(BUCKET, "a", Some(Condition::Matches(first.etag))).await;
    assert!(matches!(stale, Err(ObjectError::PreconditionFailed { .. })));
    assert_eq!(bench.objects.get_bytes(BUCKET, "a", None).await.unwrap(), "2");
    assert_eq!(bench.files().len(), 1);
}

#[tokio::test]
async fn of_many_that_create_the_same_key_one_wins() {
    let bench = Bench::new().await;
    let create = |number: u32| {
        let options = PutOptions { condition: Some(Condition::Absent), ..PutOptions::default() };
        bench.objects.put(BUCKET, "a", number.to_string().into(), options)
    };
    let results = futures::future::join_all((0..8).map(create)).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(bench.files().len(), 1);
}

#[tokio::test]
async fn bytes_that_are_not_what_was_announced_are_not_stored() {
    let bench = Bench::new().await;
    let put = |expected| {
        let options = PutOptions { expected, ..PutOptions::default() };
        bench.objects.put(BUCKET, "a", "hello".into(), options)
    };
    let wrong_md5 = Expected { md5: Some("AAAA".into()), ..Expected::default() };
    assert!(matches!(put(wrong_md5).await, Err(ObjectError::DigestMismatch)));
    let wrong_size = Expected { size: Some(6), ..Expected::default() };
    assert!(matches!(put(wrong_size).await, Err(ObjectError::SizeMismatch { expected: 6, received: 5 })));
    let wrong_crc = Some("AAAAAA==".to_owned());
    let wrong = Expected { checksums: [(ChecksumAlgorithm::Crc32, wrong_crc)].into(), ..Expected::default() };
    assert!(matches!(
        put(wrong).await,
        Err(ObjectError::ChecksumMismatch { algorithm: ChecksumAlgorithm::Crc32 })
    ));
    assert!(matches!(bench.objects.head(BUCKET, "a").await, Err(ObjectError::NoSuchKey { .. })));
    assert_eq!(bench.files().len(), 0);
}

/// Reference values: the check values of the CRC catalogue for "123456789", and the digests' own.
#[tokio::test]
async fn all_checksums_are_computed_and_verified() {
    use ChecksumAlgorithm::{Crc32, Crc32c, Crc64nvme, Sha1, Sha256};
    let bench = Bench::new().await;
    let known = [
        (Crc32, "y/Q5Jg=="),
        (Crc32c, "4waSgw=="),
        (Crc64nvme, "rosUhgp5mIg="),
        (Sha1, "98O8HYCOBHMq32eZZczDTKeuNEE="),
        (Sha256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
    ];
    let checksums = known.map(|(algorithm, value)| (algorithm, Some(value.to_owned()))).into();
    let expected = Expected { checksums, md5: Some("JfnnlDI7RTiF9RgfG2JNCw==".into()), size: Some(9) };
    let options = PutOptions { expected, ..PutOptions::default() };
    let info = bench.objects.put(BUCKET, "a", "123456789".into(), options).await.unwrap();
    assert_eq!(info.checksums.values.len(), 5);
    assert_eq!(bench.objects.head(BUCKET, "a").await.unwrap().checksums, info.checksums);
}

#[tokio::test]
async fn a_reader_sees_the_version_it_opened_to_the_end() {
    let bench = Bench::new().await;
    let old = pattern(3 << 20);
    bench.objects.put(BUCKET, "a", old.clone(), PutOptions::default()).await.unwrap();
    let (_, mut body) = bench.objects.get(BUCKET, "a", None).await.unwrap();
    let first = body.next().await.unwrap().unwrap();
    bench.objects.put(BUCKET, "a", "new".into(), PutOptions::default()).await.unwrap();
    let rest = body.bytes().await.unwrap();
    assert_eq!([first, rest].concat(), old);
    assert_eq!(bench.objects.get_bytes(BUCKET, "a", None).await.unwrap(), "new");
    assert_eq!(bench.files().len(), 1);
}

#[tokio::test]
async fn a_dropped_writer_leaves_nothing() {
    let bench = Bench::new().await;
    let mut writer = bench.objects.writer(BUCKET, "a", PutOptions::default()).await.unwrap();
    writer.write(pattern(3 << 20)).await.unwrap();
    writer.write(pattern(10)).await.unwrap();
    drop(writer);
    assert!(bench.rt.shutdown(std::time::Duration::from_secs(60)).await.is_empty());
    assert_eq!(bench.files().len(), 0);
    assert!(matches!(bench.objects.head(BUCKET, "a").await, Err(ObjectError::NoSuchKey { .. })));
}

#[tokio::test]
async fn staged_objects_become_visible_in_the_commit_of_their_publisher() {
    let bench = Bench::new().await;
    let stage = async |key: &str, text: &'static str| {
        let mut writer = bench.objects.writer(BUCKET, key, PutOptions::default()).await.unwrap();
        writer.write(text.into()).await.unwrap();
        writer.stage().await.unwrap()
    };
    let progress = Key::global("test").with("progress");
    let staged = vec![stage("a", "1").await, stage("b", "22").await];
    assert_eq!((staged[1].size(), staged[1].key()), (2, "b"));
    assert!(matches!(bench.objects.head(BUCKET, "a").await, Err(ObjectError::NoSuchKey { .. })));
    let txn = Txn::new().require_absent(progress.clone()).put(progress.clone(), "2");
    let (infos, revision) = bench.objects.publish(staged, txn).await.unwrap();
    assert_eq!(infos.iter().map(|info| info.key.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(bench.meta.get(&progress).await.unwrap().unwrap().revision, revision);

    let refused = Txn::new().require_absent(progress.clone());
    match bench.objects.publish(vec![stage("c", "3").await], refused).await {
        Err(PublishError::Conflict { key }) => assert_eq!(key, progress),
        other => panic!("{other:?}"),
    }
    assert!(matches!(bench.objects.head(BUCKET, "c").await, Err(ObjectError::NoSuchKey { .. })));
    let twice = vec![stage("d", "1").await, stage("d", "2").await];
    let twice = bench.objects.publish(twice, Txn::new()).await;
    assert!(matches!(twice, Err(PublishError::Object(ObjectError::Invalid { .. }))));
    assert_eq!(bench.files().len(), 2);
}

#[tokio::test]
async fn a_copy_shares_the_bytes_and_outlives_its_source() {
    let bench = Bench::new().await;
    let options = PutOptions { content_type: Some("text/plain".into()), ..PutOptions::default() };
    let source = bench.objects.put(BUCKET, "a", "hello".into(), options).await.unwrap();
    let copy = bench.objects.copy((BUCKET, "a"), (BUCKET, "b"), CopyOptions::default()).await.unwrap();
    assert_eq!((&copy.etag, &copy.content_type), (&source.etag, &source.content_type));
    let replace = Replace { content_type: Some("x/y".into()), ..Replace::default() };
    let options = CopyOptions {
        replace: Some(replace),
        checksum: Some(ChecksumAlgorithm::Sha256),
        ..CopyOptions::default()
    };
    let replaced = bench.objects.copy((BUCKET, "a"), (BUCKET, "a"), options).await.unwrap();
    assert_eq!(replaced.content_type.as_deref(), Some("x/y"));
    assert_eq!(replaced.checksums.values.len(), 1);
    assert!(bench.objects.delete(BUCKET, "a").await.unwrap());
    assert_eq!(bench.objects.get_bytes(BUCKET, "b", None).await.unwrap(), "hello");
    let stale = CopyOptions { source_etag: Some("other".into()), ..CopyOptions::default() };
    let stale = bench.objects.copy((BUCKET, "b"), (BUCKET, "c"), stale).await;
    assert!(matches!(stale, Err(ObjectError::PreconditionFailed { .. })));
    assert_eq!(bench.files().len(), 1);
}

#[tokio::test]
async fn tags_are_replaced_and_nothing_else_of_the_object() {
    let bench = Bench::new().await;
    let before = bench.objects.put(BUCKET, "a", "x".into(), PutOptions::default()).await.unwrap();
    bench.objects.set_tags(BUCKET, "a", text_map(&[("k", "v")])).await.unwrap();
    let after = bench.objects.head(BUCKET, "a").await.unwrap();
    assert_eq!(after, crate::ObjectInfo { tags: text_map(&[("k", "v")]), ..before });
    let none = bench.objects.set_tags(BUCKET, "b", text_map(&[])).await;
    assert!(matches!(none, Err(ObjectError::NoSuchKey { .. })));
}

#[tokio::test]
async fn a_bucket_is_made_once_listed_by_its_account_and_deleted_when_empty() {
    let bench = Bench::new().await;
    let objects = &bench.objects;
    match objects.create_bucket(BUCKET, &scope()).await {
        Err(ObjectError::BucketExists { owner, .. }) => assert_eq!(owner, scope()),
        other => panic!("{other:?}"),
    }
    objects.create_bucket("attic", &scope()).await.unwrap();
    objects.set_bucket_tags("attic", text_map(&[("k", "v")])).await.unwrap();
    let names =
        |buckets: Vec<crate::Bucket>| buckets.into_iter().map(|bucket| bucket.name).collect::<Vec<_>>();
    assert_eq!(names(objects.buckets(&scope().account).await.unwrap()), ["attic", BUCKET]);
    assert!(objects.buckets(&AccountId::new("111111111111").unwrap()).await.unwrap().is_empty());
    assert_eq!(objects.bucket("attic").await.unwrap().tags, text_map(&[("k", "v")]));

    objects.put("attic", "a", "x".into(), PutOptions::default()).await.unwrap();
    assert!(matches!(objects.delete_bucket("attic").await, Err(ObjectError::BucketNotEmpty { .. })));
    objects.delete("attic", "a").await.unwrap();
    let upload = objects.create_upload("attic", "b", crate::UploadOptions::default()).await.unwrap();
    objects.upload_part("attic", "b", &upload.id, 1, "x".into(), Expected::default()).await.unwrap();
    objects.delete_bucket("attic").await.unwrap();
    assert!(matches!(objects.bucket("attic").await, Err(ObjectError::NoSuchBucket { .. })));
    assert_eq!(bench.files().len(), 0);
}

#[tokio::test]
async fn many_deletes_answer_one_by_one() {
    let bench = Bench::new().await;
    for key in ["a", "b"] {
        bench.objects.put(BUCKET, key, "x".into(), PutOptions::default()).await.unwrap();
    }
    let keys = ["a", "none", "b"].map(str::to_owned);
    let deleted = bench.objects.delete_many(BUCKET, &keys).await.unwrap();
    assert_eq!(deleted.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(bench.files().len(), 0);
}

#[tokio::test]
async fn an_object_that_no_client_put_may_have_an_etag_without_a_digest() {
    let bench = Bench::new().await;
    let mut seen = std::collections::BTreeSet::new();
    for key in ["one", "two"] {
        let options = PutOptions { etag: EtagKind::Unique, ..PutOptions::default() };
        let info = bench.objects.put(BUCKET, key, Bytes::from_static(b"same"), options).await.unwrap();
        assert!(info.etag.ends_with("-1") && info.etag.len() == 34, "{}", info.etag);
        seen.insert(info.etag);
    }
    assert_eq!(seen.len(), 2);
    let options = PutOptions {
        etag: EtagKind::Unique,
        expected: Expected { md5: Some("AAAAAAAAAAAAAAAAAAAAAA==".into()), ..Expected::default() },
        ..PutOptions::default()
    };
    let refused = bench.objects.put(BUCKET, "three", Bytes::from_static(b"same"), options).await;
    assert!(refused.is_err(), "an announced digest is compared all the same");
}

#[tokio::test]
async fn a_lost_race_gives_the_staged_objects_back_for_another_commit() {
    let bench = Bench::new().await;
    let mut writer = bench.objects.writer(BUCKET, "a", PutOptions::default()).await.unwrap();
    writer.write(pattern(10)).await.unwrap();
    let staged = writer.stage().await.unwrap();
    let etag = staged.etag();
    let refused = Txn::new().require_present(Key::global("nobody"));
    let (error, returned) = bench.objects.publish_or_return(vec![staged], refused).await.unwrap_err();
    assert!(matches!(error, PublishError::Conflict { .. }), "{error}");
    assert!(matches!(bench.objects.head(BUCKET, "a").await, Err(ObjectError::NoSuchKey { .. })));
    let (infos, _) = bench.objects.publish_or_return(returned, Txn::new()).await.ok().unwrap();
    assert_eq!((infos[0].size, &infos[0].etag), (10, &etag));
    assert_eq!(bench.objects.get_bytes(BUCKET, "a", None).await.unwrap(), pattern(10));
}
