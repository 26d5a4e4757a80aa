use bytes::Bytes;
use futures::StreamExt;

use super::{BUCKET, Bench, pattern};
use crate::{
    ByteRange, ChecksumAlgorithm, CompleteOptions, CompletedPart, CopyOptions, Expected, ObjectError,
    Objects, PartInfo, PutOptions, UploadListRequest, UploadOptions,
};

async fn begin(objects: &Objects, options: UploadOptions) -> String {
    objects.create_upload(BUCKET, "big", options).await.unwrap().id
}

async fn part(objects: &Objects, upload: &str, number: u32, body: Bytes) -> PartInfo {
    objects.upload_part(BUCKET, "big", upload, number, body, Expected::default()).await.unwrap()
}

fn named(parts: &[PartInfo]) -> Vec<CompletedPart> {
    let named = |part: &PartInfo| CompletedPart {
        number: part.number,
        etag: part.etag.clone(),
        checksums: part.checksums.clone(),
    };
    parts.iter().map(named).collect()
}

async fn complete(
    objects: &Objects,
    upload: &str,
    parts: &[PartInfo],
) -> Result<crate::ObjectInfo, ObjectError> {
    objects.complete_upload(BUCKET, "big", upload, &named(parts), CompleteOptions::default()).await
}

#[tokio::test]
async fn parts_become_one_object_in_the_order_of_their_numbers() {
    let bench = Bench::new().await;
    let put = PutOptions { content_type: Some("x/y".into()), ..PutOptions::default() };
    let upload = begin(&bench.objects, UploadOptions { put, ..UploadOptions::default() }).await;
    let all = pattern(2_500_000);
    let third = part(&bench.objects, &upload, 9, all.slice(2_000_000..)).await;
    let replaced = part(&bench.objects, &upload, 2, "nonsense".into()).await;
    let first = part(&bench.objects, &upload, 1, all.slice(..1_000_000)).await;
    let second = part(&bench.objects, &upload, 2, all.slice(1_000_000..2_000_000)).await;
    let _unused = part(&bench.objects, &upload, 5, "unused".into()).await;
    assert_ne!(replaced.etag, second.etag);
    assert_eq!(bench.files().len(), 4);

    let info = complete(&bench.objects, &upload, &[first, second, third]).await.unwrap();
    assert_eq!((info.size, info.parts, info.content_type.as_deref()), (2_500_000, Some(3), Some("x/y")));
    assert!(info.etag.ends_with("-3"));
    assert_eq!(bench.files().len(), 3);
    assert_eq!(bench.objects.get_bytes(BUCKET, "big", None).await.unwrap(), all);
    let range = Some(ByteRange::FromTo(999_990, 2_000_010));
    assert_eq!(bench.objects.get_bytes(BUCKET, "big", range).await.unwrap(), all[999_990..2_000_010]);
    let (_, body) = bench.objects.get_part(BUCKET, "big", 2).await.unwrap();
    assert_eq!(body.range(), 1_000_000..2_000_000);
    assert_eq!(body.bytes().await.unwrap(), all[1_000_000..2_000_000]);
    assert!(matches!(
        bench.objects.get_part(BUCKET, "big", 4).await,
        Err(ObjectError::InvalidPart { number: 4 })
    ));
    bench.objects.delete(BUCKET, "big").await.unwrap();
    assert_eq!(bench.files().len(), 0);
}

#[tokio::test]
async fn completing_twice_answers_twice() {
    let bench = Bench::new().await;
    let upload = begin(&bench.objects, UploadOptions::default()).await;
    let parts = [part(&bench.objects, &upload, 1, "x".into()).await];
    let first = complete(&bench.objects, &upload, &parts).await.unwrap();
    assert_eq!(complete(&bench.objects, &upload, &parts).await.unwrap(), first);
    bench.objects.put(BUCKET, "big", "new".into(), PutOptions::default()).await.unwrap();
    assert!(matches!(complete(&bench.objects, &upload, &parts).await, Err(ObjectError::NoSuchUpload { .. })));
}

