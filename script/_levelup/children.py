"""Programs run in the foreground on behalf of a script."""

import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from script._levelup import environment


def python() -> str:
    """Return the Python of the project's environment."""
    return str(environment.venv_folder() / "bin" / "python")


def run_in_foreground(
    command: list[str], environ: Mapping[str, str], folder: Path | None = None
) -> int:
    """Run `command` with the terminal to itself and return its exit code as a shell would.

    Ctrl-C is the command's to answer; when we are told to end, it is ended first.
    """
    # A handler that does nothing, since an ignored signal would stay ignored in the command.
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        with subprocess.Popen(command, env=dict(environ), cwd=folder) as child:
            try:
                code = child.wait()
            except SystemExit:
                child.terminate()
                raise
    finally:
        signal.signal(signal.SIGINT, before)
    return code if code >= 0 else 128 - code
