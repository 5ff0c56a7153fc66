"""Queues under fire: consumers that are killed while they work."""
