"""The builder of the demo pack; run it with `uv run demo/build.py`."""
