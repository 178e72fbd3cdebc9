"""Ranked product search over an SQLite FTS5 index file."""
