use futures::future::join_all;
use objects::Condition;
use s3s::dto::{DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, Error, ObjectIdentifier};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use crate::S3;
use crate::error::{not_implemented, refused};
use crate::limits::PAGE_MAX;

pub(crate) async fn handle(
    s3: &S3,
    request: S3Request<DeleteObjectsInput>,
) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let input = &request.input;
    s3.own_bucket(&request, &input.bucket, input.expected_bucket_owner.as_deref()).await?;
    let named = &input.delete.objects;
    if named.is_empty() || named.len() > PAGE_MAX as usize {
        return Err(s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        ));
    }
    let quiet = input.delete.quiet == Some(true);
    let results = join_all(named.iter().map(|object| delete(s3, &input.bucket, object))).await;
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for (object, result) in named.iter().zip(results) {
        let key = Some(object.key.clone());
        match result {
            Ok(()) if quiet => {}
            Ok(()) => deleted.push(DeletedObject { key, ..DeletedObject::default() }),
            Err(error) => errors.push(Error {
                key,
                code: Some(error.code().as_str().to_owned()),
                message: error.message().map(str::to_owned),
                version_id: object.version_id.clone(),
            }),
        }
    }
    let (deleted, errors) = (Some(deleted), Some(errors));
    Ok(S3Response::new(DeleteObjectsOutput { deleted, errors, ..DeleteObjectsOutput::default() }))
}

async fn delete(s3: &S3, bucket: &str, object: &ObjectIdentifier) -> Result<(), S3Error> {
    if object.version_id.as_deref().is_some_and(|version| version != "null") {
        return Err(not_implemented("VersionId"));
    }
    if object.size.is_some() || object.last_modified_time.is_some() {
        return Err(not_implemented("Size and LastModifiedTime of an object to delete"));
    }
    let condition = object.e_tag.as_ref().map(|etag| Condition::Matches(etag.value().to_owned()));
    s3.objects.delete_if(bucket, &object.key, condition).await.map_err(refused)?;
    Ok(())
}
