"""Measures the product search on judged queries: how well it ranks, how fast, and how large its index is."""
