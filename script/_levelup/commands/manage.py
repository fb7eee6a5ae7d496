"""script/manage: run one of Django's management commands."""

import os

from script._levelup import environment, home, servers
from script._levelup.children import python, run_in_foreground


def main(arguments: list[str]) -> int:
    """Run the management command of `arguments` with the private servers up."""
    environment.prepare(os.environ)
    with servers.running(home.choose_home(os.environ), os.environ) as running:
        return run_in_foreground(
            [python(), str(home.PROJECT / "manage.py"), *arguments], running.environ
        )
