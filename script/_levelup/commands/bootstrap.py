"""script/bootstrap: install what Levelup needs."""

import argparse
import os

from script._levelup import environment
from script._levelup.sentences import say


def main(arguments: list[str]) -> int:
    """Install system packages, the Python environment and the assets."""
    parser = argparse.ArgumentParser(
        prog="script/bootstrap",
        description="Install what Levelup needs: system packages (as root or through sudo), the "
        "Python environment from uv.lock, JavaScript packages and assets. Does nothing "
        "when all is there. With DATABASE_URL or REDIS_URL set, that server is not installed.",
    )
    parser.add_argument(
        "--with-tests", action="store_true", help="also what the tests need (Chromium, pytest …)"
    )
    options = parser.parse_args(arguments)
    environment.prepare(os.environ, with_tests=options.with_tests)
    say("Levelup has what it needs")
    return 0
