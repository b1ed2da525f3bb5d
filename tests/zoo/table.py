"""Print what the audits prove against every broken mechanism, and against the sound one."""

from __future__ import annotations

import torch
from tabulate import tabulate

from tests.zoo.adept import ADEPT
from tests.zoo.artefacts import ARTEFACTS
from tests.zoo.federated import FEDERATED
from tests.zoo.mechanisms import ZOO

HEADERS = (
    "broken mechanism", "scheme", "runs", "claimed ε", "audited ε", "verdict", "seen by",
    "the sound one", "seconds",
)  # fmt: skip


def row(broken):
    """Return one line of the table."""
    found, sound = broken.audit(), broken.audit(broken=False)
    _, _, seen_by = found.audited.method.rpartition("attacks (")
    return [
        broken.name,
        broken.scheme,
        2 * broken.runs,
        f"{found.claimed.epsilon:.2f}",
        f"{found.audited.low:.2f}",
        found.verdict,
        seen_by.rstrip(")"),
        f"{sound.audited.low:.2f} of {sound.claimed.epsilon:.2f}, {sound.verdict}",
        f"{found.seconds:.1f}",
    ]


if __name__ == "__main__":
    torch.set_num_threads(1)
    rows = [row(broken) for broken in (*ZOO, *FEDERATED, *ADEPT, *ARTEFACTS)]
    print(tabulate(rows, HEADERS, tablefmt="github", disable_numparse=True))
