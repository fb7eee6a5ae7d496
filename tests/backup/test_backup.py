"""A backup holds everything, comes back whole, or does not come back at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client

from areas.models import Edition, GeographyVersion
from indicators.models import CatalogueVersion, DataVersion
from levelup_site.backup import BackupError, archive, postgres, put_back, take
from tests import databases
from tests.conftest import NOON, shares
from tests.filled import fill
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS

pytestmark = pytest.mark.django_db

SOURCE = f"levelup_backup_source_{os.getpid()}"
TARGET = f"levelup_backup_target_{os.getpid()}"
TILES = "0123456789abcdef" * 2
PAGES = (f"/areas/{COUNCILS[0]}/", "/about/data/", f"/map/lsoa/share.json?within={COUNCILS[1]}")
AT = datetime(2026, 12, 1, tzinfo=UTC)
LATER = datetime(2026, 12, 2, tzinfo=UTC)


def silent(text: str) -> None:
    """Hear nothing."""


@pytest.fixture(scope="module")
def source(django_db_setup, django_db_blocker) -> Iterator[str]:
    """A database with the tiny UK and releases, beside the tests' own."""
    with (
        django_db_blocker.unblock(),
        databases.fresh(SOURCE, template=databases.leave_tests_database()) as name,
    ):
        with databases.turned_to(name):
            fill()
            Edition.objects.filter(slug="lsoa").update(tile_hash=TILES)
        yield name


@pytest.fixture(scope="module")
def kept(source, tmp_path_factory) -> Path:
    """A home with an upload that is there twice, and the tiles of an edition."""
    home: Path = tmp_path_factory.mktemp("home")
    for name, content in {
        "media/aa/upload.csv": b"code,value\n" * 5000,
        "media/bb/the same.csv": b"code,value\n" * 5000,
        "media/.restoring-x/half": b"not ours",
        f"tiles/{TILES}.pmtiles": bytes(range(256)) * 4000,
        f"tiles/{'f' * 32}.pmtiles": b"an edition that is gone",
    }.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return home


@contextmanager
def at_home(home: Path) -> Iterator[None]:
    before = django_settings.MEDIA_ROOT, django_settings.TILE_DIR
    django_settings.MEDIA_ROOT, django_settings.TILE_DIR = home / "media", home / "tiles"
    try:
        yield
    finally:
        django_settings.MEDIA_ROOT, django_settings.TILE_DIR = before


@pytest.fixture(scope="module")
def whole(source, kept, tmp_path_factory) -> Path:
    """A backup of it."""
    to: Path = tmp_path_factory.mktemp("backup") / "whole.tar.zst"
    with databases.turned_to(source), at_home(kept):
        take.backup(to=to, at=AT, tell=silent)
    return to


@pytest.fixture
def target(source, tmp_path) -> Iterator[Path]:
    """An empty database that Django is turned to, and an empty home."""
    home: Path = tmp_path / "new home"
    home.mkdir()
    with databases.fresh(TARGET) as name, databases.turned_to(name), at_home(home):
        yield home


def restore(path: Path, *, replace: bool = False) -> put_back.Restored:
    return put_back.restore(source=path, replace=replace, at=LATER, tell=silent)


def files_of(home: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in sorted(home.rglob("*"))
        if path.is_file()
    }


Refused = Callable[..., None]


def nothing_changes(name: str, home: Path) -> Refused:
    """Return a check that a file is refused in a sentence or few, and that nothing is changed."""

    def check(path: Path, match: str, *, replace: bool = False) -> None:
        before = databases.names(), databases.checksums(name), files_of(home)
        with pytest.raises(BackupError, match=match) as error:
            restore(path, replace=replace)
        assert "Traceback" not in str(error.value)
        assert "\n" not in str(error.value)
        assert (databases.names(), databases.checksums(name), files_of(home)) == before

    return check


@pytest.fixture
def refused_here(target) -> Refused:
    """Check that a file is refused by the target as the test has left it."""
    return nothing_changes(TARGET, target)


