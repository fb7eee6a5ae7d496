"""script/server: from a clean machine to a page in the browser, in one command."""

import argparse
import ctypes
import errno
import http.client
import ipaddress
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from script._levelup import environment, home, processes, servers
from script._levelup.children import python
from script._levelup.home import PROJECT
from script._levelup.sentences import Stop, last_lines, say, timed
from script._levelup.servers import Running

# Honcho gives its processes 5 s to end before it kills them.
SECONDS_TO_STOP = 8
SECONDS_TO_BE_READY = 120
# From linux/prctl.h.
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def options_of(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="script/server",
        description="Start Levelup: installs what is missing, runs a private PostGIS and Redis, "
        "loads the demo at first start, and serves the site until Ctrl-C.",
        epilog="LEVELUP_HOME: where data live (var in the project). DATABASE_URL, REDIS_URL: use "
        "these servers, not private ones. LEVELUP_ALLOWED_HOSTS: the names the site answers to, "
        "needed with --host. More in docs/running.md.",
    )
    parser.add_argument("--port", type=int, default=8000, help="port of the site (8000)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (127.0.0.1)")
    parser.add_argument("--no-demo", action="store_true", help="do not load the demo data")
    return parser.parse_args(arguments)


def address(host: str, port: int) -> str:
    """Return `host:port` as web addresses write it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def visitors_host(host: str) -> str:
    """Return where a browser on this machine finds a site that listens at `host`."""
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not ip.is_unspecified:
        return host
    return "127.0.0.1" if ip.version == 4 else "::1"


def check_port(host: str, port: int) -> None:
    """Raise Stop with a sentence when the site could not listen at `host` and `port`."""
    if not 0 < port < 65536:
        raise Stop(f"{port} is not a port: choose one from 1 to 65535.")
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as door:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            door.bind(place)
            door.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Stop(
                f"Port {port} on {host} is already in use: stop the program that listens there, "
                f"or choose another port with script/server --port {port + 1}."
            ) from None
        raise Stop(
            f"The site cannot listen at {address(host, port)} ({error.strerror}): "
            "choose another --host or --port."
        ) from None


def manage(running: Running, *arguments: str) -> None:
    """Run a management command. Raises Stop when it fails."""
    done = subprocess.run(
        [python(), str(PROJECT / "manage.py"), *arguments],
        env=running.environ,
        stdin=subprocess.DEVNULL,
        stdout=2,
    )
    if done.returncode != 0:
        raise Stop(f"'script/manage {' '.join(arguments)}' failed: see above.")


def collect_static(running: Running) -> None:
    """Copy and compress the static files when their sources have changed."""
    sources = [
        *(PROJECT / "static").rglob("*"),
        PROJECT / "uv.lock",
        PROJECT / "levelup_site" / "settings.py",
    ]
    stamp = environment.digest(sources, running.environ.get("LEVELUP_DEBUG", ""))
    marker = running.home / "static" / ".stamp"
    if marker.exists() and marker.read_text() == stamp:
        return
    with timed("Collecting the static files"):
        manage(running, "collectstatic", "--noinput", "--clear", "--verbosity", "0")
    marker.write_text(stamp)


def die_with_parent() -> None:
    """Have the kernel tell us to end when script/server is killed outright."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def adopt_orphans() -> None:
    """Become the parent of processes below us whose own parent ends, so none escapes."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def start_processes(running: Running, host: str, port: int, log: Path) -> subprocess.Popen[bytes]:
    """Start web, worker and beat under honcho, in a session of their own, writing to `log`."""
    cpus = os.cpu_count() or 1
    (running.home / "beat").mkdir(exist_ok=True)
    venv = environment.venv_folder() / "bin"
    environ = {
        **running.environ,
        "PATH": f"{venv}{os.pathsep}{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
        "LEVELUP_BIND": address(host, port),
        "LEVELUP_WEB_WORKERS": running.environ.get("LEVELUP_WEB_WORKERS", str(min(4, cpus + 1))),
        "LEVELUP_TASK_WORKERS": running.environ.get("LEVELUP_TASK_WORKERS", str(min(4, cpus))),
    }
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    procfile = PROJECT / "script" / "Procfile"
    with log.open("wb") as output:
        return subprocess.Popen(
            [venv / "honcho", "--no-colour", "-e", os.devnull, "-f", procfile, "start"],
            cwd=PROJECT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )


def answer(host: str, port: int, environ: Mapping[str, str]) -> tuple[int, str]:
    """Return the status and text of /readyz, or 0 and why it did not answer."""
    names = [
        n.strip().lstrip(".") for n in environ.get("LEVELUP_ALLOWED_HOSTS", "localhost").split(",")
    ]
    named = next((n for n in names if n and n != "*"), "localhost")
    # As a proxy would ask, so that LEVELUP_HTTPS does not redirect us.
    headers = {"Host": named, "X-Forwarded-Proto": "https"}
    connection = http.client.HTTPConnection(visitors_host(host), port, timeout=10)
    try:
        connection.request("GET", "/readyz", headers=headers)
        reply = connection.getresponse()
        return reply.status, reply.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)
    finally:
        connection.close()


def died(
    honcho: subprocess.Popen[bytes], watches: Mapping[str, processes.Watch], log: Path
) -> str | None:
    """Return the sentence for whatever has ended, or None while all run."""
    for name, watch in watches.items():
        if watch.ended():
            return (
                f"{name} ended unexpectedly, so everything was stopped: "
                "start again with script/server, which recovers by itself."
            )
    if honcho.poll() is not None:
        return (
            "One of web, worker and beat ended, so everything was stopped; "
            f"the end of {log}:\n{last_lines(log)}"
        )
    return None


def stop_processes(honcho: subprocess.Popen[bytes]) -> None:
    """End web, worker and beat, and whatever they leave behind."""
    if honcho.poll() is None:
        honcho.terminate()
        with suppress(subprocess.TimeoutExpired):
            honcho.wait(SECONDS_TO_STOP)
    for number in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + 2
        left = processes.below(os.getpid())
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        while any(processes.lives(pid) for pid in left) and time.monotonic() < until:
            time.sleep(0.05)
    honcho.poll()


def serve(running: Running, host: str, port: int) -> int:
    """Run the site until a signal or until something ends; return the exit code."""
    log = home.make_folder(running.home / "log") / "server.log"
    told: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: told.append(number))
    watches = {}
    for server in running.servers:
        pid = server.pid()
        if pid is None:
            raise Stop(f"{server.name} ended as soon as it had started: see {server.log}.")
        watches[server.name] = processes.Watch(pid)
    adopt_orphans()
    honcho = start_processes(running, host, port, log)
    sentence = None
    try:
        until = time.monotonic() + SECONDS_TO_BE_READY
        ready, text = False, ""
        while not told and sentence is None:
            sentence = died(honcho, watches, log)
            if not ready and sentence is None:
                status, text = answer(host, port, running.environ)
                ready = status == 200
                if ready:
                    say(f"What the site says goes to {log}; Ctrl-C stops everything")
                    print(f"Ready: http://{address(visitors_host(host), port)}/", flush=True)
                elif time.monotonic() > until:
                    sentence = (
                        f"The site was not ready after {SECONDS_TO_BE_READY} s ({text.strip()}); "
                        f"the end of {log}:\n{last_lines(log)}"
                    )
            time.sleep(0.2)
        say("Stopping")
    finally:
        stop_processes(honcho)
    if sentence is not None:
        raise Stop(sentence)
    return 0 if told[0] == signal.SIGINT else 128 + told[0]


def main(arguments: list[str]) -> int:
    """Start everything and serve until told to stop."""
    options = options_of(arguments)
    started = time.monotonic()
    check_port(options.host, options.port)
    if not Path("/usr/lib/postgresql").exists() and not os.environ.get("DATABASE_URL"):
        say("First start: this installs packages and takes some minutes")
    environment.prepare(os.environ)
    place = home.choose_home(os.environ)
    sentence = (
        f"script/server already runs for {place}: stop it, or set LEVELUP_HOME to another folder."
    )
    with (
        servers.only_one(place, "server.lock", sentence),
        servers.running(place, os.environ) as running,
    ):
        with timed("Migrating the database"):
            manage(running, "migrate", "--noinput", "--skip-checks", "--verbosity", "0")
        collect_static(running)
        if not options.no_demo:
            manage(running, "load_demo", "--skip-checks")
        say(f"Starting web, worker and beat after {time.monotonic() - started:.1f} s")
        return serve(running, options.host, options.port)
