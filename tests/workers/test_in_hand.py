"""A process knows how many items it has in hand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from workers.in_hand import InHand


def test_threads_lose_no_item() -> None:
    """Chunks are claimed in many threads, and settled in others."""
    in_hand = InHand()
    with ThreadPoolExecutor(8) as threads:
        for _ in range(200):
            threads.submit(in_hand.add, 5)
            for _ in range(4):
                threads.submit(in_hand.settle_one)
    assert in_hand.items == 200
