"""Engines that read and write Iceberg tables through our Glue and S3, all asked the same way.

Each answers `rows(sql)`, names a table with `table(database, name)`, a snapshot of it with `at(table, snapshot)` and
a table of metadata with `about(database, name, kind)`.
"""

import contextlib
import json
import pathlib
import queue
import subprocess
import threading
import time
import urllib.request

import peers
import pyarrow.compute
import pyarrow.parquet
from server import clean_environment, free_port

START_SECONDS_MAX = 120
STATEMENT_SECONDS_MAX = 120
REGION = "us-east-1"

SPARK_MEMORY = "1g"
TRINO_MEMORY = "1536m"
TRINO_VERSION = "483"
# What Spark's own start script opens.
OPENED = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in (
    "java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util",
    "java.util.concurrent", "java.util.concurrent.atomic", "jdk.internal.ref", "sun.nio.ch", "sun.nio.cs",
    "sun.security.action", "sun.util.calendar")]


class Failed(Exception):
    """A statement that an engine refused."""


class Athena:
    """Our own."""

    name = "Athena"

    def __init__(self, sql):
        self.sql = sql

    def rows(self, statement: str) -> list[tuple]:
        if statement.startswith("SELECT"):
            return self.sql.rows(statement)
        self.sql.execute(statement)
        return []

    def columns(self, statement: str) -> list[str]:
        return self.sql.texts(statement)[0]

    def table(self, database: str, name: str) -> str:
        return f'"{database}"."{name}"'

    def new_table(self, database: str, name: str) -> str:
        """As CREATE and DROP want it."""
        return f"`{database}`.`{name}`"

    def at(self, table: str, snapshot: int) -> str:
        return f"{table} FOR VERSION AS OF {snapshot}"

    def about(self, database: str, name: str, kind: str) -> str:
        return f'"{database}"."{name}${kind}"'

    def rewrite(self, database: str, name: str) -> str:
        """A statement that makes one file of several."""
        return f"OPTIMIZE `{database}`.`{name}` REWRITE DATA USING BIN_PACK"

    def text(self, column: str) -> str:
        return f"CAST({column} AS varchar)"


