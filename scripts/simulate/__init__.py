"""Simulations: the gateway's own code on a clock and a table of their own."""
