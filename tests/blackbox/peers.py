"""Other people's clients: installed once into the cache from the versions pinned below `tests/peers`, then run."""

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from server import REPOSITORY, clean_environment

HOME = REPOSITORY / "tests" / "peers"
INSTALL_SECONDS_MAX = 600
RUN_SECONDS_MAX = 120
# Options of Java for short programs on few cores: the serial collector, one compiler tier (whose room for code is 48 MiB
# unless told, too little for an engine). What the machine itself warns of must not come between answers.
SHORT_RUN = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=240m",
             "-XX:+DisplayVMOutputToStderr", "-Xlog:disable", "-Xlog:all=warning:stderr")


def cache() -> pathlib.Path:
    home = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    return home / "mulgil" / "peers"


def leave_out(what: str, why: str):
    """Skips, and says so; fails where all peers are required."""
    reason = f"LEFT OUT: {what}: {why}"
    if os.environ.get("MULGIL_PEERS") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


def need(what: str, *tools: str):
    if missing := [tool for tool in tools if shutil.which(tool) is None]:
        leave_out(what, f"this machine has no {', '.join(missing)}")


def installed(name: str, *sources: pathlib.Path, commands) -> pathlib.Path:
    """A folder of the cache that holds what `commands` make of `sources`; made once for each content of them.

    `commands` gets the folder and returns argument lists, which run in it.
    """
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    folder = cache() / f"{name}-{digest.hexdigest()[:12]}"
    with locked(name):
        if not (folder / ".ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for source in sources:
                shutil.copy(source, folder)
            install(name, folder, commands(folder))
            (folder / ".ready").touch()
    return folder


def install(name: str, folder: pathlib.Path, commands) -> None:
    before = time.monotonic()
    for command in commands:
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False,
                                  timeout=INSTALL_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            leave_out(name, f"{command[0]} took more than {INSTALL_SECONDS_MAX} s")
        if done.returncode != 0:
            leave_out(name, f"{' '.join(map(str, command))} failed:\n{(done.stdout + done.stderr)[-3000:]}")
    print(f"installing {name} took {time.monotonic() - before:.0f} s")


@contextlib.contextmanager
def locked(name: str):
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def python_peer() -> list:
    return [sys.executable, HOME / "python" / "peer.py"]


def js_peer() -> list:
    need("the AWS SDK for JavaScript", "node", "npm")
    js = HOME / "js"
    folder = installed("js", js / "package.json", js / "package-lock.json", js / ".npmrc",
                       commands=lambda _: [["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]])
    # Node looks for packages beside the program.
    shutil.copy(js / "peer.mjs", folder)
    return ["node", folder / "peer.mjs"]


def go_peer() -> list:
    need("the AWS SDK for Go", "go")
    go = HOME / "go"
    folder = installed("go", go / "main.go", go / "go.mod", go / "go.sum",
                       commands=lambda _: [["go", "build", "-mod=readonly", "-o", "peer", "."]])
    return [folder / "peer"]


def rust_peer() -> list:
    need("the AWS SDK for Rust", "cargo")
    rust = HOME / "rust"

    def commands(folder):
        yield ["cargo", "build", "--quiet", "--locked", "--manifest-path", rust / "Cargo.toml", "--target-dir", folder]
        # The dependencies' objects would stay in the cache for nothing.
        yield ["mv", folder / "debug" / "mulgil-peer", folder / "peer"]
        yield ["rm", "-rf", folder / "debug"]

    folder = installed("rust", rust / "src" / "main.rs", rust / "Cargo.toml", rust / "Cargo.lock", commands=commands)
    return [folder / "peer"]


def jars(name: str, extra: pathlib.Path | None = None) -> pathlib.Path:
    """The folder with the jars of `tests/peers/java/NAME/pom.xml` and all that they need."""
    need(f"Java's {name}", "java", "javac", "mvn")
    pom = (extra or HOME / "java" / name) / "pom.xml"
    return installed(name, pom, commands=lambda _: [copy_jars("lib")]) / "lib"


def copy_jars(folder: str) -> list:
    return ["mvn", "-q", "-B", "-ntp", "dependency:copy-dependencies", f"-DoutputDirectory={folder}",
            "-DincludeScope=runtime"]


def compiled(name: str, javac: str | pathlib.Path, lib: pathlib.Path, *sources: pathlib.Path) -> pathlib.Path:
    """The folder with the classes of `sources`."""
    return installed(f"java-{name}", *sources, commands=lambda folder: [
        [javac, "-d", folder, "-cp", f"{lib}/*", *(folder / source.name for source in sources)]])


def java(name: str, main: str, *options: str) -> list:
    """A command that runs a class of `tests/peers/java/src` with the jars of `name`."""
    lib = jars(name)
    sources = [HOME / "java" / "src" / f"{source}.java" for source in (main, "Json")]
    classes = compiled(main.lower(), "javac", lib, *sources)
    return ["java", "-Xmx256m", *SHORT_RUN,
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", *options, "-cp", f"{classes}:{lib}/*", main]


def jdk(what: str, *versions: int) -> pathlib.Path:
    """The home of a Java of one of these versions: `JAVA_HOME_25`, `JAVA_HOME`, the path's, the system's."""
    named = [os.environ.get(f"JAVA_HOME_{version}") for version in versions] + [os.environ.get("JAVA_HOME")]
    found = shutil.which("java")
    homes = [pathlib.Path(home) for home in named if home]
    homes += [pathlib.Path(found).resolve().parents[1]] if found else []
    homes += sorted(pathlib.Path("/usr/lib/jvm").glob("*"))
    for home in homes:
        release = home / "release"
        told = re.search(r'JAVA_VERSION="(\d+)', release.read_text()) if release.is_file() else None
        if told and int(told[1]) in versions and (home / "bin" / "javac").is_file():
            return home
    return leave_out(what, f"this machine has no JDK {' or '.join(map(str, versions))}")


def spark(memory: str, opened: list[str]) -> list:
    """A command that runs `Spark.java`, which takes settings as arguments."""
    java = jdk("Spark", 17, 21) / "bin" / "java"
    lib = jars("spark")
    sources = [HOME / "java" / "src" / name for name in ("Spark.java", "Json.java")]
    classes = compiled("spark", java.with_name("javac"), lib, *sources)
    return [java, f"-Xmx{memory}", *SHORT_RUN, "-Duser.timezone=UTC", *opened, "-cp", f"{classes}:{lib}/*", "Spark"]


def trino(memory: str) -> tuple[list, pathlib.Path]:
    """A command that wants `-Dconfig` and a main class, and the folder of its plugins."""
    java = jdk("Trino", 25) / "bin" / "java"
    lib = jars("trino")
    classes = compiled("trino", java.with_name("javac"), lib, HOME / "java" / "src" / "RunTrino.java")
    plugin = HOME / "java" / "trino-iceberg"
    # A plugin is a folder of jars, one of which names it; the published one does not.
    plugins = installed("trino-iceberg", plugin / "pom.xml", plugin / "io.trino.spi.Plugin", commands=lambda _: [
        copy_jars("plugins/iceberg"), ["mkdir", "-p", "META-INF/services"],
        ["mv", "io.trino.spi.Plugin", "META-INF/services"],
        [java.with_name("jar"), "--create", "--file", "plugins/iceberg/named.jar", "META-INF"]])
    command = [java, f"-Xmx{memory}", *SHORT_RUN, "-Duser.timezone=UTC",
               "--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED",
               "--sun-misc-unsafe-memory-access=allow", "-Djdk.attach.allowAttachSelf=true", "-cp", f"{classes}:{lib}/*"]
    return command, plugins / "plugins"


def java_peer() -> list:
    return java("kcl", "Peer")


def environment(server) -> dict:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
    return clean_environment(AWS_ENDPOINT_URL=server.endpoint, AWS_DEFAULT_REGION=server.credentials["AWS_REGION"],
                             **{name: server.credentials[name] for name in names})


def converse(command: list, server, stream: str, *steps: str, **variables: str) -> dict:
    """Plays steps of the conversation; what the peer saw in each."""
    done = subprocess.run([*command, stream, *steps], env=environment(server) | variables, capture_output=True,
                          text=True, timeout=RUN_SECONDS_MAX, check=False)
    assert done.returncode == 0, done.stderr[-6000:]
    return {seen["step"]: seen for seen in map(json.loads, done.stdout.splitlines())}


def answers(endpoint: str) -> bool:
    """Whether something speaks HTTP there, whatever it says."""
    try:
        with urllib.request.urlopen(endpoint, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def tls(server) -> dict:
    """The variables that lead a peer to the server over TLS, and make it trust the certificate."""
    ca = server.credentials["MULGIL_CA_BUNDLE"]
    return {
        "AWS_ENDPOINT_URL": server.endpoint.replace("http:", "https:"),
        "AWS_CA_BUNDLE": ca,
        "NODE_EXTRA_CA_CERTS": ca,
        "SSL_CERT_FILE": ca,
        "JAVA_TOOL_OPTIONS": f"-Djavax.net.ssl.trustStore={trust_store(ca)} -Djavax.net.ssl.trustStorePassword=trusted",
    }


def trust_store(ca: str) -> pathlib.Path:
    """The CA in the only form that Java takes it; nothing without Java."""
    store = pathlib.Path(ca).with_suffix(".p12")
    if shutil.which("keytool") and not store.exists():
        subprocess.run(["keytool", "-importcert", "-noprompt", "-alias", "mulgil", "-file", ca, "-keystore", store,
                        "-storepass", "trusted"], capture_output=True, check=True, timeout=RUN_SECONDS_MAX)
    return store