#[tokio::test]
async fn parts_that_are_not_as_described_are_refused() {
    let bench = Bench::new().await;
    let upload = begin(&bench.objects, UploadOptions::default()).await;
    let first = part(&bench.objects, &upload, 1, "one".into()).await;
    let second = part(&bench.objects, &upload, 2, "two".into()).await;
    let order = complete(&bench.objects, &upload, &[second.clone(), first.clone()]).await;
    assert!(matches!(order, Err(ObjectError::PartOrder)));
    let missing = PartInfo { number: 3, ..first.clone() };
    let missing = complete(&bench.objects, &upload, &[first.clone(), missing]).await;
    assert!(matches!(missing, Err(ObjectError::InvalidPart { number: 3 })));
    let other = PartInfo { etag: second.etag.clone(), ..first.clone() };
    let other = complete(&bench.objects, &upload, &[other]).await;
    assert!(matches!(other, Err(ObjectError::InvalidPart { number: 1 })));
    let none = complete(&bench.objects, &upload, &[]).await;
    assert!(matches!(none, Err(ObjectError::Invalid { .. })));
    let options = CompleteOptions { part_size_min: 4, ..CompleteOptions::default() };
    let parts = named(&[first, second]);
    let small = bench.objects.complete_upload(BUCKET, "big", &upload, &parts, options).await;
    assert!(matches!(small, Err(ObjectError::PartTooSmall { number: 1, size: 3, minimum: 4 })));
    let options = CompleteOptions { size: Some(7), ..CompleteOptions::default() };
    let size = bench.objects.complete_upload(BUCKET, "big", &upload, &parts, options).await;
    assert!(matches!(size, Err(ObjectError::SizeMismatch { expected: 7, received: 6 })));
    assert_eq!(bench.files().len(), 2);
}

#[tokio::test]
async fn an_aborted_upload_takes_its_parts_away() {
    let bench = Bench::new().await;
    let upload = begin(&bench.objects, UploadOptions::default()).await;
    let first = part(&bench.objects, &upload, 1, "one".into()).await;
    bench.objects.abort_upload(BUCKET, "big", &upload).await.unwrap();
    assert_eq!(bench.files().len(), 0);
    let again = bench.objects.abort_upload(BUCKET, "big", &upload).await;
    assert!(matches!(again, Err(ObjectError::NoSuchUpload { .. })));
    assert!(matches!(
        complete(&bench.objects, &upload, &[first]).await,
        Err(ObjectError::NoSuchUpload { .. })
    ));
    let late = bench.objects.upload_part(BUCKET, "big", &upload, 2, "x".into(), Expected::default()).await;
    assert!(matches!(late, Err(ObjectError::NoSuchUpload { .. })));
}

#[tokio::test]
async fn a_part_whose_upload_ends_while_it_is_written_is_refused_and_leaves_nothing() {
    let bench = Bench::new().await;
    let upload = begin(&bench.objects, UploadOptions::default()).await;
    let expected = Expected::default();
    let mut writer = bench.objects.part_writer(BUCKET, "big", &upload, 1, expected).await.unwrap();
    writer.write(pattern(2 << 20)).await.unwrap();
    bench.objects.abort_upload(BUCKET, "big", &upload).await.unwrap();
    assert!(matches!(writer.finish().await, Err(ObjectError::NoSuchUpload { .. })));
    assert_eq!(bench.files().len(), 0);
}

#[tokio::test]
async fn checksums_of_parts_make_the_checksum_of_the_object() {
    let bench = Bench::new().await;
    let all = pattern(300_000);
    for algorithm in [ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Crc32c, ChecksumAlgorithm::Crc64nvme] {
        let options = UploadOptions { checksum: Some(algorithm), ..UploadOptions::default() };
        let upload = begin(&bench.objects, options).await;
        let parts = [
            part(&bench.objects, &upload, 1, all.slice(..100_000)).await,
            part(&bench.objects, &upload, 2, all.slice(100_000..)).await,
        ];
        let info = complete(&bench.objects, &upload, &parts).await.unwrap();
        let expected = Expected { checksums: [(algorithm, None)].into(), ..Expected::default() };
        let options = PutOptions { expected, ..PutOptions::default() };
        let whole = bench.objects.put(BUCKET, "whole", all.clone(), options).await.unwrap();
        assert_eq!(info.checksums, whole.checksums);
    }
}

#[tokio::test]
async fn a_composite_checksum_is_made_of_the_parts_checksums() {
    let bench = Bench::new().await;
    let options = UploadOptions {
        checksum: Some(ChecksumAlgorithm::Sha256),
        composite: true,
        ..UploadOptions::default()
    };
    let upload = begin(&bench.objects, options).await;
    let parts = [
        part(&bench.objects, &upload, 1, "hello".into()).await,
        part(&bench.objects, &upload, 2, "world".into()).await,
    ];
    let info = complete(&bench.objects, &upload, &parts).await.unwrap();
    assert!(info.checksums.composite);
    // base64(sha256(sha256("hello") || sha256("world")))-2
    let each = [b"hello", b"world"].map(|text| <[u8; 32]>::from(sha2::Sha256::digest(text)));
    use sha2::Digest;
    let both = sha2::Sha256::digest(each.concat());
    let expected = format!("{}-2", base64_simd::STANDARD.encode_to_string(both));
    assert_eq!(info.checksums.values[&ChecksumAlgorithm::Sha256], expected);
}

