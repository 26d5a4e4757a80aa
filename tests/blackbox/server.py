"""The released binary as a child process: start, stop, kill, restart, and clients that speak to it."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import boto3
from botocore.config import Config

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 60


def binary() -> str:
    """MULGIL_BIN, else the release binary of this tree."""
    if found := os.environ.get("MULGIL_BIN"):
        return found
    target = os.environ.get("CARGO_TARGET_DIR") or str(REPOSITORY / "target")
    return str(pathlib.Path(target) / "release" / "mulgil")


def clean_environment(**extra: str) -> dict:
    """An environment in which nothing but `extra` configures AWS clients or Mulgil."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MULGIL_"))}
    kept["AWS_EC2_METADATA_DISABLED"] = "true"
    return {**kept, **extra}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what: str, seconds: float = 60, every: float = 0.02):
    """The first true value of `condition`. The limit is a guard, not an expectation."""
    deadline = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"gave up after {seconds} s waiting until {what}")
        time.sleep(every)


def run_mulgil(*arguments: str, env: dict | None = None, timeout: float = 60) -> subprocess.CompletedProcess:
    """Runs a command that ends by itself."""
    return subprocess.run(
        [binary(), *arguments],
        env=clean_environment(**(env or {})),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


class Server:
    """One `mulgil serve` on a data directory. The port stays the same over restarts."""

    def __init__(self, data_dir: pathlib.Path, *arguments: str, listen: str | None = None):
        self.data_dir = pathlib.Path(data_dir)
        self.arguments = list(arguments)
        self.port = free_port()
        self.listen = listen or f"127.0.0.1:{self.port}"
        # Beside the data, not in it: the disk may be full.
        self.log_path = pathlib.Path(tempfile.mkstemp(prefix="mulgil-", suffix=".log")[1])
        self.process: subprocess.Popen | None = None
        self.credentials: dict[str, str] = {}
        # What the process finds in its environment besides, from its next start on.
        self.extra: dict[str, str] = {}

    @property
    def endpoint(self) -> str:
        return f"http://{self.listen}"

    def start(self) -> "Server":
        assert self.process is None, "already running"
        log = self.log_path.open("ab")
        command = [binary(), "serve", "--data-dir", str(self.data_dir), "--listen", self.listen, *self.arguments]
        self.process = subprocess.Popen(command, env=clean_environment(**self.extra), stdout=log, stderr=log)
        log.close()
        wait_until(self._answers, f"{self.endpoint} answers", START_SECONDS_MAX, every=0.01)
        if not self.credentials:
            self.credentials = self.environment()
        return self

    def _answers(self) -> bool:
        assert self.process is not None
        if (code := self.process.poll()) is not None:
            self.process = None
            raise AssertionError(f"mulgil ended with {code}:\n{self.log()}")
        return self._announced() and self.healthy()

    def _announced(self) -> bool:
        """Whether the address in the data directory is this process's, not the one's before."""
        try:
            return endpoint_file(self.data_dir)["pid"] == self.process.pid
        except (FileNotFoundError, ValueError):
            return False

    def healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_mulgil/health", timeout=5) as answer:
                return answer.status == 200
        except (OSError, urllib.error.URLError):
            return False

    def environment(self) -> dict[str, str]:
        """What `mulgil env` exports."""
        shown = run_mulgil("env", "--data-dir", str(self.data_dir))
        assert shown.returncode == 0, shown.stderr
        pairs = re.findall(r"""^export (\w+)=["']?(.*?)["']?$""", shown.stdout, re.M)
        return dict(pairs)

    def stop(self) -> int:
        """A graceful stop; the exit code."""
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"mulgil does not stop:\n{self.log()}") from None

    def kill9(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()

    def restart(self) -> "Server":
        self.stop()
        return self.start()

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")[-8000:]

    def dispose(self) -> None:
        self.kill9()
        self.log_path.unlink(missing_ok=True)
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def session(self, region: str | None = None) -> boto3.Session:
        return boto3.Session(
            aws_access_key_id=self.credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.credentials["AWS_SECRET_ACCESS_KEY"],
            region_name=region or self.credentials["AWS_REGION"],
        )

    def client(self, service: str, region: str | None = None, retries: int = 0, **config):
        """A boto3 client; without retries unless asked, so that errors are seen."""
        config.setdefault("connect_timeout", 5)
        config.setdefault("read_timeout", 60)
        return self.session(region).client(
            service,
            endpoint_url=self.endpoint,
            config=Config(retries={"total_max_attempts": retries + 1, "mode": "standard"}, **config),
        )

    def cli_environment(self, home: pathlib.Path) -> dict[str, str]:
        """Endpoint, key and region, and nothing else."""
        return clean_environment(
            HOME=str(home),
            AWS_ENDPOINT_URL=self.endpoint,
            AWS_ACCESS_KEY_ID=self.credentials["AWS_ACCESS_KEY_ID"],
            AWS_SECRET_ACCESS_KEY=self.credentials["AWS_SECRET_ACCESS_KEY"],
            AWS_REGION=self.credentials["AWS_REGION"],
            AWS_DEFAULT_REGION=self.credentials["AWS_REGION"],
            AWS_PAGER="",
        )


def endpoint_file(data_dir: pathlib.Path) -> dict:
    return json.loads((data_dir / "endpoint.json").read_text())
