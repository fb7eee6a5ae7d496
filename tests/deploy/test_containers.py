"""Dockerfile and docker-compose.yml agree with the project and each other, engine or none."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
SERVICES = {"postgis", "redis", "prepare", "web", "worker", "beat"}
OURS = SERVICES - {"postgis", "redis"}
# What script/server sets for the processes of script/Procfile, beside the settings' own.
OF_SCRIPTS = {"LEVELUP_BIND", "LEVELUP_WEB_WORKERS", "LEVELUP_TASK_WORKERS"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
    return found


@pytest.fixture(scope="module")
def services(compose) -> dict[str, Any]:
    found: dict[str, Any] = compose["services"]
    return found


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str, str]]:
    """Return (stage, instruction, rest) of every instruction of the Dockerfile."""
    text = (PROJECT / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    found, stage = [], ""
    for line in filter(str.strip, joined.splitlines()):
        word, rest = line.strip().split(None, 1)
        if word == "FROM":
            stage = rest.split(" AS ")[1]
        found.append((stage, word, re.sub(r"\s+", " ", rest)))
    return found


def environment_of_image(steps: list[tuple[str, str, str]]) -> dict[str, str]:
    (rest,) = [rest for stage, word, rest in steps if (stage, word) == ("runtime", "ENV")]
    return dict(part.split("=", 1) for part in shlex.split(rest))


def words(command: Any) -> list[str]:
    """Return a command as the process that runs in the end sees it."""
    given = command if isinstance(command, list) else shlex.split(command)
    if given[:2] == ["sh", "-c"]:
        given = shlex.split(given[2].replace("$$", "$"))
    return [w for w in given if w != "exec"]


def procfile() -> dict[str, list[str]]:
    lines = (PROJECT / "script" / "Procfile").read_text().splitlines()
    return {name: words(rest.strip()) for name, rest in (line.split(":", 1) for line in lines)}


def command_of_image(steps: list[tuple[str, str, str]]) -> list[str]:
    (rest,) = [rest for stage, word, rest in steps if (stage, word) == ("runtime", "CMD")]
    return words(json.loads(rest))


def options(command: list[str]) -> dict[str, str]:
    """Return `--name value` and `--name=value` as a dict."""
    found = {}
    for at, word in enumerate(command):
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            after = command[at + 1] if at + 1 < len(command) else ""
            found[name] = value if equals else "" if after.startswith("-") else after
    return found


# The same system as script/server


def test_there_are_the_services_of_the_procfile_and_the_servers(services):
    assert set(services) == SERVICES
    assert set(procfile()) == {"web", "worker", "beat"}


def test_web_runs_as_in_the_procfile(steps):
    ours, theirs = options(command_of_image(steps)), options(procfile()["web"])
    assert command_of_image(steps)[:2] == procfile()["web"][:2] == ["gunicorn", "levelup_site.wsgi"]
    assert ours.pop("--bind") == "0.0.0.0:8000"
    assert ours.pop("--worker-tmp-dir") == "/dev/shm"
    theirs.pop("--bind")
    assert ours == theirs


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_worker_and_beat_run_as_in_the_procfile(services, name):
    ours, theirs = words(services[name]["command"]), procfile()[name]
    assert ours[:4] == theirs[:4]
    here, there = options(ours), options(theirs)
    if name == "beat":
        assert here.pop("--schedule").startswith("/tmp/")
        there.pop("--schedule")
    assert here == there


def test_the_database_is_made_as_script_server_makes_it(services):
    from script._levelup import postgres

    source = Path(postgres.__file__).read_text()
    given = shlex.split(services["postgis"]["environment"]["POSTGRES_INITDB_ARGS"])
    for option in given:
        name, _, value = option.partition("=")
        assert f'"{name}"' in source
        if value:
            assert f'"{name}", "{value}"' in source
    settings = postgres.settings_for(24 * 1024**3, Path("/x"), throwaway=False)
    for option in services["postgis"]["command"][1:]:
        name, value = option.removeprefix("-c").split("=")
        assert name in settings
        if name in {"jit", "random_page_cost", "max_wal_size", "max_connections", "timezone"}:
            assert settings[name] == value


# Health, order, volumes, accounts


@pytest.mark.parametrize("name", ["postgis", "redis", "web", "worker", "beat"])
def test_every_service_that_stays_has_a_health_check_and_starts_again(services, name):
    check = services[name]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries"} <= set(check)
    assert services[name]["restart"] == "unless-stopped"


def test_nothing_starts_before_what_it_needs(services):
    for name in ("web", "worker", "beat"):
        needs = {k: v["condition"] for k, v in services[name]["depends_on"].items()}
        assert needs == {
            "prepare": "service_completed_successfully",
            "postgis": "service_healthy",
            "redis": "service_healthy",
        }
    assert set(services["prepare"]["depends_on"]) == {"postgis", "redis"}
    assert services["prepare"]["restart"] == "no"


def test_every_volume_is_named_and_the_data_are_in_one(compose, services):
    named = set(compose["volumes"])
    used = {v.split(":")[0] for s in services.values() for v in s.get("volumes", [])}
    assert used == named == {"database", "home", "backups"}
    assert services["postgis"]["volumes"] == ["database:/var/lib/postgresql/data"]


def test_our_processes_are_not_root_and_cannot_write_beyond_their_volumes(services, steps):
    for name in OURS:
        service = services[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["user"] == "levelup"
        assert "no-new-privileges:true" in service["security_opt"]
    users = [rest for stage, word, rest in steps if (stage, word) == ("runtime", "USER")]
    assert users == ["levelup"]
    (made,) = [r for _, w, r in steps if w == "RUN" and "useradd" in r]
    for volume in services["web"]["volumes"]:
        assert volume.split(":")[1] in made


def test_only_the_site_is_reached_from_outside_and_from_this_machine_alone(services):
    ports = {name: s["ports"] for name, s in services.items() if "ports" in s}
    assert ports == {"web": ["127.0.0.1:8000:8000"]}


# Settings


def variables_of_settings() -> set[str]:
    text = (PROJECT / "levelup_site" / "settings.py").read_text()
    return set(re.findall(r'(?:environ\.get|required|flag)\(\s*"([A-Z_]+)"', text))


def test_every_setting_is_given_or_left_to_the_image_on_purpose(services, steps):
    known = variables_of_settings()
    assert {"LEVELUP_SECRET_KEY", "DATABASE_URL", "LEVELUP_CONTACT_EMAIL"} <= known
    given = set(services["web"]["environment"])
    image = set(environment_of_image(steps))
    assert given - known <= OF_SCRIPTS
    # A debugging site is never one that others reach.
    assert known - given - image == {"LEVELUP_DEBUG"}


def test_the_processes_variables_are_all_set(steps, services):
    text = json.dumps([services[n].get("command", "") for n in OURS]) + json.dumps(
        [rest for _, word, rest in steps if word == "CMD"]
    )
    used = set(re.findall(r"\$\$?(LEVELUP_\w+)", text))
    assert used == {"LEVELUP_WEB_WORKERS", "LEVELUP_TASK_WORKERS"}
    assert used <= set(services["web"]["environment"]) & set(environment_of_image(steps))


def test_a_secret_is_asked_for_and_none_is_written_down(services):
    environment = services["web"]["environment"]
    assert environment["LEVELUP_SECRET_KEY"].startswith("${LEVELUP_SECRET_KEY:?")
    assert "${LEVELUP_DB_PASSWORD:?" in environment["DATABASE_URL"]
    assert services["postgis"]["environment"]["POSTGRES_PASSWORD"] == "${LEVELUP_DB_PASSWORD}"


# The image


def test_everything_copied_is_there_and_everything_needed_is_copied(steps):
    copied: set[str] = set()
    for stage, word, rest in steps:
        if word == "COPY" and not rest.startswith("--from"):
            *sources, _ = rest.split()
            for source in sources:
                assert (PROJECT / source).exists(), source
                if stage == "runtime":
                    copied.add(source)
    packages = {p.parent.name for p in PROJECT.glob("*/__init__.py")} - {"tests", "script"}
    assert packages <= copied
    assert {"manage.py", "templates", "demo"} <= copied
    ignored = (PROJECT / ".dockerignore").read_text().split()
    assert not copied & set(ignored)
    assert {".git", ".env", "var", "node_modules", ".venv"} <= set(ignored)


def test_the_image_that_runs_has_no_tools_to_build_with(steps):
    runtime = " ".join(rest for stage, word, rest in steps if stage == "runtime" and word == "RUN")
    for tool in ("pip", "uv ", "npm", "gcc", "build-essential", "-dev", "curl", "git"):
        assert tool not in runtime, tool
    stages = [rest.split(" AS ") for _, word, rest in steps if word == "FROM"]
    assert [name for _, name in stages] == ["assets", "environment", "runtime"]
    assert stages[1][0] == stages[2][0], "the environment is made by the Python that runs it"


def test_versions_are_those_of_the_scripts(steps):
    from script._levelup import environment, packages

    text = (PROJECT / "Dockerfile").read_text()
    assert f"uv=={environment.UV_VERSION}" in text
    node = re.search(r"FROM node:(\d+)-", text)
    assert node
    assert node[1] == environment.NODE_VERSION.split(".")[0]
    source = Path(packages.__file__).read_text()
    (install,) = [r for _, w, r in steps if w == "RUN" and "apt-get" in r]
    for library in re.findall(r"\blib\S+", install.split("recommends")[1].split("&&")[0]):
        assert library in source, library


def test_the_client_of_postgresql_is_that_of_the_server(steps, services):
    (install,) = [r for _, w, r in steps if w == "RUN" and "apt-get" in r]
    client = re.search(r"postgresql-client-(\d+)", install)
    server = re.match(r"postgis/postgis:(\d+)-", services["postgis"]["image"])
    assert client
    assert server
    assert client[1] == server[1]


# The health checks, asked of the real thing


def healthy(name: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "levelup_site/container_health.py", name],
        cwd=PROJECT,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
    )


def test_the_checks_are_the_ones_of_the_files(services, steps):
    for name in ("web", "worker", "beat"):
        test = services[name]["healthcheck"]["test"][1:]
        assert test == ["python", "-P", "levelup_site/container_health.py", name]
        assert (PROJECT / test[2]).exists()
    (rest,) = [rest for _, word, rest in steps if word == "HEALTHCHECK"]
    assert json.loads(rest.partition("CMD ")[2]) == services["web"]["healthcheck"]["test"][1:]


def test_a_check_that_is_not_known_says_which_are():
    done = healthy("nothing")
    assert (done.returncode, done.stderr) == (2, "Name one of web, worker, beat.\n")


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def wait_until_healthy(name: str, process: subprocess.Popen[bytes]) -> str:
    until = time.monotonic() + 90
    while time.monotonic() < until:
        done = healthy(name)
        if done.returncode == 0:
            return ""
        assert process.poll() is None, f"{name} ended"
        time.sleep(1)
    return done.stderr


def test_worker_and_beat_are_found_healthy_while_they_run_and_not_before(tmp_path):
    assert "does not answer" in healthy("worker").stderr
    celery = [sys.executable, "-m", "celery", "-A", "levelup_site.celery:app"]
    with running(*celery, "worker", "--concurrency=1", "--without-gossip", "--without-mingle") as w:
        assert wait_until_healthy("worker", w) == ""
    assert healthy("worker").returncode == 1


def test_web_is_unhealthy_until_it_answers():
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        from levelup_site import container_health

        assert "does not answer" in container_health.web(port=door.getsockname()[1])


@pytest.mark.parametrize("status", [200, 503])
def test_web_is_as_healthy_as_readyz_says(status):
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    from levelup_site import container_health

    asked = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["X-Forwarded-Proto"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b'{"database": "Migrations are waiting"}')

        def log_message(self, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    wrong = container_health.web(port=server.server_address[1])
    thread.join()
    server.server_close()
    assert asked == [("/readyz", "https")]
    assert wrong == ("" if status == 200 else '503 {"database": "Migrations are waiting"}')


def test_beat_is_healthy_while_its_process_is_there(monkeypatch, tmp_path):
    from levelup_site import container_health

    monkeypatch.setattr(container_health, "Path", lambda _: tmp_path)
    assert container_health.beat() == "beat does not run"
    (tmp_path / "7").mkdir()
    command = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]["beat"]
    in_container = ["/srv/levelup/.venv/bin/python", "/srv/levelup/.venv/bin/celery"]
    line = "\0".join([*in_container, *command["command"][1:]])
    (tmp_path / "7" / "cmdline").write_text(line)
    assert container_health.beat() == ""
