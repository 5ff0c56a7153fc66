"""What queues in a table of a database share, whichever database that is.

It is no adapter: `portable_local` keeps its queues in SQLite and `portable_postgres` in
PostgreSQL, both with the layout of ADR 0017.
"""