#[tokio::test]
async fn a_part_can_be_a_range_of_an_object() {
    let bench = Bench::new().await;
    let source = bench.objects.put(BUCKET, "a", "0123456789".into(), PutOptions::default()).await.unwrap();
    let upload = begin(&bench.objects, UploadOptions::default()).await;
    let copy =
        |range, etag| bench.objects.upload_part_copy((BUCKET, "a"), range, etag, (BUCKET, "big"), &upload, 1);
    let stale = copy(None, Some("other")).await;
    assert!(matches!(stale, Err(ObjectError::PreconditionFailed { .. })));
    let copied = copy(Some(ByteRange::FromTo(2, 5)), Some(&source.etag)).await.unwrap();
    complete(&bench.objects, &upload, &[copied]).await.unwrap();
    assert_eq!(bench.objects.get_bytes(BUCKET, "big", None).await.unwrap(), "234");
}

#[tokio::test]
async fn a_copy_of_an_object_in_parts_is_one_file_with_the_digest_of_its_bytes() {
    let bench = Bench::new().await;
    let upload = begin(&bench.objects, UploadOptions::default()).await;
    let parts = [
        part(&bench.objects, &upload, 1, "hel".into()).await,
        part(&bench.objects, &upload, 2, "lo".into()).await,
    ];
    complete(&bench.objects, &upload, &parts).await.unwrap();
    let copy = bench.objects.copy((BUCKET, "big"), (BUCKET, "b"), CopyOptions::default()).await.unwrap();
    assert_eq!((copy.etag.as_str(), copy.parts), ("5d41402abc4b2a76b9719d911017c592", None));
}

#[tokio::test]
async fn a_reader_of_parts_sees_all_of_them_after_the_object_is_gone() {
    let bench = Bench::new().await;
    let upload = begin(&bench.objects, UploadOptions::default()).await;
    let mut parts = Vec::new();
    for number in 1..=4 {
        parts.push(part(&bench.objects, &upload, number, pattern(100_000)).await);
    }
    complete(&bench.objects, &upload, &parts).await.unwrap();
    let (_, mut body) = bench.objects.get(BUCKET, "big", None).await.unwrap();
    let first = body.next().await.unwrap().unwrap();
    bench.objects.delete(BUCKET, "big").await.unwrap();
    assert_eq!(bench.objects.sweep().await.unwrap(), 0);
    assert_eq!([first, body.bytes().await.unwrap()].concat(), pattern(100_000).repeat(4));
    assert_eq!(bench.files().len(), 0);
}

#[tokio::test]
async fn parts_and_uploads_are_listed_in_pages() {
    let bench = Bench::new().await;
    let objects = &bench.objects;
    let upload = begin(objects, UploadOptions::default()).await;
    for number in [3, 1, 2] {
        part(objects, &upload, number, "x".into()).await;
    }
    let page = objects.parts(BUCKET, "big", &upload, 0, 2).await.unwrap();
    assert_eq!(page.parts.iter().map(|part| part.number).collect::<Vec<_>>(), [1, 2]);
    assert!(page.more);
    let page = objects.parts(BUCKET, "big", &upload, 2, 2).await.unwrap();
    assert_eq!(page.parts.iter().map(|part| part.number).collect::<Vec<_>>(), [3]);
    assert!(!page.more);

    for key in ["a", "big", "d/1", "d/2", "e"] {
        objects.create_upload(BUCKET, key, UploadOptions::default()).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut request =
        UploadListRequest { delimiter: Some("/".into()), limit: 1, ..UploadListRequest::default() };
    loop {
        let page = objects.uploads(BUCKET, &request).await.unwrap();
        seen.extend(page.uploads.into_iter().map(|upload| upload.key));
        seen.extend(page.prefixes);
        let Some((key, id)) = page.next else { break };
        (request.after_key, request.after_upload) = (Some(key), id);
    }
    assert_eq!(seen, ["a", "big", "big", "d/", "e"]);
    let after = UploadListRequest { after_key: Some("big".into()), limit: 9, ..Default::default() };
    let keys: Vec<_> =
        objects.uploads(BUCKET, &after).await.unwrap().uploads.into_iter().map(|u| u.key).collect();
    assert_eq!(keys, ["d/1", "d/2", "e"]);
}
