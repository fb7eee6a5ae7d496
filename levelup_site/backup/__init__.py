"""The whole installation in one file, and back: the database, and files under their hashes."""


class BackupError(RuntimeError):
    """A backup cannot be made or put back; the message says what, where and what to do."""
