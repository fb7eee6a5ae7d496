"""Run one command of script/: `run.py server --port 8001`."""

import importlib
import os
import signal
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent.parent)

from script._levelup.sentences import Stop  # noqa: E402 (the path comes first)


def run(command: str, arguments: list[str]) -> int:
    """Run `command` and return its exit code; a Stop becomes its sentence and code 1."""
    module = importlib.import_module(f"script._levelup.commands.{command}")
    try:
        return int(module.main(arguments))
    except Stop as stop:
        print(stop, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def end(number: int, frame: object) -> None:
    """Leave on a signal as on an error, so that what was started is stopped."""
    sys.exit(128 + number)


if __name__ == "__main__":
    os.umask(0o022)
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, end)
    sys.exit(run(sys.argv[1], sys.argv[2:]))