@pytest.fixture(scope="module")
def empty(source, tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """An empty database and home that many refusals share, since none changes them."""
    with databases.fresh(f"{TARGET}_empty") as name:
        yield name, tmp_path_factory.mktemp("empty")


@pytest.fixture
def refused(empty) -> Iterator[Refused]:
    """Check that a file is refused by an empty installation."""
    name, home = empty
    with databases.turned_to(name), at_home(home):
        yield nothing_changes(name, home)


def test_everything_comes_back(source, kept, whole, target):
    with databases.turned_to(source):
        pages = [Client().get(page).content for page in PAGES]
    done = restore(whole)
    then, now = databases.checksums(source), databases.checksums(TARGET)
    moved = "public.indicators_dataversion"
    assert {t: c for t, c in now.items() if t != moved} == {
        t: c for t, c in then.items() if t != moved
    }
    assert len(now) > 25
    assert now["public.indicators_auditentry"][0] == 7
    assert [Client().get(page).content for page in PAGES] == pages
    assert all(len(page) > 200 for page in pages)
    assert done.waiting == []
    held = files_of(kept)
    assert files_of(target) == {
        name: content
        for name, content in held.items()
        if "restoring" not in name and "f" * 32 not in name
    }
    assert len(files_of(target)) == 3


def test_the_rules_of_the_database_come_back_too(whole, target):
    restore(whole)
    from indicators.models import AuditEntry, Series

    with pytest.raises(psycopg.Error), postgres.connect(TARGET) as plain:
        plain.execute("UPDATE indicators_auditentry SET action = 'nothing'")
    assert AuditEntry.objects.exists()
    # A sequence goes on where it was, and a bucket takes more.
    from indicators.models import Dataset, Release
    from indicators.releases.publish import publish
    from indicators.releases.stage import stage

    dataset = Dataset.objects.get()
    release = Release.objects.create(
        dataset=dataset, slug="next", name="Next", licence=dataset.licence, received_at=NOON
    )
    before = Series.objects.count()
    stage(release=release, table=shares([1.0] * len(NEIGHBOURHOODS)), at=NOON)
    publish(release=release, by=None, at=NOON.replace(hour=13))
    assert Series.objects.count() > before


def test_no_reader_is_told_that_an_older_page_is_still_true(source, whole, target):
    with databases.turned_to(source):
        then = DataVersion.objects.get().version
    restore(whole)
    day = 24 * 60 * 60
    assert DataVersion.objects.get().version == then + day
    DataVersion.objects.update(version=10**9)
    others = GeographyVersion.objects.get().version + CatalogueVersion.objects.get().version
    connection.close()
    restore(whole, replace=True)
    # One more than the sum that readers saw: of figures, geography, and what describes them.
    assert DataVersion.objects.get().version == 10**9 + others + 1


def test_a_backup_is_its_owners_alone_and_holds_each_file_once(whole):
    assert stat.S_IMODE(whole.stat().st_mode) == 0o600
    header, manifest = archive.check(whole)
    assert header.made_at == AT.isoformat()
    assert len(manifest.files) == 3
    assert sum(name.startswith("files/") for name in manifest.members) == 2


def test_a_backup_never_replaces_a_file(source, kept, whole):
    before = whole.read_bytes()
    with (
        databases.turned_to(source),
        at_home(kept),
        pytest.raises(BackupError, match="already there"),
    ):
        take.backup(to=whole, at=AT, tell=silent)
    assert whole.read_bytes() == before


def test_a_backup_without_its_tiles_is_not_made(source, tmp_path):
    with (
        databases.turned_to(source),
        at_home(tmp_path),
        pytest.raises(BackupError, match="tiles of “Neighbourhoods”"),
    ):
        take.backup(to=tmp_path / "x.tar.zst", at=AT, tell=silent)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_is_not_backed_up(target, tmp_path):
    with pytest.raises(BackupError, match="nothing to back up"):
        take.backup(to=tmp_path / "x.tar.zst", at=AT, tell=silent)
    assert not (tmp_path / "x.tar.zst").exists()


def test_a_database_that_holds_something_is_left_alone_unless_we_are_told(
    whole, target, refused_here
):
    restore(whole)
    connection.close()
    refused_here(whole, r"already holds 36 areas, 1 datasets, 1 accounts: .* --replace")
    with postgres.connect(TARGET) as plain:
        plain.execute("DELETE FROM areas_postcode")
    restore(whole, replace=True)
    assert databases.checksums(TARGET)["public.areas_postcode"][0] == 4
    assert not {n for n in databases.names() if "restoring" in n or "replaced" in n}


def test_somebody_elses_tables_are_not_dropped(whole, target, refused_here):
    with postgres.connect(TARGET) as plain:
        plain.execute("CREATE TABLE ledger (n int)")
    refused_here(whole, r"tables of something else \(public\.ledger\)")


def test_a_database_in_use_is_left_alone(whole, target, refused_here, monkeypatch):
    monkeypatch.setattr(put_back, "SECONDS_TO_LEAVE", 0.3)
    with postgres.connect(TARGET):
        with pytest.raises(BackupError, match="1 connections use the database"):
            restore(whole, replace=True)
        assert not {n for n in databases.names() if "restoring" in n}


def test_an_upload_that_differs_is_left_alone_unless_we_are_told(whole, target, refused_here):
    upload = target / "media" / "aa" / "upload.csv"
    upload.parent.mkdir(parents=True)
    upload.write_bytes(b"mine")
    refused_here(whole, "upload.csv is there already")
    restore(whole, replace=True)
    assert upload.read_bytes() == b"code,value\n" * 5000


def test_a_role_that_may_not_make_databases_is_told_what_to_ask_for(whole, target):
    with postgres.maintenance() as server:
        server.execute("DROP ROLE IF EXISTS levelup_backup_guest")
        server.execute("CREATE ROLE levelup_backup_guest LOGIN NOCREATEDB")
    before = connection.settings_dict["USER"]
    connection.settings_dict["USER"] = "levelup_backup_guest"
    try:
        with pytest.raises(BackupError, match="ALTER ROLE levelup_backup_guest CREATEDB"):
            restore(whole)
    finally:
        connection.settings_dict["USER"] = before
        with postgres.maintenance() as server:
            server.execute("DROP ROLE levelup_backup_guest")


def test_without_pg_restore_a_sentence_says_what_to_install(whole, refused, monkeypatch):
    monkeypatch.setattr(postgres, "PLACES", ())
    monkeypatch.setattr(postgres.shutil, "which", lambda name: None)
    refused(whole, r"pg_restore .* is not installed here: install the package postgresql-client-")


# Damaged


@pytest.mark.parametrize("part", [0.0, 0.001, 0.2, 0.5, 0.8, 0.999])
def test_a_backup_with_one_byte_changed_is_refused(whole, refused, tmp_path, part):
    content = bytearray(whole.read_bytes())
    content[int(part * (len(content) - 1))] ^= 0x55
    bad = tmp_path / "bad.tar.zst"
    bad.write_bytes(content)
    refused(bad, "not a whole backup")


@pytest.mark.parametrize("part", [0.0, 0.0001, 0.1, 0.5, 0.9, 0.9999])
def test_a_backup_cut_short_is_refused(whole, refused, tmp_path, part):
    content = whole.read_bytes()
    bad = tmp_path / "bad.tar.zst"
    bad.write_bytes(content[: min(int(part * len(content)), len(content) - 1)])
    refused(bad, "not a whole backup")


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, b"code,value\n" * 99, b"\x1f\x8b\x08\0"])
def test_something_else_is_refused(refused, tmp_path, content):
    bad = tmp_path / "bad.tar.zst"
    bad.write_bytes(content)
    refused(bad, "not a whole backup")


