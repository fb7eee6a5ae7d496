"""Give each worker of a test run a Redis database of its own, as it has a PostgreSQL one.

Loaded by name (`-p tests.workers`) before Django's settings are read, which is why it is a plugin.
"""

import os
import re


def of_worker(url: str, number: int) -> str:
    """Return the address of Redis with the database of a worker; the site's own is 0."""
    if url.startswith("unix:"):
        return f"{url.partition('?')[0]}?db={number + 1}"
    return re.sub(r"(?<=[^/])/[0-9]*$|$", f"/{number + 1}", url, count=1)


if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ["REDIS_URL"] = of_worker(os.environ["REDIS_URL"], int(worker.removeprefix("gw")))
