"""Runnable modules of tests/: listing those of a folder, running one or all."""

import ast
import sys
from collections.abc import Mapping
from pathlib import Path

from script._levelup.children import python, run_in_foreground
from script._levelup.home import PROJECT
from script._levelup.sentences import Stop


def listed(folder: Path) -> dict[str, str]:
    """Return the modules of `folder` by name, each with its docstring's first line."""
    found = {}
    for path in sorted(folder.glob("*.py")):
        if not path.name.startswith("_") and path.name != "conftest.py":
            text = ast.get_docstring(ast.parse(path.read_text())) or "(says nothing of itself)"
            found[path.stem] = text.splitlines()[0]
    return found


def chosen(name: str, folder: Path) -> list[str]:
    """Return the modules that `name` means: one, or all. Raises Stop when there is none such."""
    names = list(listed(folder))
    if name == "all":
        return names
    if name not in names:
        raise Stop(
            f"{folder.relative_to(PROJECT)} has no {name}: choose from all, {', '.join(names)}."
        )
    return [name]


def show(folder: Path) -> None:
    """Print the modules of `folder`, one a line."""
    for name, line in listed(folder).items():
        print(f"{name:20} {line}")


def run_each(
    names: list[str], folder: Path, arguments: list[str], environ: Mapping[str, str]
) -> int:
    """Run the modules `names` of `folder` with `arguments`; return 0 when all ended well."""
    package = ".".join(folder.relative_to(PROJECT).parts)
    failed = []
    for name in names:
        print(f"== {package}.{name}", file=sys.stderr, flush=True)
        command = [python(), "-m", f"{package}.{name}", *arguments]
        if run_in_foreground(command, environ, PROJECT) != 0:
            failed.append(name)
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0
