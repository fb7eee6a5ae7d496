"""The private servers: settings, recovery from a crash, sharing between scripts."""

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from script._levelup import postgres, processes, servers
from script._levelup.home import Account
from script._levelup.postgres import Postgres
from script._levelup.redis_server import Redis

GIGABYTE = 1024**3


@pytest.fixture
def cluster(tmp_path) -> Postgres:
    cluster = Postgres(tmp_path, Account("me", os.getuid(), os.getgid(), switch=False))
    cluster.data.mkdir(parents=True)
    cluster.sockets.mkdir(parents=True, exist_ok=True)
    return cluster


def sleeper(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], cwd=folder)


def ended() -> int:
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


@pytest.mark.parametrize(
    ("gigabytes", "shared_buffers"),
    [(0.25, "128MB"), (1, "204MB"), (24, "4915MB"), (256, "8192MB")],
)
def test_memory_settings_follow_the_machine(gigabytes, shared_buffers):
    settings = postgres.settings_for(int(gigabytes * GIGABYTE), Path("/run/x"), throwaway=False)
    assert settings["shared_buffers"] == shared_buffers


def test_the_cluster_listens_on_its_socket_alone_and_does_not_compile_queries():
    settings = postgres.settings_for(GIGABYTE, Path("/run/x"), throwaway=False)
    assert settings["listen_addresses"] == ""
    assert settings["unix_socket_directories"] == "/run/x"
    assert settings["unix_socket_permissions"] == "0700"
    assert settings["jit"] == "off"


def test_only_a_throwaway_cluster_gives_up_durability():
    kept = postgres.settings_for(GIGABYTE, Path("/run/x"), throwaway=False)
    thrown = postgres.settings_for(GIGABYTE, Path("/run/x"), throwaway=True)
    assert "fsync" not in kept
    assert thrown["fsync"] == "off"


def test_a_server_is_running_only_when_its_process_works_in_its_data(cluster):
    pid_file = cluster.data / "postmaster.pid"
    assert cluster.pid() is None
    pid_file.write_text(f"{ended()}\n")
    assert cluster.pid() is None
    pid_file.write_text(f"{os.getpid()}\n{cluster.data}\n")
    assert cluster.pid() is None
    with sleeper(cluster.data) as server:
        pid_file.write_text(f"{server.pid}\n{cluster.data}\n")
        assert cluster.pid() == server.pid
        server.kill()


def test_a_pid_file_whose_number_a_stranger_was_given_makes_way(cluster):
    pid_file = cluster.data / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n")
    lock = cluster.sockets / ".s.PGSQL.5432.lock"
    lock.write_text(f"{os.getpid()}\n")
    cluster.clear_stale_files()
    assert not pid_file.exists()
    assert not lock.exists()


def test_a_pid_file_of_a_process_that_ended_is_left_to_postgresql(cluster):
    pid_file = cluster.data / "postmaster.pid"
    pid_file.write_text(f"{ended()}\n")
    cluster.clear_stale_files()
    assert pid_file.exists()


@pytest.mark.parametrize("text", ["", "not a number\n"])
def test_an_unreadable_pid_file_makes_way(cluster, text):
    pid_file = cluster.data / "postmaster.pid"
    pid_file.write_text(text)
    cluster.clear_stale_files()
    assert not pid_file.exists()


