//! From an engine's error to the one S3's clients know.

use objects::ObjectError;
use s3s::{S3Error, S3ErrorCode, s3_error};

/// The error of a request that cannot be what it wants to be.
pub(crate) fn refused(error: ObjectError) -> S3Error {
    match error {
        ObjectError::NoSuchBucket { .. } => s3_error!(NoSuchBucket, "The specified bucket does not exist"),
        ObjectError::BucketExists { .. } => s3_error!(
            BucketAlreadyExists,
            "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again."
        ),
        ObjectError::BucketNotEmpty { .. } => {
            s3_error!(BucketNotEmpty, "The bucket you tried to delete is not empty")
        }
        ObjectError::NoSuchKey { .. } => s3_error!(NoSuchKey, "The specified key does not exist."),
        ObjectError::PreconditionFailed { .. } => precondition_failed(),
        ObjectError::InvalidRange { .. } => {
            s3_error!(InvalidRange, "The requested range is not satisfiable")
        }
        ObjectError::NoSuchUpload { .. } => s3_error!(
            NoSuchUpload,
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
        ),
        ObjectError::InvalidPart { .. } => s3_error!(
            InvalidPart,
            "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
        ),
        ObjectError::PartOrder => s3_error!(
            InvalidPartOrder,
            "The list of parts was not in ascending order. Parts must be ordered by part number."
        ),
        ObjectError::PartTooSmall { .. } => {
            s3_error!(EntityTooSmall, "Your proposed upload is smaller than the minimum allowed size")
        }
        ObjectError::DigestMismatch => {
            s3_error!(BadDigest, "The Content-MD5 you specified did not match what we received.")
        }
        ObjectError::ChecksumMismatch { algorithm } => s3_error!(
            BadDigest,
            "The {} you specified did not match the calculated checksum.",
            algorithm.name()
        ),
        ObjectError::SizeMismatch { .. } => s3_error!(
            IncompleteBody,
            "You did not provide the number of bytes specified by the Content-Length HTTP header"
        ),
        ObjectError::Invalid { reason } => s3_error!(InvalidRequest, "{reason}"),
        ObjectError::Contended { .. } => s3_error!(
            ConditionalRequestConflict,
            "The conditional request cannot succeed due to a conflicting operation against this resource."
        ),
        // SDKs wait and try again, which is what a disk that is being cleaned up needs.
        error @ ObjectError::StorageFull => {
            s3_error!(error, ServiceUnavailable, "No space is left to store this. Please try again.")
        }
        error @ (ObjectError::Damaged { .. } | ObjectError::Io { .. } | ObjectError::Meta(_)) => {
            tracing::error!(error = &error as &dyn std::error::Error, "object storage failed");
            s3_error!(error, InternalError, "We encountered an internal error. Please try again.")
        }
    }
}

pub(crate) fn precondition_failed() -> S3Error {
    s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
}

pub(crate) fn not_implemented(what: &str) -> S3Error {
    s3_error!(
        NotImplemented,
        "A header or parameter you provided implies functionality that is not implemented: {what}"
    )
}

pub(crate) fn invalid_argument(message: &str) -> S3Error {
    s3_error!(InvalidArgument, "{message}")
}

/// Codes that `s3s` does not list.
pub(crate) fn custom(code: &'static str, status: http::StatusCode, message: &'static str) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::Custom(code.into()), message);
    error.set_status_code(status);
    error
}
