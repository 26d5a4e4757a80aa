"""A machine whose clock is ahead: the same binary, the same kernel, another time of day.

Retention is a day at least, so a test that wants to see records expire lets days pass while the server is down. A
library that is loaded before libc adds the seconds of CLOCK_AHEAD to what the kernel says; clients sign with the same
clock.
"""

import datetime
import os
import pathlib
import subprocess
import time

import botocore.auth
import pytest

SOURCE = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long ahead;

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("CLOCK_AHEAD");
    ahead = text ? atol(text) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    long result = syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += ahead;
    return (int)result;
}
"""


class Clock:
    def __init__(self, library: pathlib.Path):
        self.library = library
        self.ahead = 0

    def now(self) -> float:
        return time.time() + self.ahead

    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.library), "CLOCK_AHEAD": str(self.ahead)}


@pytest.fixture
def clock(tmp_path, monkeypatch):
    """Moves for servers started with its `environment()`, and for the signatures of all clients."""
    source, library = tmp_path / "clock.c", tmp_path / "clock.so"
    source.write_text(SOURCE)
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, source], check=True, timeout=60)
    clock = Clock(library)

    def now(remove_tzinfo: bool = True) -> datetime.datetime:
        moment = datetime.datetime.fromtimestamp(clock.now(), datetime.timezone.utc)
        return moment.replace(tzinfo=None) if remove_tzinfo else moment

    monkeypatch.setattr(botocore.auth, "get_current_datetime", now)
    return clock
