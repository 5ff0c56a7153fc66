"""Clouds' servers written anew, for tests: small, strict, in memory, on a socket of this machine."""
