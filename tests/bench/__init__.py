"""Benchmarks: run by hand through script/bench, never by pytest."""
