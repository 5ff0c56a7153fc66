"""The file system ``portable://`` for libraries that speak fsspec.

    pandas.read_parquet("portable://tables/runs.parquet")

fsspec finds it by itself. Needs ``pip install 'portable-cloud[fsspec]'``.
"""

from portable.integrations.fsspec.filesystem import PortableFileSystem

__all__ = ["PortableFileSystem"]
