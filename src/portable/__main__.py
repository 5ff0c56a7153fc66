"""``python -m portable``: the same as the command ``portable``."""

from __future__ import annotations

from portable.cli import main

if __name__ == "__main__":
    main()
