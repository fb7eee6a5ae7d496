"""Slow fault runs: they kill things while the site runs, and look again. See script/faults."""
