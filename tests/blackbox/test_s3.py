"""S3 through boto3: objects, listings, multipart, presigned URLs, both addressing styles."""

import hashlib
import http.client
import os
import urllib.parse

import pytest
from boto3.s3.transfer import TransferConfig
from pipeline import keys_below
from server import wait_until

PART = 5 << 20


@pytest.fixture(params=["path", "virtual"])
def styled(request, server):
    """Clients of both addressing styles; *.localhost is this machine."""
    return server.client("s3", s3={"addressing_style": request.param})


def test_an_object_round_trips_with_its_metadata_in_both_addressing_styles(server, styled, fresh):
    bucket = fresh()
    styled.create_bucket(Bucket=bucket)
    put = styled.put_object(
        Bucket=bucket, Key="a folder/물길 & more?.txt", Body=b"water", ContentType="text/plain",
        CacheControl="no-store", Metadata={"origin": "test"},
    )
    assert put["ETag"] == f'"{hashlib.md5(b"water").hexdigest()}"'
    got = styled.get_object(Bucket=bucket, Key="a folder/물길 & more?.txt")
    assert got["Body"].read() == b"water"
    assert (got["ContentType"], got["CacheControl"], got["Metadata"]) == ("text/plain", "no-store", {"origin": "test"})
    head = styled.head_object(Bucket=bucket, Key="a folder/물길 & more?.txt")
    assert head["ContentLength"] == 5 and head["ETag"] == put["ETag"]
    assert keys_below(styled, bucket) == ["a folder/물길 & more?.txt"]


def test_ranges_and_conditions(s3, bucket):
    body = bytes(range(256)) * 10
    etag = s3.put_object(Bucket=bucket, Key="k", Body=body)["ETag"]
    for asked, expected in [
        ("bytes=0-0", body[:1]), ("bytes=10-19", body[10:20]), ("bytes=2550-", body[2550:]),
        ("bytes=-7", body[-7:]), ("bytes=2000-99999", body[2000:]),
    ]:
        got = s3.get_object(Bucket=bucket, Key="k", Range=asked)
        assert got["Body"].read() == expected and got["ResponseMetadata"]["HTTPStatusCode"] == 206, asked
    with pytest.raises(s3.exceptions.ClientError) as caught:
        s3.get_object(Bucket=bucket, Key="k", Range="bytes=99999-")
    assert caught.value.response["Error"]["Code"] == "InvalidRange"
    with pytest.raises(s3.exceptions.ClientError) as caught:
        s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=etag)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 304
    with pytest.raises(s3.exceptions.ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="k", Body=b"other", IfNoneMatch="*")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body


def test_listing_groups_by_delimiter_and_pages_without_loss(s3, bucket):
    keys = [f"{folder}/{n:03}" for folder in ("a", "b", "c d") for n in range(25)] + ["top", "z/"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 7})
    assert [e["Key"] for page in pages for e in page.get("Contents", [])] == sorted(keys)
    grouped = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [p["Prefix"] for p in grouped["CommonPrefixes"]] == ["a/", "b/", "c d/", "z/"]
    assert [e["Key"] for e in grouped["Contents"]] == ["top"]
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 2})
    together = [e.get("Prefix") or e["Key"] for p in pages for e in p.get("CommonPrefixes", []) + p.get("Contents", [])]
    assert sorted(together) == ["a/", "b/", "c d/", "top", "z/"]
    after = s3.list_objects_v2(Bucket=bucket, Prefix="b/", StartAfter="b/020")
    assert [e["Key"] for e in after["Contents"]] == [f"b/{n:03}" for n in range(21, 25)]
    assert s3.list_objects_v2(Bucket=bucket, MaxKeys=3)["IsTruncated"]


def test_copy_and_deletes(s3, bucket, error_of):
    s3.put_object(Bucket=bucket, Key="from", Body=b"one", Metadata={"a": "1"})
    s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from"})
    assert s3.get_object(Bucket=bucket, Key="to")["Metadata"] == {"a": "1"}
    s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from"},
                   Metadata={"b": "2"}, MetadataDirective="REPLACE")
    assert s3.get_object(Bucket=bucket, Key="to")["Metadata"] == {"b": "2"}
    s3.delete_object(Bucket=bucket, Key="from")
    s3.delete_object(Bucket=bucket, Key="from")
    assert error_of(s3.get_object, Bucket=bucket, Key="from")[0] == "NoSuchKey"
    assert error_of(s3.delete_bucket, Bucket=bucket)[0] == "BucketNotEmpty"
    for n in range(5):
        s3.put_object(Bucket=bucket, Key=f"many/{n}", Body=b"")
    answer = s3.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": f"many/{n}"} for n in range(5)] + [{"Key": "never"}, {"Key": "to"}]}
    )
    assert "Errors" not in answer and len(answer["Deleted"]) == 7
    s3.delete_bucket(Bucket=bucket)
    assert bucket not in [b["Name"] for b in s3.list_buckets()["Buckets"]]


