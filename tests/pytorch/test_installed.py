"""Where PyTorch has to be there, its absence is a failure."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

from portable.testing.servers import ServerUnavailable, skip_or_fail


def test_pytorch_is_there_to_be_tested_with() -> None:
    if find_spec("torch") is None:
        skip_or_fail(ServerUnavailable("PyTorch isn't installed: make torch"))


def test_without_pytorch_the_error_says_what_to_install() -> None:
    program = (
        "import importlib.util as util; found = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if name == 'torch' else found(name, *more)\n"
        "import portable.errors\n"
        "try: import portable.torch\n"
        "except portable.errors.MissingDependency as error: print(error)\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "pip install torch" in shown.stdout, shown.stderr
