"""Which accepted items a person labels, and what the labels tell of all the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evaluation.live_evidence import ALPHA
from routing.confidence_sequence import Interval, share_interval
from routing.rollout import share_point

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from storage.audits import AcceptedItem

RANDOM = "random"


@dataclass(frozen=True, slots=True)
class Chosen:
    """An item to label, why, and with what probability it was to be chosen."""

    item: AcceptedItem
    why: str
    probability: float


@dataclass(frozen=True, slots=True)
class Draw:
    """What is handed out, and the items that are picked with it for being doubtful."""

    chosen: tuple[Chosen, ...]
    new_picks: tuple[AcceptedItem, ...]


@dataclass(frozen=True, slots=True)
class AuditEstimate:
    """What share of `population` accepted items, all that had ended by `until_ms`, is wrong by a person's labels.

    `share` is None as long as none of the items drawn at random has a label, or one drawn before it has none.
    """

    until_ms: int
    population: int
    picked: int
    picked_labelled: int
    picked_wrong: int
    random_labelled: int
    random_wrong: int
    share: float | None
    interval: Interval


def draw(items: Sequence[AcceptedItem], disagreeing: Collection[tuple[int, int]], count: int) -> Draw:
    """Choose items to label: half of them the most doubtful, the others at random.

    Doubt is 1 where two models disagree or a check failed, else one less the confidence or the classifier's
    probability, whichever says less. What was handed out before and has no label is handed out again. Of a custom id
    that stands there twice, the first one counts.
    """
    items = _once(items)
    waiting = [item for item in items if item.picked and item.expected is None][: count // 2]
    doubts = {item.key: _doubt(item, item.key in disagreeing) for item in items}
    by_doubt = sorted(
        (item for item in items if not item.picked and doubts[item.key][0] > 0),
        key=lambda item: (-doubts[item.key][0], _place(item)),
    )
    new_picks = by_doubt[: count // 2 - len(waiting)]
    picked = {item.key for item in new_picks}
    doubtful = [*waiting, *(item for item in new_picks if item.expected is None)]
    others = [item for item in in_random_order(items) if not item.picked and item.key not in picked]
    unlabelled = [number for number, item in enumerate(others) if item.expected is None]
    drawn = unlabelled[: count - len(doubtful)]
    reached = drawn[-1] + 1 if drawn else 0
    return Draw(
        chosen=(
            *(Chosen(item, doubts[item.key][1], 1.0) for item in doubtful),
            *(Chosen(others[number], RANDOM, reached / len(others)) for number in drawn),
        ),
        new_picks=tuple(new_picks),
    )


def newest_estimate(
    items: Sequence[AcceptedItem], draws: Sequence[int], is_wrong: Callable[[AcceptedItem], bool]
) -> AuditEstimate | None:
    """Return the estimate of the draw whose random part has most labels, the newest of several; None without a draw.

    `draws` are the times up to which items were drawn from, newest first. What ended later is in no sample yet. Of a
    custom id that stands there twice, the first one counts that was there by then.
    """
    found = [
        estimate(_once(item for item in items if item.ended_ms <= until_ms), until_ms, is_wrong) for until_ms in draws
    ]
    return max(found, key=lambda one: one.random_labelled, default=None)


def estimate(items: Sequence[AcceptedItem], until_ms: int, is_wrong: Callable[[AcceptedItem], bool]) -> AuditEstimate:
    """Estimate the share of wrong answers among accepted items, from those that have labels.

    Items picked for being doubtful count with the probability of 1 that they were chosen with. The others are drawn in
    an order by permanent random numbers (Ohlsson, "Coordination of samples using permanent random numbers", 1995), so
    that the first k of them, all labelled, are a simple random sample without replacement: each counts as the inverse
    of its probability k / n (Horvitz and Thompson, "A generalization of sampling without replacement from a finite
    universe", 1952). Their interval is Robbins' for shares, which holds for samples without replacement as well, since
    these vary no more (Hoeffding, "Probability inequalities for sums of bounded random variables", 1963, theorem 4). A
    pick without a label may be right or wrong.
    """
    picked = [item for item in items if item.picked]
    of_picked = [is_wrong(item) for item in picked if item.expected is not None]
    others = [item for item in in_random_order(items) if not item.picked]
    sample = _labelled_beginning(others, is_wrong)
    open_picks = len(picked) - len(of_picked)
    rate = share_interval(sum(sample), len(sample), ALPHA)
    low = max(rate.low * len(others), sum(sample))
    high = min(rate.high * len(others), len(others) - len(sample) + sum(sample))
    known = sum(of_picked)
    share = None
    if len(sample) or not others:
        of_others = len(others) * sum(sample) / len(sample) if sample else 0.0
        of_open = open_picks * known / len(of_picked) if of_picked else open_picks / 2
        share = (known + of_open + of_others) / max(len(items), 1)
    return AuditEstimate(
        until_ms=until_ms,
        population=len(items),
        picked=len(picked),
        picked_labelled=len(of_picked),
        picked_wrong=known,
        random_labelled=len(sample),
        random_wrong=sum(sample),
        share=share,
        interval=Interval(
            (known + low) / max(len(items), 1), min(1.0, (known + open_picks + high) / max(len(items), 1))
        ),
    )


def _once(items: Iterable[AcceptedItem]) -> list[AcceptedItem]:
    found: dict[str, AcceptedItem] = {}
    for item in items:
        found.setdefault(item.custom_id, item)
    return list(found.values())


def in_random_order(items: Sequence[AcceptedItem]) -> list[AcceptedItem]:
    """Return items in an order that has nothing to do with them, and is the same whenever it is asked for."""
    return sorted(items, key=_place)


def _place(item: AcceptedItem) -> float:
    return share_point("audit", item.custom_id, "")


def _labelled_beginning(items: Sequence[AcceptedItem], is_wrong: Callable[[AcceptedItem], bool]) -> list[bool]:
    """Return which of them are wrong, up to the first one that has no label: which is left out may depend on it."""
    found = []
    for item in items:
        if item.expected is None:
            break
        found.append(is_wrong(item))
    return found


def _doubt(item: AcceptedItem, disagrees: bool) -> tuple[float, str]:  # noqa: FBT001 - a fact of the item
    if disagrees:
        return 1.0, "two models disagree"
    if item.needs_review:
        return 1.0, "a check failed"
    doubts = [(1 - item.confidence, f"confidence {item.confidence:.2f}")] if item.confidence is not None else []
    if item.probability is not None:
        doubts.append((1 - item.probability, f"the classifier gave it {item.probability:.2f}"))
    return max(doubts, default=(0.0, ""))
