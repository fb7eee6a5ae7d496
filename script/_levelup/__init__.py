"""What stands behind script/*: a private installation of Levelup, with the standard library alone.

`home` chooses where things live and who owns them; `packages` installs Debian's packages;
`environment` makes the Python environment and the assets; `postgres` and `redis_server` run the
private servers, which `servers` starts for the first who needs them and stops after the last;
`commands/` holds one module per script.
"""
