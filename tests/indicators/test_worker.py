"""A real worker whose Redis is killed and comes back empty: what is in hand is done, and once.

Work whose message was lost is taken up by beat (`pipeline.waiting`), which is tested elsewhere.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import Celery
from django.conf import settings
from redis import client

from levelup_site.celery import app
from levelup_site.settings import celery_broker
from script._levelup import processes
from script._levelup.home import Account
from script._levelup.redis_server import Redis
from script._levelup.sentences import last_lines

TASKS = "tests.indicators.waiting"
CONNECTED = "Connected to "  # What a worker says each time.


def wait(true: Callable[[], object], what: str, log: Path, seconds: float = 150) -> None:
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            pytest.fail(f"within {seconds:g} s: {what}; the worker said:\n{last_lines(log, 60)}")
        time.sleep(0.02)


def kill(redis: Redis) -> None:
    pid = redis.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert processes.wait_until_gone(pid, 10)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    server = Redis(tmp_path / "home", Account("me", os.getuid(), os.getgid(), switch=False))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "worker.log"


@pytest.fixture
def worker(redis: Redis, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker with one process for its work, with the settings of the site."""
    with log.open("wb") as output:
        started = subprocess.Popen(
            [
                sys.executable, "-m", "celery", "-A", "levelup_site.celery:app", "worker",
                "--concurrency", "1", "--without-gossip", "--without-mingle",
                "--loglevel", "INFO", "--include", TASKS,
            ],
            cwd=settings.BASE_DIR,
            env={**os.environ, "REDIS_URL": redis.url, "LEVELUP_LOG_LEVEL": "INFO"},
            stdout=output,
            stderr=output,
        )  # fmt: skip
    yield started
    started.terminate()
    try:
        started.wait(10)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait()


@pytest.fixture
def send(redis: Redis, tmp_path: Path) -> Callable[[str], Path]:
    """Send the message of a task that waits, and return its folder."""
    sending = Celery(broker=celery_broker(redis.url), set_as_current=False)

    def sender(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        sending.send_task(f"{TASKS}.wait", [str(folder)])
        return folder

    return sender


@pytest.mark.parametrize("ends", ["while Redis is away", "once Redis is back"])
def test_a_worker_outlives_redis_with_work_in_hand(redis, worker, send, log, ends):
    for turn in range(2):  # The second time with a connection that was made anew.
        first = send(f"first-{turn}")
        wait((first / "begun").exists, "the first is in hand", log)
        second = send(f"second-{turn}")  # Fetched, and lies in the worker until the first ends.
        time.sleep(0.3)
        kill(redis)
        if ends == "once Redis is back":
            met = log.read_text().count(CONNECTED)
            redis.start()
            wait(lambda n=met: log.read_text().count(CONNECTED) > n, "they met again", log)
        (first / "end").touch()
        (second / "end").touch()
        wait((first / "done").exists, "what was in hand is done", log)
        if ends == "while Redis is away":
            time.sleep(0.5)
            redis.start()
        last = send(f"last-{turn}")
        (last / "end").touch()
        wait((last / "done").exists, "the next is done", log)
        assert worker.poll() is None


def test_what_is_in_hand_is_not_begun_again_when_the_connection_is_lost(redis, worker, send, log):
    first = send("first")
    wait((first / "begun").exists, "the first is in hand", log)
    with client.Redis(unix_socket_path=str(redis.socket)) as other:
        for kind in ("normal", "pubsub"):
            other.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
    wait(lambda: log.read_text().count(CONNECTED) > 1, "they met again", log)
    (first / "end").touch()
    last = send("last")
    (last / "end").touch()
    wait((last / "done").exists, "the next is done", log)
    assert (first / "begun").read_text().splitlines() == ["begun"]
    assert worker.poll() is None


def test_a_worker_never_gives_redis_up():
    # Celery's default is a hundred attempts, and then the worker ends with code 1.
    assert not app.conf.broker_connection_max_retries
    assert app.conf.broker_connection_retry
    assert app.conf.broker_connection_retry_on_startup
