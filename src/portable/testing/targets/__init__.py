"""The providers that come with `portable`, as the conformance suite meets them.

Each module opens fresh, empty buckets and has the provider's `Oracle`. They are also examples of
what an adapter of your own needs.
"""
