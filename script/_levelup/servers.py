"""The private servers of a home: started by the first who needs them, stopped by the last."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from script._levelup import home as homes
from script._levelup.postgres import Postgres
from script._levelup.redis_server import Redis
from script._levelup.sentences import Stop, say


@dataclass(frozen=True)
class Running:
    """What a command needs to know: the home, the servers that are ours, and the environment."""

    home: Path
    servers: list[Postgres | Redis]
    environ: dict[str, str]


def open_lock(home: Path, name: str) -> int:
    """Open the lock file `name` of `home`; the lock ends with the process that holds it."""
    homes.make_folder(home)
    try:
        return os.open(home / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except PermissionError:
        raise Stop(
            f"{home / name} belongs to another account: run this as the account that made it, "
            "or set LEVELUP_HOME to a folder of your own."
        ) from None


@contextmanager
def locked(home: Path, name: str) -> Iterator[None]:
    """Hold the lock file `name` alone, waiting for whoever has it."""
    descriptor = open_lock(home, name)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def alone(descriptor: int) -> bool:
    """Lock for us alone; return False when somebody else holds or shares the lock."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def private_servers(
    home: Path, environ: Mapping[str, str], *, throwaway: bool = False
) -> list[Postgres | Redis]:
    """Return the servers that this installation runs itself: those without an address given."""
    servers: list[Postgres | Redis] = []
    if not environ.get("DATABASE_URL"):
        servers.append(Postgres(home, homes.server_account(), throwaway))
    if not environ.get("REDIS_URL"):
        servers.append(Redis(home, homes.server_account()))
    return servers


@contextmanager
def running(
    home: Path, environ: Mapping[str, str], *, throwaway: bool = False
) -> Iterator[Running]:
    """Have the private servers up for as long as the block runs.

    Every script in the block shares a lock on the home. Whoever comes first starts what is
    down; whoever leaves last stops it, so no script takes the database from another.
    """
    homes.make_folder(home)
    servers = private_servers(home, environ, throwaway=throwaway)
    in_use = open_lock(home, "in-use.lock")
    started: list[Postgres | Redis] = []
    try:
        with locked(home, "start.lock"):
            fcntl.flock(in_use, fcntl.LOCK_SH)
            try:
                for server in servers:
                    if server.pid() is None:
                        started.append(server)
                        server.start()
            except BaseException:
                if alone(in_use):
                    stop_all(started)
                raise
        addresses = {
            "DATABASE_URL" if isinstance(server, Postgres) else "REDIS_URL": server.url
            for server in servers
        }
        key = environ.get("LEVELUP_SECRET_KEY") or homes.secret_key(home)
        ours = {"LEVELUP_HOME": str(home), "LEVELUP_SECRET_KEY": key, **addresses}
        try:
            yield Running(home, servers, {**environ, **ours})
        finally:
            with locked(home, "start.lock"):
                if alone(in_use):
                    stop_all(servers)
                elif started:
                    say("The private servers stay up for another script that uses them")
    finally:
        os.close(in_use)


def stop_all(servers: list[Postgres | Redis]) -> None:
    """Stop `servers`, last started first, going on to the end when one refuses."""
    failures = []
    for server in reversed(servers):
        try:
            server.stop()
        except Stop as stop:
            failures.append(str(stop))
    if failures:
        raise Stop(" ".join(failures))


@contextmanager
def only_one(home: Path, name: str, sentence: str) -> Iterator[None]:
    """Hold the lock file `name` alone, or raise Stop with `sentence` at once."""
    descriptor = open_lock(home, name)
    try:
        if not alone(descriptor):
            raise Stop(sentence)
        yield
    finally:
        os.close(descriptor)
