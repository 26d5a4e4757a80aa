//! Random operations against a map from keys to bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::{BUCKET, Bench};
use crate::{
    ByteRange, CompleteOptions, CompletedPart, CopyOptions, Expected, ListRequest, ObjectError, Objects,
    PutOptions, UploadOptions,
};

#[derive(Debug, Clone)]
enum Action {
    Put(u8, Vec<u8>),
    Upload(u8, Vec<Vec<u8>>),
    Copy(u8, u8),
    Delete(u8),
    Read(u8, u64, u64),
    Restart,
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..20);
    let action = prop_oneof![
        4 => (0..4u8, bytes()).prop_map(|(key, bytes)| Action::Put(key, bytes)),
        2 => (0..4u8, prop::collection::vec(bytes(), 1..4)).prop_map(|(key, parts)| Action::Upload(key, parts)),
        2 => (0..4u8, 0..4u8).prop_map(|(from, to)| Action::Copy(from, to)),
        2 => (0..4u8).prop_map(Action::Delete),
        3 => (0..4u8, 0..25u64, 0..25u64).prop_map(|(key, from, count)| Action::Read(key, from, count)),
        1 => Just(Action::Restart),
    ];
    prop::collection::vec(action, 1..25)
}

async fn run(actions: Vec<Action>) {
    let bench = Bench::new().await;
    let mut objects = bench.objects.clone();
    let mut model = BTreeMap::<String, Bytes>::new();
    let name = |key: u8| format!("k{key}");
    for action in actions {
        match action {
            Action::Put(key, bytes) => {
                let bytes = Bytes::from(bytes);
                objects.put(BUCKET, &name(key), bytes.clone(), PutOptions::default()).await.unwrap();
                model.insert(name(key), bytes);
            }
            Action::Upload(key, parts) => {
                let key = name(key);
                let upload = objects.create_upload(BUCKET, &key, UploadOptions::default()).await.unwrap().id;
                let mut named = Vec::new();
                for (number, bytes) in (1..).zip(&parts) {
                    let body = Bytes::from(bytes.clone());
                    let part = objects.upload_part(BUCKET, &key, &upload, number, body, Expected::default());
                    let etag = part.await.unwrap().etag;
                    named.push(CompletedPart { number, etag, ..CompletedPart::default() });
                }
                let options = CompleteOptions::default();
                objects.complete_upload(BUCKET, &key, &upload, &named, options).await.unwrap();
                model.insert(key, parts.concat().into());
            }
            Action::Copy(from, to) => {
                let copied =
                    objects.copy((BUCKET, &name(from)), (BUCKET, &name(to)), CopyOptions::default()).await;
                match model.get(&name(from)).cloned() {
                    Some(bytes) => {
                        copied.unwrap();
                        model.insert(name(to), bytes);
                    }
                    None => assert!(matches!(copied, Err(ObjectError::NoSuchKey { .. }))),
                }
            }
            Action::Delete(key) => {
                let existed = objects.delete(BUCKET, &name(key)).await.unwrap();
                assert_eq!(existed, model.remove(&name(key)).is_some());
            }
            Action::Read(key, from, count) => {
                let range = ByteRange::FromTo(from, from + count);
                let read = objects.get_bytes(BUCKET, &name(key), Some(range)).await;
                let expected = model.get(&name(key)).map(|bytes| {
                    let to = (from + count).min(bytes.len() as u64);
                    bytes.get(from as usize..to as usize).filter(|bytes| !bytes.is_empty())
                });
                match (read, expected) {
                    (Ok(read), Some(Some(expected))) => assert_eq!(read, expected),
                    (Err(ObjectError::InvalidRange { .. }), Some(None)) => {}
                    (Err(ObjectError::NoSuchKey { .. }), None) => {}
                    (read, expected) => panic!("{read:?} instead of {expected:?}"),
                }
            }
            Action::Restart => objects = bench.reopen().await,
        }
    }
    agree(&bench, &objects, &model).await;
}

async fn agree(bench: &Bench, objects: &Objects, model: &BTreeMap<String, Bytes>) {
    let request = ListRequest { limit: 100, ..ListRequest::default() };
    let page = objects.list(BUCKET, &request).await.unwrap();
    assert_eq!(
        page.objects.iter().map(|info| &info.key).collect::<Vec<_>>(),
        model.keys().collect::<Vec<_>>()
    );
    let mut files = 0;
    for info in page.objects {
        assert_eq!(objects.get_bytes(BUCKET, &info.key, None).await.unwrap(), model[&info.key]);
        files += info.parts.unwrap_or(1) as usize;
    }
    assert_eq!(bench.files().len(), files);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn objects_are_a_map_from_keys_to_bytes(actions in actions()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(actions));
    }
}
