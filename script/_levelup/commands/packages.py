"""Install the packages named, as root: what script/bootstrap calls through sudo."""

from script._levelup import packages


def main(arguments: list[str]) -> int:
    """Install the packages named in `arguments`."""
    packages.install(arguments)
    return 0
