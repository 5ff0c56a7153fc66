"""What queues in a table of a database share, whichever database that is.

It is no adapter: `portable_local` keeps its queues in SQLite and `portable_postgres` in
PostgreSQL, each with a layout of its own: ADR 0019 and 0025.
"""
