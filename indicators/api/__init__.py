"""The read-only API: what is published, for programs. Addresses under /api/v1/."""
