"""Imported by every Python program of a machine whose clock is wrong."""

import os
import time

_right, _right_ns = time.time, time.time_ns
_ahead = float(os.environ["CLOCK_AHEAD"])
time.time = lambda: _right() + _ahead
time.time_ns = lambda: _right_ns() + int(_ahead * 1e9)
