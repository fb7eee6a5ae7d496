"""The whole site as it really runs: the demo pack behind gunicorn, asked over HTTP.

Fixtures last as long as this folder's tests, so that playwright's event loop is gone before
tests that use Django's database, which refuses to work beside one.

LEVELUP_TEST_SITE=<folder> keeps the database and its tiles there between runs: developing
these tests without loading the demo each time.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import quote, urlsplit

import dj_database_url
import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from psycopg import sql

PROJECT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 60  # seconds


@dataclass
class Reply:
    """What the server answered, before anything is unzipped."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        body = gzip.decompress(self.body) if self.zipped else self.body
        return body.decode()

    @property
    def body_unzipped(self) -> bytes:
        return gzip.decompress(self.body) if self.zipped else self.body

    @property
    def zipped(self) -> bool:
        return self.headers.get("content-encoding") == "gzip"

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirect)


@dataclass
class Site:
    """A running site: where it answers, and its database."""

    url: str
    database: dict[str, Any] = field(repr=False)

    def get(self, path: str, headers: dict[str, str] | None = None) -> Reply:
        """Ask for a page as a browser would: gzip is fine, redirects are not followed."""
        asked = urllib.request.Request(
            self.url + quote(path, safe="/?&=%+#"),
            headers={"Accept-Encoding": "gzip"} | (headers or {}),
        )
        try:
            with _opener.open(asked, timeout=PATIENCE) as reply:
                return Reply(reply.status, _lower(reply.headers), reply.read())
        except urllib.error.HTTPError as reply:
            return Reply(reply.code, _lower(reply.headers), reply.read())

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask the site's database, outside Django."""
        with psycopg.connect(**self.database) as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    def value(self, query: str, *parameters: Any) -> Any:
        """Return the one value of a query's one row."""
        ((found,),) = self.rows(query, *parameters)
        return found


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _database(name: str) -> tuple[str, dict[str, Any]]:
    """Return the address of database `name` on the server of DATABASE_URL, and how to connect."""
    url = urlsplit(os.environ["DATABASE_URL"])
    parts = dj_database_url.parse(os.environ["DATABASE_URL"], engine="postgis")
    connect = {
        "dbname": name,
        "user": parts["USER"],
        "password": parts["PASSWORD"],
        "host": parts["HOST"],
        "port": parts["PORT"],
    }
    return url._replace(path=f"/{name}").geturl(), {k: v for k, v in connect.items() if v}


@contextlib.contextmanager
def _fresh_database(name: str, keep: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Create a database beside the one of DATABASE_URL, and drop it at the end."""
    here = urlsplit(os.environ["DATABASE_URL"]).path.lstrip("/")
    _, server = _database(here)

    def tell(statement: LiteralString) -> None:
        with psycopg.connect(**server, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))

    with psycopg.connect(**server) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        exists = known.fetchone() is not None
    if exists and not keep:
        tell("DROP DATABASE {} WITH (FORCE)")
    if not (exists and keep):
        tell("CREATE DATABASE {}")
    try:
        yield _database(name)
    finally:
        if not keep:
            tell("DROP DATABASE IF EXISTS {} WITH (FORCE)")


@contextlib.contextmanager
def _home(kept: str) -> Iterator[Path]:
    """Make a place for tiles and static files, and remove it at the end unless it is kept."""
    home = Path(kept) if kept else Path(tempfile.mkdtemp(prefix="levelup-site-"))
    home.mkdir(parents=True, exist_ok=True)
    try:
        yield home
    finally:
        if not kept:
            shutil.rmtree(home, ignore_errors=True)


def _manage(environ: dict[str, str], *command: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=PROJECT,
        env=environ,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.fail(f"manage.py {' '.join(command)} failed:\n{done.stderr[-3000:]}", pytrace=False)


def _free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port


@contextlib.contextmanager
def _serve(environ: dict[str, str], log: Path) -> Iterator[str]:
    """Run gunicorn until the end, and yield its address once it is ready."""
    port = _free_port()
    command = [sys.executable, "-m", "gunicorn", "levelup_site.wsgi", f"--bind=127.0.0.1:{port}"]
    with log.open("wb") as words:
        server = subprocess.Popen(
            [
                *command,
                "--workers=2",
                "--threads=4",
                "--worker-class=gthread",
                "--limit-request-line=8190",
            ],
            cwd=PROJECT,
            env=environ,
            stdout=words,
            stderr=words,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/readyz", timeout=5):
                break
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"The site did not start:\n{log.read_text()[-3000:]}", pytrace=False)
            time.sleep(0.2)
        yield url
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    """The real site on the real demo pack."""
    if not (PROJECT / "static" / "build" / "levelup.css").exists():
        pytest.fail(
            "static/build is missing: run script/test, which builds it, or npm run build.",
            pytrace=False,
        )
    if "DATABASE_URL" not in os.environ:
        pytest.fail("DATABASE_URL is not set: run script/test.", pytrace=False)
    kept = os.environ.get("LEVELUP_TEST_SITE", "")
    name = "levelup_site_kept" if kept else f"levelup_site_test_{os.getpid()}"
    with _home(kept) as home, _fresh_database(name, keep=bool(kept)) as (url, database):
        environ = {k: v for k, v in os.environ.items() if not k.startswith("LEVELUP_")}
        environ |= {
            "DATABASE_URL": url,
            "LEVELUP_HOME": str(home),
            "LEVELUP_SECRET_KEY": "a key for tests of the site, long enough to be no use to anyone",
        }
        _manage(environ, "migrate", "--verbosity=0")
        _manage(environ, "load_demo")
        _manage(environ, "collectstatic", "--noinput", "--verbosity=0")
        with _serve(environ, home / "gunicorn.log") as address:
            yield Site(address, database)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    if not CHROMIUM.exists():
        pytest.fail(f"{CHROMIUM} is not there: run script/test, which installs it.", pytrace=False)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


class Visit:
    """A reader's browser window, and everything that went wrong in it."""

    def __init__(self, browser: Browser, site: Site, **options: Any) -> None:
        settings: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
        self.context: BrowserContext = browser.new_context(
            base_url=site.url, reduced_motion="reduce", **(settings | options)
        )
        # Chromium also writes a violation of the policy to the console; this says which.
        self.context.add_init_script(
            "addEventListener('securitypolicyviolation', (e) => console.error("
            "`policy: ${e.violatedDirective} refused ${e.blockedURI} in ${e.sourceFile}`))"
        )
        self.wrong: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))

    def _said(self, message: Any) -> None:
        # A page that is meant to answer 404 is not a fault of the page.
        meant = "status of 404" in message.text and message.location.get("url") == self.page.url
        if message.type == "error" and not meant:
            self.wrong.append(f"console: {message.text} ({message.location.get('url')})")


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Any]:
    """Open windows of any kind (`visit(viewport=…)`); any error in one fails the test."""
    opened: list[Visit] = []

    def open_window(**options: Any) -> Page:
        opened.append(Visit(browser, site, **options))
        return opened[-1].page

    yield open_window
    for one in opened:
        one.context.close()
    wrong = [line for one in opened for line in one.wrong]
    assert not wrong, "\n".join(wrong)


@pytest.fixture
def page(visit: Any) -> Page:
    """A wide window with JavaScript; any console error, page error or violation fails the test."""
    found: Page = visit()
    return found
