"""Fixtures: one server for the session, fresh names for every test."""

import itertools
import os
import pathlib
import random
import sys

import pytest
from botocore.exceptions import ClientError
from pyiceberg.catalog.glue import GlueCatalog

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from athena import Sql
from server import Server, binary

_counter = itertools.count(1)


def pytest_configure(config):
    if not pathlib.Path(binary()).is_file():
        raise pytest.UsageError(f"there is no {binary()}: build it, or point MULGIL_BIN at it")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("mulgil") / "data").start()
    yield server
    server.kill9() if sys.exc_info()[0] else server.stop()


@pytest.fixture
def own_server(tmp_path):
    """Servers for tests that stop, kill or configure theirs: call it for each one."""
    servers = []

    def start(*arguments, data_dir=None):
        server = Server(data_dir or tmp_path / f"data-{len(servers)}", *arguments)
        servers.append(server)
        return server.start()

    yield start
    for server in servers:
        server.kill9()


@pytest.fixture
def fresh(request):
    """Names nobody else uses."""
    stem = "".join(c if c.isalnum() else "-" for c in request.node.name.lower().removeprefix("test_"))[:20].strip("-")

    def name(kind: str = "x", separator: str = "-") -> str:
        return separator.join([kind, stem.replace("-", separator), str(next(_counter))])

    return name


@pytest.fixture
def kinesis(server):
    return server.client("kinesis")


@pytest.fixture
def firehose(server):
    return server.client("firehose")


@pytest.fixture
def s3(server):
    return server.client("s3")


@pytest.fixture
def glue(server):
    return server.client("glue")


@pytest.fixture
def athena(server):
    return server.client("athena")


@pytest.fixture
def catalog(server):
    """The Glue Data Catalog as PyIceberg opens it."""
    access = server.credentials
    return GlueCatalog("mulgil", **{
        "glue.endpoint": server.endpoint, "glue.region": "us-east-1",
        "glue.access-key-id": access["AWS_ACCESS_KEY_ID"], "glue.secret-access-key": access["AWS_SECRET_ACCESS_KEY"],
        "s3.endpoint": server.endpoint, "s3.region": "us-east-1",
        "s3.access-key-id": access["AWS_ACCESS_KEY_ID"], "s3.secret-access-key": access["AWS_SECRET_ACCESS_KEY"],
    })


@pytest.fixture
def bucket(s3, fresh):
    name = fresh("bucket")
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def database(glue, fresh):
    name = fresh("db", "_")
    glue.create_database(DatabaseInput={"Name": name})
    return name


@pytest.fixture
def sql(athena, bucket, database):
    return Sql(athena, f"s3://{bucket}/results/", database)


@pytest.fixture
def seed():
    """The seed of a randomised test; replay with MULGIL_SEED."""
    seed = int(os.environ.get("MULGIL_SEED") or random.SystemRandom().getrandbits(32))
    print(f"MULGIL_SEED={seed}")
    return seed


@pytest.fixture
def error_of():
    """The code and message of the error that a call must answer with."""

    def call(function, *arguments, **request):
        with pytest.raises(ClientError) as caught:
            function(*arguments, **request)
        error = caught.value.response["Error"]
        return error["Code"], error.get("Message", "")

    return call
