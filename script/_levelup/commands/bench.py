"""script/bench: run the benchmarks of tests/bench against a database of their own."""

import os
import shutil
import subprocess

from script._levelup import environment, home, modules, servers
from script._levelup.children import python
from script._levelup.home import PROJECT
from script._levelup.sentences import Stop, say

FOLDER = PROJECT / "tests" / "bench"
HELP = """usage: script/bench                          list the benchmarks
       script/bench [--fresh] NAME [arguments]  run one
       script/bench [--fresh] all               run all

The private database lives in var/bench (or below LEVELUP_HOME) and is kept between runs;
--fresh starts from an empty one. DATABASE_URL and REDIS_URL use existing servers."""


def main(arguments: list[str]) -> int:
    """List the benchmarks, or run one or all of them."""
    fresh = arguments[:1] == ["--fresh"]
    names = arguments[1:] if fresh else arguments
    if not names:
        modules.show(FOLDER)
        return 0
    if names[0] in {"-h", "--help"}:
        print(HELP)
        return 0
    chosen = modules.chosen(names[0], FOLDER)
    environment.prepare(os.environ, with_tests=True)
    place = home.choose_home(os.environ) / "bench"
    with servers.only_one(
        place, "bench.lock", f"script/bench already runs in {place}: wait for it."
    ):
        if fresh:
            say(f"Removing {place}")
            for server in servers.private_servers(place, os.environ):
                server.stop()
            for entry in place.iterdir():
                if entry.is_dir():
                    shutil.rmtree(entry)
        with servers.running(place, os.environ) as running:
            migrate = [python(), "manage.py", "migrate", "--noinput", "--skip-checks", "-v", "0"]
            if subprocess.run(migrate, cwd=PROJECT, env=running.environ).returncode != 0:
                raise Stop(f"The benchmarks' database in {place} was not migrated: see above.")
            return modules.run_each(chosen, FOLDER, names[1:], running.environ)
