"""The commands' own sentences and choices."""

import socket
import subprocess
from pathlib import Path

import pytest

from script._levelup import environment, modules, packages
from script._levelup.commands import server
from script._levelup.home import PROJECT
from script._levelup.sentences import Stop

SCRIPTS = ["bootstrap", "server", "test", "bench", "faults"]


def test_a_busy_port_is_one_sentence_that_offers_another():
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        port = door.getsockname()[1]
        with pytest.raises(Stop, match=f"Port {port} .* already in use") as stop:
            server.check_port("127.0.0.1", port)
    assert f"--port {port + 1}" in str(stop.value)
    assert "\n" not in str(stop.value)
    server.check_port("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 70000), ("192.0.2.1", 8000), ("no.invalid", 1)]
)
def test_an_impossible_address_is_one_sentence(host, port):
    with pytest.raises(Stop):
        server.check_port(host, port)


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "127.0.0.1:80"),
        ("0.0.0.0", "127.0.0.1:80"),
        ("::", "[::1]:80"),
        ("box", "box:80"),
    ],
)
def test_the_address_shown_is_one_a_browser_here_can_open(host, shown):
    assert server.address(server.visitors_host(host), 80) == shown


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_explains_itself(name):
    done = subprocess.run([PROJECT / "script" / name, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert f"usage: script/{name}" in done.stdout


def test_the_distribution_is_read_from_os_release(tmp_path):
    release = tmp_path / "os-release"
    release.write_text('PRETTY_NAME="Debian"\nID=debian\nVERSION_ID="12"\n')
    assert packages.distribution(release) == "debian 12"
    assert packages.distribution(tmp_path / "none") == "unknown"


@pytest.fixture
def bare_debian(monkeypatch):
    monkeypatch.setattr(packages, "distribution", lambda: "debian 12")
    monkeypatch.setattr(packages.postgres, "program_folders", dict)
    monkeypatch.setattr(packages.shutil, "which", lambda name: None)
    monkeypatch.setattr(packages.ctypes.util, "find_library", lambda name: None)


def test_a_bare_debian_needs_everything(bare_debian):
    wanted = packages.missing(database=True, redis=True, venv=True, browser=True)
    for name in ("-postgis-3", "redis-server", "libgdal32", "python3-venv", "chromium"):
        assert any(package.endswith(name) for package in wanted)


def test_servers_with_an_address_given_are_not_installed(bare_debian):
    wanted = packages.missing(database=False, redis=False, venv=False, browser=False)
    assert wanted == ["libgdal32", "libgeos-c1v5"]


def test_without_root_or_sudo_one_sentence_names_the_packages(monkeypatch):
    monkeypatch.setattr(packages, "distribution", lambda: "debian 12")
    monkeypatch.setattr(packages.os, "getuid", lambda: 1000)
    monkeypatch.setattr(
        packages.shutil, "which", lambda n: "/usr/bin/apt-get" if n == "apt-get" else None
    )
    with pytest.raises(Stop, match=r"apt-get install .*redis-server") as stop:
        packages.ensure(["redis-server"])
    assert "\n" not in str(stop.value)


def test_an_unknown_system_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(packages, "distribution", lambda: "fedora 42")
    with pytest.raises(Stop, match="redis-server"):
        packages.ensure(["redis-server"])


def test_packages_start_no_servers_and_the_machine_is_left_as_it_was(tmp_path, monkeypatch):
    policy, no_cluster = tmp_path / "policy-rc.d", tmp_path / "createcluster.d" / "levelup.conf"
    monkeypatch.setattr(packages, "POLICY", policy)
    monkeypatch.setattr(packages, "NO_CLUSTER", no_cluster)
    with packages.no_servers_started():
        assert subprocess.run([policy]).returncode == 101
        assert "create_main_cluster = false" in no_cluster.read_text()
    assert not policy.exists()
    assert not no_cluster.exists()


def test_a_policy_of_the_machines_owner_is_kept(tmp_path, monkeypatch):
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 0\n")
    monkeypatch.setattr(packages, "POLICY", policy)
    monkeypatch.setattr(packages, "NO_CLUSTER", tmp_path / "no-cluster.conf")
    with packages.no_servers_started():
        pass
    assert policy.read_text() == "#!/bin/sh\nexit 0\n"


def test_a_stamp_changes_with_any_file_and_only_then(tmp_path):
    one = tmp_path / "one"
    one.write_text("1")
    before = environment.digest([one], "also")
    assert environment.digest([one], "also") == before
    assert environment.digest([one], "other") != before
    one.write_text("2")
    assert environment.digest([one], "also") != before


def test_listed_modules_say_what_they_are(tmp_path, monkeypatch):
    (tmp_path / "storage.py").write_text('"""Measure storage.\n\nMore."""\n')
    (tmp_path / "_shared.py").write_text("")
    assert modules.listed(tmp_path) == {"storage": "Measure storage."}
    monkeypatch.setattr(modules, "PROJECT", Path("/"))
    assert modules.chosen("all", tmp_path) == ["storage"]
    with pytest.raises(Stop, match="choose from all, storage"):
        modules.chosen("nothing", tmp_path)
