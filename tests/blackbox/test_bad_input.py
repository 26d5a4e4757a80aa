"""Every wrong input gets the error its client knows, and loses nothing."""

import datetime
import json
import re
import urllib.error
import urllib.request

import pytest
import raw
from botocore.exceptions import ClientError
from pipeline import create_stream, shards_of

NOW = datetime.timezone.utc


def code_of(caught):
    return caught.value.response["Error"]["Code"]


class TestSignatures:
    def test_a_wrong_secret_is_refused_by_every_protocol(self, server):
        server_key = server.credentials["AWS_ACCESS_KEY_ID"]
        session = server.session()
        for service, call, request, expected in [
            ("kinesis", "list_streams", {}, "InvalidSignatureException"),
            ("athena", "list_work_groups", {}, "InvalidSignatureException"),
            ("s3", "list_buckets", {}, "SignatureDoesNotMatch"),
            ("sts", "get_caller_identity", {}, "SignatureDoesNotMatch"),
        ]:
            client = session.client(service, endpoint_url=server.endpoint, aws_access_key_id=server_key,
                                    aws_secret_access_key="wrong", config=None)
            with pytest.raises(ClientError) as caught:
                getattr(client, call)(**request)
            assert code_of(caught) == expected, service
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)

    def test_an_unknown_key_is_refused(self, server):
        session = server.session()
        for service, call, expected in [
            ("kinesis", "list_streams", "UnrecognizedClientException"),
            ("s3", "list_buckets", "InvalidAccessKeyId"),
            ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ]:
            client = session.client(service, endpoint_url=server.endpoint,
                                    aws_access_key_id="AKIAUNKNOWN000000000", aws_secret_access_key="x")
            with pytest.raises(ClientError) as caught:
                getattr(client, call)()
            assert code_of(caught) == expected, service

    def test_a_missing_signature_is_refused(self, server):
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Kinesis_20131202.ListStreams"}
        status, _, body = raw.send(server, headers, b"{}")
        assert status in (400, 403)
        assert json.loads(body)["__type"].rsplit("#")[-1] == "MissingAuthenticationTokenException"
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{server.endpoint}/some-bucket/key")
        assert caught.value.code == 403 and b"AccessDenied" in caught.value.read()

    @pytest.mark.parametrize("minutes", [-20, 20])
    def test_a_clock_that_is_off_is_refused(self, server, minutes):
        at = datetime.datetime.now(NOW) + datetime.timedelta(minutes=minutes)
        status, code, message = raw.call(server, "kinesis", "ListStreams", {}, at=at)
        assert status in (400, 403) and code == "InvalidSignatureException"
        assert "Signature" in message

    def test_a_changed_body_does_not_match_its_signature(self, server):
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Kinesis_20131202.ListStreams"}
        signed = raw.signed(server, "kinesis", server.endpoint + "/", b"{}", headers)
        status, _, body = raw.send(server, signed, b'{"Limit":1}')
        assert status in (400, 403) and json.loads(body)["__type"].endswith("InvalidSignatureException")

    @pytest.mark.parametrize("version", [None, "s3v4"], ids=["boto3's default", "version 4"])
    def test_an_expired_presigned_url_is_refused(self, server, bucket, version):
        s3 = server.client("s3", signature_version=version)
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        old = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
        old = re.sub(r"X-Amz-Date=\d{8}T\d{6}Z", "X-Amz-Date=20200101T000000Z", old)
        old = re.sub(r"%2F\d{8}%2F", "%2F20200101%2F", old)
        old = re.sub(r"&Expires=\d+", "&Expires=1577836800", old)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(old)
        assert caught.value.code == 403
        assert b"AccessDenied" in (body := caught.value.read()) and b"xpired" in body


