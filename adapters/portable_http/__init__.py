"""What adapters share that send requests by urllib3.

It is no adapter: those of Google Cloud, Azure, DigitalOcean, Kubernetes and Ray use it.
"""
