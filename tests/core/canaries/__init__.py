"""Credentials that are looked for wherever they don't belong."""
