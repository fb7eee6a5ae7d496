"""The process that reads: `python -m indicators.releases.reading FOLDER`, started by `apart`."""

import sys
from pathlib import Path

from indicators.releases.reading.apart import serve

if __name__ == "__main__":
    serve(Path(sys.argv[1]))
