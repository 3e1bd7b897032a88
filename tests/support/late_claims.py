"""Claims whose worker hears of them late, as where their commit is slow."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from storage import claims

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from storage.claims import Claim


def let_claims_come_late(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> None:
    """Let something happen between a claim and the moment its worker hears of it; not again while that happens."""
    make, happening = claims.claim_chunks, threading.Lock()

    def late(*arguments: object, **named: object) -> dict[str, Claim]:
        given = make(*arguments, **named)  # type: ignore[arg-type]
        if happening.acquire(blocking=False):
            meanwhile()
            happening.release()
        return given

    monkeypatch.setattr(claims, "claim_chunks", late)