def test_data_of_another_version_are_refused_with_the_package_to_install(cluster):
    (cluster.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(servers.Stop, match="install postgresql-9-postgis-3"):
        cluster.programs()


def test_a_redis_whose_number_a_stranger_was_given_is_not_running(tmp_path):
    redis = Redis(tmp_path, Account("me", os.getuid(), os.getgid(), switch=False))
    redis.data.mkdir()
    (redis.data / "redis.pid").write_text(f"{os.getpid()}\n")
    assert redis.pid() is None
    assert redis.url.startswith("unix:///")


def test_servers_with_an_address_given_are_not_ours(tmp_path):
    given = {"DATABASE_URL": "postgis://x", "REDIS_URL": "redis://x"}
    assert servers.private_servers(tmp_path, given) == []
    only_redis = servers.private_servers(tmp_path, {"DATABASE_URL": "postgis://x"})
    assert [type(server) for server in only_redis] == [Redis]


class Counted:
    """A server that only counts its starts and stops."""

    name = "Counted"
    url = "unix:///x"

    def __init__(self) -> None:
        self.starts = self.stops = 0

    def pid(self) -> int | None:
        return 1 if self.starts > self.stops else None

    def start(self) -> None:
        self.starts += 1

    def stop(self) -> None:
        self.stops += 1


@pytest.fixture
def counted(monkeypatch) -> Counted:
    server = Counted()
    monkeypatch.setattr(servers, "private_servers", lambda *a, **k: [server])
    return server


def test_the_last_script_to_leave_stops_what_the_first_started(tmp_path, counted):
    first = servers.running(tmp_path, {})
    second = servers.running(tmp_path, {})
    first.__enter__()
    second.__enter__()
    assert (counted.starts, counted.stops) == (1, 0)
    first.__exit__(None, None, None)
    assert (counted.starts, counted.stops) == (1, 0)
    second.__exit__(None, None, None)
    assert (counted.starts, counted.stops) == (1, 1)


def test_a_server_that_does_not_start_is_stopped_and_the_lock_is_free(
    tmp_path, counted, monkeypatch
):
    def fail() -> None:
        raise servers.Stop("It did not start.")

    monkeypatch.setattr(counted, "start", fail)
    with pytest.raises(servers.Stop, match="did not start"), servers.running(tmp_path, {}):
        pass
    descriptor = os.open(tmp_path / "in-use.lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)
    assert counted.stops == 1


def test_the_environment_holds_the_home_and_one_lasting_key(tmp_path, counted):
    with servers.running(tmp_path, {"OTHER": "kept"}) as running:
        key = running.environ["LEVELUP_SECRET_KEY"]
        assert running.environ["LEVELUP_HOME"] == str(tmp_path)
        assert running.environ["OTHER"] == "kept"
    with servers.running(tmp_path, {}) as running:
        assert running.environ["LEVELUP_SECRET_KEY"] == key


def test_a_second_server_for_one_home_is_refused(tmp_path):
    with (
        servers.only_one(tmp_path, "server.lock", "first"),
        pytest.raises(servers.Stop, match="already runs"),
        servers.only_one(tmp_path, "server.lock", "It already runs."),
    ):
        pass


def test_a_watch_notices_the_end_of_a_process():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        watch = processes.Watch(child.pid)
        assert not watch.ended()
        child.kill()
        # Not collected yet: a zombie has ended all the same.
        assert processes.wait_until_gone(child.pid, 5)
        assert watch.ended()


def test_processes_below_are_found_to_any_depth():
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as child:
        for _ in range(200):
            if processes.below(child.pid):
                break
        else:
            pytest.fail("the grandchild was not found")
        child.communicate(b"\n")


def test_processes_are_named_parents_first_whatever_their_numbers(monkeypatch):
    script = ["-c", "input()  # the one that is looked for"]
    with (
        subprocess.Popen([sys.executable, *script], stdin=subprocess.PIPE) as low,
        subprocess.Popen([sys.executable, *script], stdin=subprocess.PIPE) as high,
    ):
        # As it is once numbers were given round again: the higher one is the parent.
        monkeypatch.setattr(processes, "below", lambda pid: [high.pid, low.pid, os.getpid()])
        for _ in range(100):
            named = processes.named(os.getpid(), "the one that is looked for")
            if len(named) == 2:  # A process has its words a moment after it was begun.
                break
            time.sleep(0.05)
        assert named == [high.pid, low.pid]
        low.kill()
        high.kill()
