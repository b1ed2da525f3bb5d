"""What an attack may see of a target."""

from __future__ import annotations

from typing import Literal

Access = Literal["transcripts", "scores", "weights"]
