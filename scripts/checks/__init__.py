"""Checks that `scripts/check` runs beside the usual tools."""
