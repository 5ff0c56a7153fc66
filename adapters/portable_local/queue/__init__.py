"""Queues in a file of this machine, by SQLite; any number of processes may use them."""
