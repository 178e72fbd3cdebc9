"""The catalogue's import: feeds of several formats, checked row by row, into the Products table."""
