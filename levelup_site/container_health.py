"""Is a container doing its work: `python -P levelup_site/container_health.py web`, worker or beat.

Run by its path, not as a module, so that web and beat are asked without starting Celery or Django
every few seconds; -P because celery.py beside it is not Celery. Exit code 0 when healthy.
"""

from __future__ import annotations

import http.client
import os
import socket
import sys
from pathlib import Path

PORT = 8000
SECONDS = 4


def web(host: str = "127.0.0.1", port: int = PORT) -> str:
    """Return what is wrong with the site, or nothing: /readyz asks the database and Redis."""
    names = os.environ.get("LEVELUP_ALLOWED_HOSTS", "localhost").split(",")
    named = next((n.strip().lstrip(".") for n in names if n.strip() not in {"", "*"}), "localhost")
    connection = http.client.HTTPConnection(host, port, timeout=SECONDS)
    try:
        # As a proxy would ask, so that LEVELUP_HTTPS does not redirect us.
        connection.request("GET", "/readyz", headers={"Host": named, "X-Forwarded-Proto": "https"})
        reply = connection.getresponse()
        words = reply.read(500).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"The site does not answer: {error}"
    finally:
        connection.close()
    return "" if reply.status == 200 else f"{reply.status} {words}"


def worker() -> str:
    """Return what is wrong with this container's worker, or nothing: it answers a ping."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from levelup_site.celery import app

    here = f"celery@{socket.gethostname()}"
    try:
        answers = app.control.ping(destination=[here], timeout=SECONDS)
    except Exception as error:
        return f"The worker cannot be asked: {error}"
    return "" if answers else f"{here} does not answer"


def beat() -> str:
    """Return what is wrong with beat, or nothing: its process is there."""
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = cmdline.read_bytes().split(b"\0")
        except OSError:
            continue  # It has ended meanwhile.
        if b"beat" in words and any(word.endswith(b"celery") for word in words):
            return ""
    return "beat does not run"


CHECKS = {"web": web, "worker": worker, "beat": beat}


def main(arguments: list[str]) -> int:
    """Run the check of the process that is named."""
    if len(arguments) != 1 or arguments[0] not in CHECKS:
        print(f"Name one of {', '.join(CHECKS)}.", file=sys.stderr)
        return 2
    if wrong := CHECKS[arguments[0]]():
        print(wrong, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
