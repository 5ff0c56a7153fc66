"""What adapters share that send requests by urllib3.

It is no adapter: all but those without HTTP use it.
"""