class TestRequests:
    def test_an_unknown_operation_is_named(self, server):
        status, code, message = raw.call(server, "kinesis", "MakeCoffee", {})
        assert status == 400 and code == "UnknownOperationException" and "MakeCoffee" in message

    def test_an_operation_that_is_not_built_is_refused_by_name(self, server):
        for service, operation in [("kinesis", "StartStreamEncryption"), ("athena", "StartSession"),
                                   ("glue", "StartJobRun"), ("firehose", "StartDeliveryStreamEncryption")]:
            status, code, message = raw.call(server, service, operation, {})
            assert status in (400, 501) and operation in message, (service, code, message)

    def test_an_unknown_or_unsupported_field_is_named(self, server, fresh):
        status, code, message = raw.call(server, "kinesis", "CreateStream", {"StreamName": fresh(), "Colour": "red"})
        assert status == 400 and "Colour" in message
        status, code, message = raw.call(
            server, "athena", "StartQueryExecution",
            {"QueryString": "SELECT 1", "ResultConfiguration": {
                "OutputLocation": "s3://b/", "EncryptionConfiguration": {"EncryptionOption": "SSE_KMS"}}})
        assert (status, code) == (400, "InvalidRequestException")
        assert "EncryptionConfiguration" in message

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"StreamName": 7}', b'{"StreamName": "x"} trailing'])
    def test_what_is_not_the_json_of_the_operation_is_refused(self, server, body):
        status, code, _ = raw.call(server, "kinesis", "DescribeStreamSummary", body)
        assert status == 400
        assert code in ("SerializationException", "ValidationException", "InvalidArgumentException"), code

    def test_a_violated_constraint_is_explained_in_the_services_words(self, server, kinesis, error_of):
        status, code, message = raw.call(server, "kinesis", "CreateStream", {"StreamName": "bad name!", "ShardCount": 0})
        assert (status, code) == (400, "ValidationException")
        assert message.startswith("2 validation errors detected: ")
        assert "at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern" in message
        assert "Value '0' at 'shardCount' failed to satisfy constraint: Member must have value greater than or equal to 1" in message

    def test_a_body_without_end_is_cut_off(self, server):
        huge = b'{"StreamName":"' + b"x" * (40 << 20)
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Kinesis_20131202.ListStreams"}
        try:
            status, _, _ = raw.send(server, raw.signed(server, "kinesis", server.endpoint + "/", huge, headers), huge)
            assert status in (400, 413)
        except (ConnectionError, BrokenPipeError):
            pass  # answered before all of it was sent
        assert server.healthy()


class TestUnknownResources:
    def test_kinesis(self, kinesis, fresh, error_of):
        name = fresh()
        code, message = error_of(kinesis.describe_stream, StreamName=name)
        assert code == "ResourceNotFoundException" and name in message
        assert error_of(kinesis.put_record, StreamName=name, PartitionKey="k", Data=b"")[0] == "ResourceNotFoundException"
        create_stream(kinesis, name)
        code, _ = error_of(kinesis.get_shard_iterator, StreamName=name, ShardId="shardId-000000000099",
                           ShardIteratorType="LATEST")
        assert code == "ResourceNotFoundException"
        assert error_of(kinesis.get_records, ShardIterator="made-up")[0] in (
            "InvalidArgumentException", "ExpiredIteratorException")

    def test_s3(self, s3, bucket, fresh, error_of):
        assert error_of(s3.get_object, Bucket=fresh(), Key="k")[0] == "NoSuchBucket"
        assert error_of(s3.get_object, Bucket=bucket, Key="k")[0] == "NoSuchKey"
        assert error_of(s3.head_object, Bucket=bucket, Key="k")[0] == "404"
        assert error_of(s3.upload_part, Bucket=bucket, Key="k", UploadId="x", PartNumber=1, Body=b"")[0] == "NoSuchUpload"
        assert error_of(s3.create_bucket, Bucket="Not_A_Bucket")[0] in ("InvalidBucketName", "InvalidRequest")

    def test_glue(self, glue, database, error_of):
        assert error_of(glue.get_table, DatabaseName=database, Name="no")[0] == "EntityNotFoundException"
        assert error_of(glue.get_tables, DatabaseName="no_such")[0] == "EntityNotFoundException"
        assert error_of(glue.create_table, DatabaseName="no_such", TableInput={"Name": "t"})[0] == "EntityNotFoundException"

    def test_firehose(self, firehose, fresh, error_of):
        name = fresh()
        for call, request in [
            (firehose.describe_delivery_stream, {}), (firehose.delete_delivery_stream, {}),
            (firehose.put_record, {"Record": {"Data": b"x"}}),
            (firehose.put_record_batch, {"Records": [{"Data": b"x"}]}),
        ]:
            assert error_of(call, DeliveryStreamName=name, **request)[0] == "ResourceNotFoundException"

    def test_athena(self, athena, sql, error_of):
        unknown = "00000000-0000-4000-8000-000000000000"
        code, message = error_of(athena.get_query_execution, QueryExecutionId=unknown)
        assert (code, message) == ("InvalidRequestException", f"QueryExecution {unknown} was not found")
        code, message = error_of(sql.start, "SELECT 1", WorkGroup="no-such")
        assert (code, message) == ("InvalidRequestException", "WorkGroup is not found.")
        code, message = error_of(athena.start_query_execution, QueryString="SELECT 1")
        assert code == "InvalidRequestException" and message.startswith("No output location provided.")
        code, message = error_of(athena.start_query_execution, QueryString="SELECT 1",
                                 ResultConfiguration={"OutputLocation": "not-s3"})
        assert message == "outputLocation is not a valid S3 path."
        code, message = error_of(athena.start_query_execution, QueryString="SELECT 1",
                                 ResultConfiguration={"OutputLocation": "s3://no-such-bucket-anywhere/"})
        assert code == "InvalidRequestException" and "no-such-bucket-anywhere" in message
        id = sql.execute("SELECT 1")["QueryExecutionId"]
        code, message = error_of(athena.get_query_results, QueryExecutionId=id, NextToken="made-up")
        assert (code, message) == ("InvalidRequestException", "Malformed nextPageToken made-up")