class Spark:
    """One Spark in a process of its own, which takes a statement a line."""

    name = "Spark"

    def __init__(self, server, warehouse: str, log: pathlib.Path):
        key, secret = server.credentials["AWS_ACCESS_KEY_ID"], server.credentials["AWS_SECRET_ACCESS_KEY"]
        glue = {
            "": "org.apache.iceberg.spark.SparkCatalog", ".type": "glue", ".warehouse": warehouse,
            ".io-impl": "org.apache.iceberg.aws.s3.S3FileIO", ".client.region": REGION,
            ".glue.endpoint": server.endpoint, ".s3.endpoint": server.endpoint, ".s3.path-style-access": "true",
            ".s3.access-key-id": key, ".s3.secret-access-key": secret,
            # Others commit to the same tables.
            ".cache-enabled": "false",
        }
        settings = {
            "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
            **{f"spark.sql.catalog.glue{name}": value for name, value in glue.items()},
            "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "false",
            "spark.sql.session.timeZone": "UTC", "spark.sql.shuffle.partitions": "2",
        }
        command = [*peers.spark(SPARK_MEMORY, OPENED), *(f"{name}={value}" for name, value in settings.items())]
        environment = clean_environment(AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=secret, AWS_REGION=REGION)
        self.log = log
        self.process = subprocess.Popen(command, env=environment, cwd=log.parent, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=log.open("wb"))
        self.answers = queue.Queue()
        self.is_ready = False
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.process.stdout:
            self.answers.put(line)
        self.answers.put(None)

    def _answer(self, seconds: float) -> dict:
        try:
            line = self.answers.get(timeout=seconds)
        except queue.Empty:
            line = None
        if line is None:
            raise Failed(f"Spark says nothing for {seconds} s:\n{self.log.read_text(errors='replace')[-6000:]}")
        return json.loads(line)

    def ready(self) -> "Spark":
        self.is_ready = self.is_ready or self._answer(START_SECONDS_MAX)["ready"]
        return self

    def ask(self, statement: str) -> dict:
        self.process.stdin.write(" ".join(statement.split()) + "\n")
        self.process.stdin.flush()
        answer = self._answer(STATEMENT_SECONDS_MAX)
        if "error" in answer:
            raise Failed(f"Spark: {answer['error'][:4000]}\n{statement}")
        return answer

    def rows(self, statement: str) -> list[tuple]:
        return [tuple(row) for row in self.ask(statement)["rows"]]

    def columns(self, statement: str) -> list[str]:
        return self.ask(statement)["columns"]

    def table(self, database: str, name: str) -> str:
        return f"glue.`{database}`.`{name}`"

    def new_table(self, database: str, name: str) -> str:
        return self.table(database, name)

    def at(self, table: str, snapshot: int) -> str:
        return f"{table} VERSION AS OF {snapshot}"

    def about(self, database: str, name: str, kind: str) -> str:
        return f"{self.table(database, name)}.{kind}"

    def text(self, column: str) -> str:
        return f"CAST({column} AS string)"

    def rewrite(self, database: str, name: str) -> str:
        """A statement that makes one file of several."""
        return (f"CALL glue.system.rewrite_data_files(table => '{database}.{name}', "
                "options => map('rewrite-all', 'true'))")

    def partition(self, table: str, column: str, buckets: int) -> str:
        """A statement that gives the table a further partition field."""
        return f"ALTER TABLE {table} ADD PARTITION FIELD bucket({buckets}, {column}) AS by_{buckets}"

    def stop(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Trino:
    """One Trino server, asked over HTTP as its clients ask it."""

    name = "Trino"

    def __init__(self, server, warehouse: str, home: pathlib.Path):
        self.port = free_port()
        key, secret = server.credentials["AWS_ACCESS_KEY_ID"], server.credentials["AWS_SECRET_ACCESS_KEY"]
        command, plugins = peers.trino(TRINO_MEMORY)
        (home / "catalog").mkdir(parents=True)
        write_properties(home / "config.properties", {
            "node.environment": "test", "coordinator": "true", "node-scheduler.include-coordinator": "true",
            "http-server.http.port": self.port, "discovery.uri": f"http://127.0.0.1:{self.port}",
            "node.internal-address": "127.0.0.1", "node.bind-ip": "127.0.0.1",
            "query.max-memory": "256MB", "query.max-memory-per-node": "256MB",
            "memory.heap-headroom-per-node": "128MB", "catalog.config-dir": home / "catalog", "plugin.dir": plugins,
        })
        write_properties(home / "catalog" / "glue.properties", {
            "connector.name": "iceberg", "iceberg.catalog.type": "glue",
            "hive.metastore.glue.endpoint-url": server.endpoint, "hive.metastore.glue.region": REGION,
            "hive.metastore.glue.aws-access-key": key, "hive.metastore.glue.aws-secret-key": secret,
            "hive.metastore.glue.default-warehouse-dir": warehouse,
            "fs.s3.enabled": "true", "s3.endpoint": server.endpoint, "s3.region": REGION,
            "s3.path-style-access": "true", "s3.aws-access-key": key, "s3.aws-secret-key": secret,
        })
        self.log = home / "log"
        run = [*command, f"-Dconfig={home / 'config.properties'}", "io.trino.server.RunTrino", TRINO_VERSION]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(run, env=clean_environment(), cwd=home, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)

    def ready(self) -> "Trino":
        deadline = time.monotonic() + START_SECONDS_MAX
        while "SERVER STARTED" not in (said := self.log.read_text(errors="replace")):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"Trino does not start:\n{said[-6000:]}")
            time.sleep(0.1)
        return self

    def ask(self, statement: str) -> dict:
        """Columns and rows of one statement."""
        seen = {"columns": [], "rows": []}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/v1/statement", data=statement.encode(),
            headers={"X-Trino-User": "test", "X-Trino-Catalog": "glue", "X-Trino-Time-Zone": "UTC"})
        deadline = time.monotonic() + STATEMENT_SECONDS_MAX
        while True:
            with urllib.request.urlopen(request, timeout=30) as answer:
                page = json.load(answer)
            if error := page.get("error"):
                raise Failed(f"Trino: {error['message'][:4000]}\n{statement}\n{causes(error.get('failureInfo'))}")
            seen["columns"] = page.get("columns") or seen["columns"]
            seen["rows"] += page.get("data") or []
            if "nextUri" not in page:
                return seen
            assert time.monotonic() < deadline, f"Trino does not finish: {statement}"
            request = urllib.request.Request(page["nextUri"], headers={"X-Trino-User": "test"})

    def rows(self, statement: str) -> list[tuple]:
        return [tuple(row) for row in self.ask(statement)["rows"]]

    def columns(self, statement: str) -> list[str]:
        return [column["name"] for column in self.ask(statement)["columns"]]

    def table(self, database: str, name: str) -> str:
        return f'"{database}"."{name}"'

    def new_table(self, database: str, name: str) -> str:
        return self.table(database, name)

    def at(self, table: str, snapshot: int) -> str:
        return f"{table} FOR VERSION AS OF {snapshot}"

    def about(self, database: str, name: str, kind: str) -> str:
        return f'"{database}"."{name}${kind}"'

    def text(self, column: str) -> str:
        return f"CAST({column} AS varchar)"

    def rewrite(self, database: str, name: str) -> str:
        """A statement that makes one file of several."""
        return f"ALTER TABLE {self.table(database, name)} EXECUTE optimize"

    def partition(self, table: str, column: str, buckets: int) -> str:
        """A statement that gives the table other partition fields."""
        return f"ALTER TABLE {table} SET PROPERTIES partitioning = ARRAY['bucket({column}, {buckets})']"

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def read_deletes(io, file) -> dict:
    """What PyIceberg's `_read_deletes` does, without a dictionary: pyarrow cannot make one of strings spelt by their
    lengths, and so Trino writes the one path of a file that deletes one row."""
    with io.new_input(file.file_path).open() as opened:
        deletes = pyarrow.parquet.read_table(opened, columns=["file_path", "pos"])
    return {path.as_py(): deletes.filter(pyarrow.compute.field("file_path") == path)["pos"]
            for path in deletes["file_path"].unique()}


def quoted(text: str, engine) -> str:
    """A literal; Spark takes a backslash before a quote, the others a second quote."""
    return "'" + text.replace("'", "\\'" if engine.name == "Spark" else "''") + "'"


def write_properties(path: pathlib.Path, properties: dict) -> None:
    path.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))


def causes(failure: dict | None) -> str:
    """The messages below the first, where the reason is."""
    said = []
    while failure := (failure or {}).get("cause"):
        said.append(f"caused by {failure.get('type')}: {failure.get('message')}")
    return "\n".join(said)
