"""Debian's packages: what is missing, and installing it without starting servers."""

import ctypes.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from script._levelup import postgres
from script._levelup.sentences import Stop, last_lines, say

# What each distribution calls PostgreSQL's version and the GDAL library.
KNOWN = {
    "debian 12": (15, "libgdal32"),
    "ubuntu 24.04": (16, "libgdal34t64"),
}
POLICY = Path("/usr/sbin/policy-rc.d")
NO_CLUSTER = Path("/etc/postgresql-common/createcluster.d/levelup.conf")
APT_LOG = Path("/var/log/levelup-apt.log")


def distribution(os_release: Path = Path("/etc/os-release")) -> str:
    """Return the distribution as "debian 12", from the text of os-release."""
    try:
        lines = os_release.read_text().splitlines()
    except OSError:
        return "unknown"
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    found = [values.get(name, "").strip('"') for name in ("ID", "VERSION_ID")]
    return " ".join(found).strip()


def missing(*, database: bool, redis: bool, venv: bool, browser: bool) -> list[str]:
    """Return the packages that this machine still needs.

    `database` and `redis`: whether we run these servers ourselves; `venv`: whether Python
    environments are made by Python's own module; `browser`: whether the browser tests run.
    """
    name = distribution()
    postgres_version, gdal = KNOWN.get(name, (0, "libgdal"))
    wanted = []
    if database and not postgres.program_folders():
        others = [int(p.name) for p in Path("/usr/lib/postgresql").glob("*") if p.name.isdigit()]
        version = max(others, default=postgres_version) or "NN"
        wanted += [f"postgresql-{version}", f"postgresql-{version}-postgis-3"]
    if redis and shutil.which("redis-server") is None:
        wanted.append("redis-server")
    if ctypes.util.find_library("gdal") is None:
        wanted.append(gdal)
    if ctypes.util.find_library("geos_c") is None:
        wanted.append("libgeos-c1v5" if name == "debian 12" else "libgeos-c1t64")
    if venv:
        wanted.append("python3-venv")
    if browser and shutil.which("chromium") is None:
        wanted.append("chromium")
    return wanted


def ensure(wanted: list[str]) -> None:
    """Install the packages `wanted` as root, through sudo if need be.

    Raises Stop with one sentence that names them when we may not or cannot.
    """
    if not wanted:
        return
    known = distribution() in KNOWN
    if not known or shutil.which("apt-get") is None:
        raise Stop(
            "Levelup installs packages on Debian 12 and Ubuntu 24.04 only: on this system, install "
            f"what these packages hold ({', '.join(wanted)}), then run this again."
        )
    if os.getuid() == 0:
        install(wanted)
        return
    run = Path(__file__).resolve().parent / "run.py"
    sudo = shutil.which("sudo")
    may = sudo and subprocess.run([sudo, "-n", "true"], capture_output=True).returncode == 0
    if not may:
        command = f"apt-get install --no-install-recommends {' '.join(wanted)}"
        raise Stop(f"Packages are missing: run '{command}' as root, then run this again.")
    done = subprocess.run([str(sudo), "-n", sys.executable, str(run), "packages", *wanted])
    if done.returncode != 0:
        raise Stop("The packages were not installed: see above.")


def install(wanted: list[str]) -> None:
    """Install the packages `wanted` with apt-get as root. Raises Stop when apt-get fails."""
    say(f"Installing system packages: {' '.join(wanted)}")
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]
    had_redis = shutil.which("redis-server") is not None
    with APT_LOG.open("w") as log, no_servers_started():
        for step in (["update"], ["install", "-y", "--no-install-recommends", *wanted]):
            done = subprocess.run(
                [*apt, *step], env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            if done.returncode != 0:
                raise Stop(
                    f"apt-get {step[0]} failed; mend what it says, then run this again "
                    f"(its whole output is in {APT_LOG}):\n{last_lines(APT_LOG)}"
                )
    if not had_redis and shutil.which("redis-server") is not None:
        # The package would start a Redis of its own at the machine's next start.
        for command in (
            ["systemctl", "disable", "redis-server"],
            ["update-rc.d", "redis-server", "disable"],
        ):
            if shutil.which(command[0]):
                subprocess.run(command, check=False, capture_output=True)


@contextmanager
def no_servers_started() -> Iterator[None]:
    """Keep packages from starting servers and making a PostgreSQL cluster while the block runs.

    Policies that the machine's owner has set are left as they are.
    """
    made = []
    try:
        if not POLICY.exists():
            POLICY.write_text(
                "#!/bin/sh\n# Made by Levelup while it installs packages.\nexit 101\n"
            )
            made.append(POLICY)
            POLICY.chmod(0o755)
        if not NO_CLUSTER.exists():
            NO_CLUSTER.parent.mkdir(parents=True, exist_ok=True)
            NO_CLUSTER.write_text("create_main_cluster = false\n")
            made.append(NO_CLUSTER)
        yield
    finally:
        for path in made:
            path.unlink(missing_ok=True)
