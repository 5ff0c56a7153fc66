"""`Queue.consume`: a handler for each message, leases that are renewed, a clean end."""
