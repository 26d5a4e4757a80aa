"""TLS on the port of cleartext, with the certificate that is generated at the first start."""

import os
import socket
import ssl
import stat

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import SSLError

from server import run_mulgil


def environment(server, *flags):
    lines = run_mulgil("env", "--data-dir", str(server.data_dir), *flags).stdout.splitlines()
    return dict(line.removeprefix("export ").split("=", 1) for line in lines)


def https(environment, service, **options):
    return boto3.client(
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}),
        **options,
    )


def test_records_and_objects_travel_over_tls(server, fresh):
    told = environment(server, "--tls")
    assert told["AWS_ENDPOINT_URL"].startswith("https://")
    kinesis = https(told, "kinesis", verify=told["AWS_CA_BUNDLE"])
    stream = fresh("stream")
    kinesis.create_stream(StreamName=stream, ShardCount=1)
    put = kinesis.put_record(StreamName=stream, PartitionKey="k", Data=b"\x00over tls")
    # What came in over TLS is there in cleartext.
    clear = server.client("kinesis")
    iterator = clear.get_shard_iterator(
        StreamName=stream, ShardId=put["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    assert [record["Data"] for record in clear.get_records(ShardIterator=iterator)["Records"]] == [b"\x00over tls"]
    s3 = https(told, "s3", verify=told["AWS_CA_BUNDLE"])
    bucket = fresh("bucket")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 300_000)
    assert len(s3.get_object(Bucket=bucket, Key="k")["Body"].read()) == 300_000


def test_a_client_that_was_not_told_of_the_ca_does_not_connect(server):
    with pytest.raises(SSLError):
        https(environment(server, "--tls"), "sts").get_caller_identity()


def test_a_shell_that_calls_in_cleartext_keeps_what_it_trusts(server):
    told = environment(server)
    assert told["AWS_ENDPOINT_URL"].startswith("http://")
    assert "AWS_CA_BUNDLE" not in told and os.path.isfile(told["MULGIL_CA_BUNDLE"])


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("protocol", ["h2", "http/1.1"])
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", socket.gethostname()])
def test_every_name_version_and_protocol_is_agreed_on(server, version, protocol, name):
    context = ssl.create_default_context(cafile=environment(server)["MULGIL_CA_BUNDLE"])
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols([protocol])
    address = environment(server)["AWS_ENDPOINT_URL"].removeprefix("http://").rsplit(":", 1)
    with socket.create_connection((address[0], int(address[1]))) as plain:
        with context.wrap_socket(plain, server_hostname=name) as secure:
            assert secure.selected_alpn_protocol() == protocol


def test_the_certificate_survives_a_restart_and_its_key_is_the_owners(own_server):
    server = own_server()
    folder = server.data_dir / "tls"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(before) == ["ca.pem", "certificate.pem", "key.pem"]
    assert stat.S_IMODE((folder / "key.pem").stat().st_mode) == 0o600
    server.stop()
    server.start()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_given_certificate_is_served(own_server, tmp_path):
    made = own_server().data_dir / "tls"
    given = ["--tls-certificate", str(made / "certificate.pem"), "--tls-key", str(made / "key.pem")]
    server = own_server(*given)
    assert "MULGIL_CA_BUNDLE" not in environment(server)
    told = environment(server, "--tls")
    sts = https(told, "sts", verify=str(made / "ca.pem"))
    assert sts.get_caller_identity()["Account"] == "000000000000"
    assert not (server.data_dir / "tls").exists()
