"""The process that reads: `python -m indicators.releases.reading FOLDER`, started by `apart`."""

import errno
import sys
from pathlib import Path

from indicators.releases.reading.apart import DISK_FULL, serve

if __name__ == "__main__":
    try:
        serve(Path(sys.argv[1]))
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        sys.exit(DISK_FULL)
