"""What S3 and SQS do and moto doesn't: a WSGI application around moto's.

This package runs in moto's own environment, as ``checking``, and imports nothing but the
standard library, moto's own dependencies and itself.
"""