def test_a_name_that_is_wrong_is_said_to_be(refused, tmp_path):
    refused(tmp_path / "nothing", "is not there")
    refused(tmp_path, "is a folder")


# Hostile: archives that somebody has written by hand

Entry = tuple[tarfile.TarInfo, bytes]


def entries(path: Path) -> list[Entry]:
    with (
        path.open("rb") as raw,
        tarfile.open(fileobj=pa.CompressedInputStream(raw, "zstd"), mode="r|") as tar,
    ):
        found = []
        for member in tar:
            content = tar.extractfile(member)
            assert content is not None
            found.append((member, content.read()))
        return found


def written(path: Path, found: list[Entry]) -> Path:
    with (
        path.open("wb") as raw,
        pa.CompressedOutputStream(raw, "zstd") as stream,
        tarfile.open(fileobj=stream, mode="w|") as tar,
    ):
        for member, content in found:
            if member.isreg():
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def changed(found: list[Entry], name: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a member of JSON in place."""
    (at,) = [i for i, (member, _) in enumerate(found) if member.name == name]
    value = json.loads(found[at][1])
    change(value)
    found[at] = (found[at][0], json.dumps(value).encode())


def with_hash(found: list[Entry], name: str) -> None:
    """Make the manifest agree with a member."""
    (content,) = [c for member, c in found if member.name == name]
    digest = [hashlib.sha256(content).hexdigest(), len(content)]
    changed(found, "manifest.json", lambda m: m["members"].update({name: digest}))


@pytest.mark.parametrize("name", ["../../outside", "/etc/outside", "media/x", "database/../x"])
def test_a_member_that_would_leave_its_folder_is_refused(whole, refused, tmp_path, name):
    found = entries(whole)
    found.insert(1, (tarfile.TarInfo(name), b"x"))
    refused(written(tmp_path / "bad", found), "which no backup has")
    assert not (tmp_path.parent / "outside").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_member_that_is_no_file_is_refused(whole, refused, tmp_path, kind):
    link = tarfile.TarInfo(f"files/{'a' * 64}")
    link.type, link.linkname = kind, "/etc/passwd"
    refused(written(tmp_path / "bad", [*entries(whole), (link, b"")]), "which no backup has")


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ("media", "../outside"),
        ("media", "/etc/outside"),
        ("media", "a/../../outside"),
        ("media", ""),
        ("media", "a\0b"),
        ("tiles", "../outside.pmtiles"),
        ("tiles", "x.pmtiles"),
        ("secrets", "x"),
    ],
)
def test_a_file_that_would_be_written_outside_is_refused(whole, refused, tmp_path, place, path):
    found = entries(whole)
    changed(found, "manifest.json", lambda m: m["files"][0].__setitem__(slice(0, 2), [place, path]))
    refused(written(tmp_path / "bad", found), "outside its folders")


def test_a_part_left_out_put_twice_or_after_the_end_is_refused(whole, refused, tmp_path):
    found = entries(whole)
    files = [i for i, (m, _) in enumerate(found) if m.name.startswith("files/")]
    less = [entry for i, entry in enumerate(found) if i != files[0]]
    refused(written(tmp_path / "less", less), "does not agree with its manifest")
    refused(written(tmp_path / "more", [*found, found[1]]), "follows its manifest")
    changed(found, "manifest.json", lambda m: m["files"].pop())
    changed(found, "manifest.json", lambda m: m["files"].pop())
    refused(written(tmp_path / "unlisted", found), "files are missing")


def test_a_file_under_the_wrong_hash_is_refused(whole, refused, tmp_path):
    found = entries(whole)
    name = f"files/{'a' * 64}"
    found.insert(-1, (tarfile.TarInfo(name), b"x"))
    with_hash(found, name)
    refused(written(tmp_path / "bad", found), "does not have the hash")


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("levelup.json", lambda h: h.update(format=2), "newer version of Levelup"),
        ("levelup.json", lambda h: h.pop("format"), "not a whole backup"),
        ("levelup.json", lambda h: h.update(migrations=[1]), "not a whole backup"),
        ("levelup.json", lambda h: h.update(postgres=99), "made from PostgreSQL 99"),
        (
            "levelup.json",
            lambda h: h["migrations"]["indicators"].append("0999_future"),
            r"newer version of Levelup \(it has the migration indicators\.0999_future",
        ),
        ("manifest.json", lambda m: m.pop("tables"), "not a whole backup"),
        ("manifest.json", lambda m: m.update(files=[["x"]]), "not a whole backup"),
        (
            "manifest.json",
            lambda m: m["tables"].update({"public.areas_area": 99}),
            "public.areas_area has 36 rows after the restore, not 99",
        ),
        (
            "manifest.json",
            lambda m: m["tables"].update({"public.nothing": 1}),
            "public.nothing has no rows",
        ),
    ],
)
def test_a_description_that_is_not_true_is_refused(whole, refused, tmp_path, name, change, says):
    found = entries(whole)
    changed(found, name, change)
    if name == "levelup.json":
        with_hash(found, name)
    refused(written(tmp_path / "bad", found), says)


def test_a_dump_that_fails_half_way_leaves_nothing(whole, refused, tmp_path):
    found = entries(whole)
    (at,) = [i for i, (m, _) in enumerate(found) if m.name == "database/000000"]
    content = found[at][1]
    found[at] = (found[at][0], content[: len(content) // 2] + bytes(len(content) // 2))
    with_hash(found, "database/000000")
    refused(written(tmp_path / "bad", found), "pg_restore did not finish")


def test_a_backup_of_an_older_version_says_what_waits(whole, target, monkeypatch):
    class Newer(put_back.MigrationLoader):
        def load_disk(self) -> None:
            super().load_disk()
            one = next(iter(self.disk_migrations.values()))
            self.disk_migrations["indicators", "0999_future"] = one

    monkeypatch.setattr(put_back, "MigrationLoader", Newer)
    assert restore(whole).waiting == ["indicators.0999_future"]


# The commands


def command(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    from urllib.parse import urlsplit

    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{TARGET}").geturl()
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=django_settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": url, "LEVELUP_HOME": str(home)},
        capture_output=True,
        text=True,
    )


def test_the_commands_do_it_and_say_so_or_say_why_not(whole, target, tmp_path):
    done = command("restore", str(whole), home=target)
    assert done.returncode == 0, done.stderr
    assert "3 files as of 2026-12-01" in done.stdout
    again = command("restore", str(whole), home=target)
    assert again.returncode == 1
    assert "already holds 36 areas" in again.stderr
    assert "Traceback" not in again.stderr
    second = command("backup", str(tmp_path / "second.tar.zst"), home=target)
    assert second.returncode == 0, second.stderr
    _, manifest = archive.check(tmp_path / "second.tar.zst")
    assert manifest.tables == archive.check(whole)[1].tables
    assert command("backup", home=target).returncode == 2
