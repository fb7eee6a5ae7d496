"""Results → plain dicts of finished text, shared by page, map, table, export and API."""
