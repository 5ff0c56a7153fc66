"""The program that runs a shard of a job on a machine; docs/compute-contract.md is what it keeps to.

It goes to the machine as a zip application: nothing but the standard library of Python 3.9 or
later is imported here, and by relative imports only, since the package has another name there.
What takes long to import is imported where it is used: a local job starts in some 50 ms.
"""
