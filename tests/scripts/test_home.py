"""Where a private installation lives, and where its sockets are."""

import os
import stat
from pathlib import Path

import dj_database_url
import pytest

from script._levelup import home as homes
from script._levelup.home import Account
from script._levelup.postgres import database_url
from script._levelup.sentences import Stop

STRANGER = (64999, 64999)


@pytest.fixture
def me() -> Account:
    return Account("me", os.getuid(), os.getgid(), switch=False)


def test_sockets_live_in_the_home_when_their_paths_are_short():
    assert homes.socket_folder(Path("/srv/levelup")) == Path("/srv/levelup/run")


@pytest.mark.parametrize(
    "home", ["/srv/" + "long/" * 20, "/srv/with space", "/srv/100%", "/srv/Môn"]
)
def test_sockets_live_elsewhere_when_their_paths_are_long_or_awkward(home):
    folder = homes.socket_folder(Path(home))
    assert folder.parent in {Path("/run"), Path("/tmp")}
    assert len(os.fsencode(folder / ".s.PGSQL.5432.lock")) < 100
    assert folder != homes.socket_folder(Path(home + "x"))
    assert folder == homes.socket_folder(Path(home))


@pytest.mark.parametrize("length", range(60, 100))
def test_no_socket_path_reaches_100_bytes(length):
    folder = homes.socket_folder(Path("/" + "h" * (length - 1)))
    assert len(os.fsencode(folder / ".s.PGSQL.5432.lock")) < 100


def test_the_socket_folder_is_open_to_its_owner_alone(tmp_path, me):
    folder = homes.make_socket_folder(tmp_path, me)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_socket_folder_that_is_not_ours_is_refused(tmp_path, me, monkeypatch):
    taken = tmp_path / "taken"
    taken.symlink_to(tmp_path)
    monkeypatch.setattr(homes, "socket_folder", lambda home: taken)
    with pytest.raises(Stop, match="belongs to another account"):
        homes.make_socket_folder(tmp_path / "home", me)


def test_the_database_address_keeps_the_case_of_the_sockets_folder():
    url = database_url(Path("/srv/Levelup/Run"))
    assert url == "postgis://levelup@%2Fsrv%2FLevelup%2FRun:5432/levelup"
    parsed = dj_database_url.parse(url)
    assert parsed["HOST"] == "/srv/Levelup/Run"
    assert (parsed["USER"], parsed["NAME"], parsed["PORT"]) == ("levelup", "levelup", 5432)


def test_a_folder_closed_to_the_servers_account_is_found(tmp_path):
    for folder in [tmp_path, *tmp_path.parents]:
        if folder.stat().st_uid == os.getuid() and folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert homes.first_closed_folder(closed / "home", *STRANGER) == closed
    assert homes.first_closed_folder(closed / "home", os.getuid(), os.getgid()) is None
    closed.chmod(0o711)
    assert homes.first_closed_folder(closed / "home", *STRANGER) is None


def test_levelup_home_is_used_as_given(tmp_path, monkeypatch):
    monkeypatch.setattr(homes, "server_ids", lambda: (os.getuid(), os.getgid()))
    assert homes.choose_home({"LEVELUP_HOME": str(tmp_path)}) == tmp_path
    assert homes.choose_home({"LEVELUP_HOME": ""}, project=tmp_path) == tmp_path / "var"


def test_levelup_home_below_a_closed_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(homes, "server_ids", lambda: STRANGER)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(Stop, match="cannot enter"):
        homes.choose_home({"LEVELUP_HOME": str(closed / "home")})


def test_root_below_a_closed_folder_uses_the_systems_place(tmp_path, monkeypatch):
    monkeypatch.setattr(homes, "server_ids", lambda: STRANGER)
    monkeypatch.setattr(os, "getuid", lambda: 0)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert homes.choose_home({}, project=closed) == homes.SYSTEM_HOME


def test_the_secret_key_is_made_once_and_private(tmp_path):
    key = homes.secret_key(tmp_path)
    assert len(key) >= 50
    assert homes.secret_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / "secret-key").stat().st_mode) == 0o600


def test_an_empty_secret_key_left_by_a_crash_is_replaced(tmp_path):
    (tmp_path / "secret-key").touch(mode=0o600)
    assert len(homes.secret_key(tmp_path)) >= 50
