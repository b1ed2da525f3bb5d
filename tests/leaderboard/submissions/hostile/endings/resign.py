"""Raises what is not even an Exception."""

import sys

sys.exit("goodbye")
