"""script/faults: run the slow fault runs of tests/faults, which kill things and look again."""

import os

from script._levelup import environment, modules
from script._levelup.commands.test import throwaway_home
from script._levelup.home import PROJECT

FOLDER = PROJECT / "tests" / "faults"
HELP = """usage: script/faults                   list the fault runs
       script/faults NAME [arguments]  run one
       script/faults all               run all

Each runs the site in a throwaway home of its own, never in yours."""


def main(arguments: list[str]) -> int:
    """List the fault runs, or run one or all of them."""
    if not arguments:
        modules.show(FOLDER)
        return 0
    if arguments[0] in {"-h", "--help"}:
        print(HELP)
        return 0
    chosen = modules.chosen(arguments[0], FOLDER)
    environment.prepare(os.environ, with_tests=True)
    apart = {"DATABASE_URL", "REDIS_URL"}
    kept = {k: v for k, v in os.environ.items() if k not in apart and not k.startswith("LEVELUP_")}
    with throwaway_home() as place:
        return modules.run_each(chosen, FOLDER, arguments[1:], {**kept, "LEVELUP_HOME": str(place)})
