"""script/test: every check and every test, needing nothing done before it."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from script._levelup import environment, servers
from script._levelup.children import python, run_in_foreground
from script._levelup.home import PROJECT, server_account

HELP = """usage: script/test [arguments of pytest]

Runs every check and test in a throwaway home: uv lock, ruff, mypy, import-linter, migrations,
JavaScript tests, pytest. With arguments, runs only pytest with them."""

# Pages name their static files by hashes that this command writes down.
COLLECT = [python(), "manage.py", "collectstatic", "--noinput", "--skip-checks", "--verbosity", "0"]


@contextmanager
def throwaway_home() -> Iterator[Path]:
    """Make an empty home that the servers' account can enter, and remove it afterwards."""
    home = Path(tempfile.mkdtemp(prefix="levelup-"))
    if server_account().switch:
        home.chmod(0o711)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def checks() -> list[tuple[str, list[str]]]:
    """Return each check's heading and command, in the order they run."""
    program = str(environment.venv_folder() / "bin") + "/"
    return [
        ("uv lock", [environment.uv_program(), "lock", "--check", "--quiet"]),
        ("ruff check", [program + "ruff", "check", "."]),
        ("ruff format", [program + "ruff", "format", "--check", "."]),
        ("mypy", [program + "mypy", "levelup_site", "areas", "indicators", "tests"]),
        ("import-linter", [program + "lint-imports"]),
        ("migrations", [python(), "manage.py", "makemigrations", "--check", "--dry-run"]),
        ("JavaScript", environment.npm("test", "--silent")),
        ("static files", COLLECT),
        ("pytest", [python(), "-m", "pytest", *together()]),
    ]


def together() -> list[str]:
    """Return the options that have pytest work on every processor; slow files are begun first."""
    workers = min(os.cpu_count() or 1, 8)
    return ["-p", "tests.workers", "-n", str(workers), "--dist", "loadgroup"]


def run_all(environ: Mapping[str, str]) -> int:
    """Run every check to the end, and return 0 when all passed."""
    results = []
    for heading, command in checks():
        print(f"\n== {heading}", flush=True)
        started = time.monotonic()
        code = run_in_foreground(command, environ, PROJECT)
        results.append((heading, code, time.monotonic() - started))
        print(f"-- {heading}: {results[-1][2]:.1f} s", flush=True)
        if code == 128 + 2:  # Ctrl-C
            break
    print("\nSeconds  Check")
    for heading, code, seconds in results:
        print(f"{seconds:7.1f}  {heading}{'' if code == 0 else f'  FAILED ({code})'}")
    failed = [heading for heading, code, _ in results if code != 0]
    total = sum(seconds for _, _, seconds in results)
    print(f"{total:7.1f}  {'FAILED: ' + ', '.join(failed) if failed else 'all passed'}", flush=True)
    return 1 if failed else 0


def main(arguments: list[str]) -> int:
    """Run every check, or pytest alone with `arguments`."""
    if arguments in (["-h"], ["--help"]):
        print(HELP)
        return 0
    environment.prepare(os.environ, with_tests=True)
    # A private secret and home, whatever the caller's shell has for the site itself.
    kept = {k: v for k, v in os.environ.items() if not k.startswith("LEVELUP_")}
    kept |= environment.npm_environ()
    with throwaway_home() as home, servers.running(home, kept, throwaway=True) as running:
        if arguments:
            run_in_foreground(COLLECT, running.environ, PROJECT)
            command = [python(), "-m", "pytest", *arguments]
            return run_in_foreground(command, running.environ, PROJECT)
        return run_all(running.environ)
