"""Dies of a bad memory access."""

import ctypes

ctypes.string_at(0)
