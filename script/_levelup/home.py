"""Where a private installation lives, and which account its servers run as."""

import hashlib
import os
import pwd
import re
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from script._levelup.sentences import Stop, say

PROJECT = Path(__file__).resolve().parent.parent.parent
SYSTEM_HOME = Path("/var/lib/levelup")
# A Unix socket's address holds 107 bytes; ".s.PGSQL.5432.lock" is the longest name we add.
LONGEST_SOCKET_PATH = 100
LONGEST_SOCKET_NAME = len("/.s.PGSQL.5432.lock")


@dataclass(frozen=True)
class Account:
    """The account that PostgreSQL and Redis run as.

    `switch` is True when we are root and must become this account to start them.
    """

    name: str
    uid: int
    gid: int
    switch: bool

    def popen(self) -> dict[str, Any]:
        """Return the arguments that make subprocess run a program as this account."""
        if not self.switch:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_account() -> Account:
    """Return ourselves, or Debian's `postgres` account when we are root.

    PostgreSQL refuses to run as root. Raises Stop when root has no such account to use.
    """
    uid = os.getuid()
    if uid != 0:
        entry = pwd.getpwuid(uid)
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=False)
    try:
        entry = pwd.getpwnam("postgres")
    except KeyError:
        raise Stop(
            "PostgreSQL does not run as root and there is no account named postgres: install "
            "Debian's PostgreSQL package with script/bootstrap, or run this as another user."
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=True)


def first_closed_folder(path: Path, uid: int, gid: int) -> Path | None:
    """Return the first folder on the way to `path` that account `uid`:`gid` cannot enter.

    Folders that do not exist yet are taken to be open: we make them so.
    """
    for folder in [*reversed(path.parents), path]:
        try:
            found = folder.stat()
        except FileNotFoundError:
            return None
        if found.st_uid == uid:
            needed = stat.S_IXUSR
        elif found.st_gid == gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not found.st_mode & needed:
            return folder
    return None


def server_ids() -> tuple[int, int]:
    """Return the uid and gid the servers will have, a stranger's while the account is not made."""
    try:
        account = server_account()
    except Stop:
        return 65534, 65534
    return account.uid, account.gid


def choose_home(environ: Mapping[str, str], project: Path = PROJECT) -> Path:
    """Return the installation's folder: LEVELUP_HOME, `var` in the project, or /var/lib/levelup.

    The last when we are root and the project lies where the servers' account cannot enter,
    such as /root. Raises Stop when LEVELUP_HOME names such a place.
    """
    uid, gid = server_ids()
    given = environ.get("LEVELUP_HOME", "")
    if given:
        home = Path(given).expanduser().absolute()
        closed = first_closed_folder(home, uid, gid)
        if closed:
            raise Stop(
                f"LEVELUP_HOME is {home}, but PostgreSQL's account cannot enter {closed}: "
                f"choose another place, such as {SYSTEM_HOME}, or run 'chmod o+x {closed}'."
            )
        return home
    home = project / "var"
    closed = first_closed_folder(home, uid, gid)
    if closed is None:
        return home
    if os.getuid() != 0:
        raise Stop(
            f"You cannot enter {closed}, where the data would live: "
            "set LEVELUP_HOME to a folder of your own."
        )
    say(
        f"The account that runs PostgreSQL cannot enter {closed}, so data live in {SYSTEM_HOME} "
        "(LEVELUP_HOME chooses another place)."
    )
    return SYSTEM_HOME


def make_folder(path: Path, mode: int = 0o755, owner: Account | None = None) -> Path:
    """Make `path` and return it; `owner` gets it with `mode`. Raises Stop when we may not."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        if owner is not None:
            path.chmod(mode)
            if owner.switch:
                os.chown(path, owner.uid, owner.gid)
    except OSError as error:
        raise Stop(
            f"{path} cannot be made or written ({error.strerror}): give it to your account, "
            "or set LEVELUP_HOME to a folder of your own."
        ) from None
    return path


def socket_folder(home: Path) -> Path:
    """Return the folder for the sockets of `home`.

    `run` in the home, unless a socket's path would be 100 bytes or longer there or hold
    characters that need escaping in an address: then a folder under /run (as root) or /tmp
    named by a hash of the home.
    """
    near = home / "run"
    plain = re.fullmatch(r"[A-Za-z0-9_./-]+", str(near))
    if plain and len(os.fsencode(near)) + LONGEST_SOCKET_NAME < LONGEST_SOCKET_PATH:
        return near
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    return Path("/run" if os.getuid() == 0 else "/tmp") / f"levelup-{name}"  # noqa: S108


def make_socket_folder(home: Path, owner: Account) -> Path:
    """Make the folder for sockets, open to its owner alone, and return it.

    Raises Stop when somebody else already holds that name under /tmp.
    """
    folder = socket_folder(home)
    if folder.parent != home:
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.getuid(), owner.uid}:
                raise Stop(
                    f"{folder}, where the sockets would live, belongs to another account: "
                    "remove it, or set LEVELUP_HOME to a shorter path."
                ) from None
    return make_folder(folder, 0o700, owner)


def secret_key(home: Path) -> str:
    """Return the secret key of the installation, made once and readable by its owner alone."""
    path = home / "secret-key"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        try:
            key = path.read_text().strip()
        except PermissionError:
            raise Stop(
                f"{path} belongs to another account: run this as the account that made it, "
                "or set LEVELUP_HOME to a folder of your own."
            ) from None
        if key:
            return key
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC)
    key = secrets.token_urlsafe(48)
    with os.fdopen(descriptor, "w") as file:
        file.write(key + "\n")
    return key