def test_boto3s_transfer_manager_uploads_in_parts_and_downloads_in_ranges(s3, bucket, tmp_path):
    body = os.urandom(3 * PART + 12345)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(body)
    config = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=4)
    s3.upload_file(str(source), bucket, "big", Config=config, ExtraArgs={"Metadata": {"big": "yes"}})
    head = s3.head_object(Bucket=bucket, Key="big")
    assert head["ContentLength"] == len(body) and head["ETag"].endswith('-4"') and head["Metadata"] == {"big": "yes"}
    s3.download_file(bucket, "big", str(target), Config=config)
    assert target.read_bytes() == body


def test_multipart_by_hand_with_copy_listing_and_abort(s3, bucket, error_of):
    s3.put_object(Bucket=bucket, Key="source", Body=b"c" * PART)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ContentType="x/y")["UploadId"]
    parts = [
        {"PartNumber": 1, "ETag": s3.upload_part(
            Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"a" * PART)["ETag"]},
        {"PartNumber": 2, "ETag": s3.upload_part_copy(
            Bucket=bucket, Key="k", UploadId=upload, PartNumber=2,
            CopySource={"Bucket": bucket, "Key": "source"})["CopyPartResult"]["ETag"]},
        {"PartNumber": 5, "ETag": s3.upload_part(
            Bucket=bucket, Key="k", UploadId=upload, PartNumber=5, Body=b"end")["ETag"]},
    ]
    assert [p["PartNumber"] for p in s3.list_parts(Bucket=bucket, Key="k", UploadId=upload)["Parts"]] == [1, 2, 5]
    assert [u["UploadId"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]
    assert error_of(s3.head_object, Bucket=bucket, Key="k")[0] == "404"
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["ContentType"] == "x/y" and got["Body"].read() == b"a" * PART + b"c" * PART + b"end"
    other = s3.create_multipart_upload(Bucket=bucket, Key="k2")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="k2", UploadId=other, PartNumber=1, Body=b"x")
    wrong = [{"PartNumber": 1, "ETag": '"0"'}]
    assert error_of(s3.complete_multipart_upload, Bucket=bucket, Key="k2", UploadId=other,
                    MultipartUpload={"Parts": wrong})[0] == "InvalidPart"
    s3.abort_multipart_upload(Bucket=bucket, Key="k2", UploadId=other)
    assert error_of(s3.upload_part, Bucket=bucket, Key="k2", UploadId=other, PartNumber=2, Body=b"x")[0] == "NoSuchUpload"
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


@pytest.mark.parametrize("version", [None, "s3v4"], ids=["boto3's default", "version 4"])
def test_presigned_urls_read_and_write_without_credentials(server, bucket, version):
    s3 = server.client("s3", signature_version=version)
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "p q"}, ExpiresIn=60)
    # http.client adds no content type of its own, which version 2 would have to sign.
    assert by_url("PUT", url, b"by url")[0] == 200
    url = s3.generate_presigned_url("get_object", Params={
        "Bucket": bucket, "Key": "p q", "ResponseContentType": "text/x"}, ExpiresIn=60)
    status, headers, body = by_url("GET", url)
    assert (status, body, headers["content-type"]) == (200, b"by url", "text/x")
    s3.put_object(Bucket=bucket, Key="other", Body=b"not yours")
    status, _, body = by_url("GET", url.replace("/p%20q?", "/other?"))
    assert status == 403 and b"SignatureDoesNotMatch" in body


def by_url(method, url, body=None):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    connection.request(method, f"{parts.path}?{parts.query}", body=body)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256"])
def test_checksums_are_kept_and_wrong_ones_refused(s3, bucket, algorithm):
    if algorithm == "CRC32C":
        pytest.importorskip("awscrt", reason="boto3 computes CRC32C with awscrt only")
    s3.put_object(Bucket=bucket, Key="k", Body=b"checked" * 1000, ChecksumAlgorithm=algorithm)
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head[f"Checksum{algorithm}"]
    with pytest.raises(s3.exceptions.ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="k", Body=b"other", **{f"Checksum{algorithm}": head[f"Checksum{algorithm}"]})
    assert caught.value.response["Error"]["Code"] in ("BadDigest", "InvalidRequest", "XAmzContentChecksumMismatch")


def test_a_streamed_body_of_unknown_length_is_signed_in_chunks(s3, bucket, tmp_path):
    body = os.urandom(300_000)
    path = tmp_path / "body"
    path.write_bytes(body)
    with path.open("rb") as file:
        s3.put_object(Bucket=bucket, Key="streamed", Body=file)
    assert s3.get_object(Bucket=bucket, Key="streamed")["Body"].read() == body


def test_objects_and_unfinished_uploads_survive_a_kill(own_server):
    server = own_server()
    s3 = server.client("s3")
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="k", Body=b"acknowledged", Metadata={"m": "1"})
    upload = s3.create_multipart_upload(Bucket="kept", Key="parts")["UploadId"]
    etag = s3.upload_part(Bucket="kept", Key="parts", UploadId=upload, PartNumber=1, Body=b"part")["ETag"]
    server.kill9()
    server.start()
    s3 = server.client("s3")
    got = s3.get_object(Bucket="kept", Key="k")
    assert got["Body"].read() == b"acknowledged" and got["Metadata"] == {"m": "1"}
    s3.complete_multipart_upload(Bucket="kept", Key="parts", UploadId=upload,
                                 MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert wait_until(lambda: s3.get_object(Bucket="kept", Key="parts")["Body"].read(), "the object is there") == b"part"
