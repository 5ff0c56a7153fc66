"""Compute: ``portable.compute.submit("python train.py", gpus=1)`` on any provider.

The functions here are the methods of one default `Compute`, bound to the active profile at each
call, the way `random.random` is a method of a hidden `Random`.
"""
