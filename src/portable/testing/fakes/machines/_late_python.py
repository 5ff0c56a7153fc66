"""Stands for ``python3`` on a machine whose clock is wrong: `time.time` is, whatever it runs.

It takes what boot scripts use: ``[-OPTIONS] (-c CODE | -m MODULE | FILE) ARGUMENTS``.
"""

import os
import runpy
import sys
import time

_right, _right_ns = time.time, time.time_ns
_ahead = float(os.environ["CLOCK_AHEAD"])
time.time = lambda: _right() + _ahead
time.time_ns = lambda: _right_ns() + int(_ahead * 1e9)

arguments = sys.argv[1:]
while arguments and arguments[0].startswith("-") and arguments[0][-1] not in "cm":
    del arguments[0]
if arguments[0].startswith("-"):
    how, what, *rest = arguments
    sys.argv = [how, *rest]
    if how.endswith("c"):
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
    else:
        runpy.run_module(what, run_name="__main__", alter_sys=True)
else:
    sys.argv = arguments
    runpy.run_path(arguments[0], run_name="__main__")