class TestSizes:
    def test_records_over_the_limits_are_refused_and_the_stream_stays_usable(self, server, kinesis, fresh, error_of):
        stream = fresh()
        create_stream(kinesis, stream)
        (shard,) = shards_of(kinesis, stream)
        too_big = b"x" * (10 * (1 << 20) + 1)
        code, _ = error_of(kinesis.put_record, StreamName=stream, PartitionKey="k", Data=too_big)
        assert code in ("ValidationException", "InvalidArgumentException")
        status, code, message = raw.call(server, "kinesis", "PutRecords", {
            "StreamName": stream, "Records": [{"Data": "eA==", "PartitionKey": "k"}] * 501})
        assert (status, code) == (400, "ValidationException") and "less than or equal to 500" in message
        status, code, message = raw.call(server, "kinesis", "PutRecord", {
            "StreamName": stream, "Data": "eA==", "PartitionKey": "k" * 257})
        assert (status, code) == (400, "ValidationException") and "partitionKey" in message
        code, _ = error_of(kinesis.put_record, StreamName=stream, PartitionKey="k", ExplicitHashKey=str(2**128), Data=b"")
        assert code == "InvalidArgumentException"
        put = kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"fine")
        assert put["ShardId"] == shard["ShardId"]

    def test_firehose_batches_over_the_limits_are_refused(self, server, firehose, bucket, fresh, error_of):
        from pipeline import create_delivery

        name = fresh()
        create_delivery(firehose, name, bucket)
        code, _ = error_of(firehose.put_record, DeliveryStreamName=name, Record={"Data": b"x" * 1_024_001})
        assert code in ("ValidationException", "InvalidArgumentException")
        status, code, _ = raw.call(server, "firehose", "PutRecordBatch", {
            "DeliveryStreamName": name, "Records": [{"Data": "eA=="}] * 501})
        assert status == 400 and code in ("ValidationException", "InvalidArgumentException")


class TestSql:
    @pytest.mark.parametrize(("text", "place"), [
        ("SELEC 1", "line 1:1: "),
        ("SELECT 1 FROM\n  (SELECT 2", "line 2:"),
        ("SELECT * FORM t", "line 1:10: "),
        ("CREATE EXTERNAL TABLE t (a int", "line 1:"),
        ("-- nothing", "line 1:1: "),
    ])
    def test_a_malformed_statement_is_refused_before_it_starts(self, sql, text, place):
        with pytest.raises(ClientError) as refused:
            sql.start(text)
        response = refused.value.response
        assert response["Error"]["Code"] == "InvalidRequestException"
        assert response["AthenaErrorCode"] == "MALFORMED_QUERY"
        assert response["Error"]["Message"].startswith(place), response

    @pytest.mark.parametrize(("text", "place"), [
        ("SELECT nothing_here FROM (VALUES 1) AS t(x)", "line 1:8"),
        ("SELECT x,\n       y FROM (VALUES 1) AS t(x)", "line 2:8"),
        ("SELECT * FROM no_such_table", "line 1:15"),
        ("SELECT no_such_function(1)", "line 1:8"),
    ])
    def test_errors_say_where_they_are(self, sql, text, place):
        status = sql.fails(text)["Status"]
        message, error = status["StateChangeReason"], status["AthenaError"]
        assert error["ErrorCategory"] == 2 and error["ErrorMessage"] == message and not error["Retryable"]
        assert place in message, message

    def test_errors_of_data_are_told_at_run_time(self, sql):
        for text, number in [("SELECT 1 / (x - x) FROM (VALUES 1) AS t(x)", 1001),
                             ("SELECT CAST('x' || CAST(n AS varchar) AS integer) FROM (VALUES 1) AS t(n)", 1100)]:
            status = sql.fails(text)["Status"]
            assert status["AthenaError"]["ErrorType"] == number, status
