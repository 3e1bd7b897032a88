"""`items` and `show`: single items of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from producer.cli.output import print_json, print_text
from producer.cli.parameters import AsJson, OwnJobArgument  # noqa: TC001 - typer reads annotations at run time

if TYPE_CHECKING:
    from storage.results import ItemResult

STATE_WIDTH = 9


def items(
    job: OwnJobArgument = None,
    *,
    state: Annotated[
        Literal["queued", "done", "failed"] | None, typer.Option("--state", help="Only items in this state.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many to list, from the first on.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List items of a job.

    Each with its state, tier, calls, cost and what failed.
    """
    from producer.items import item_figures
    from producer.ledger import find_own_job, open_ledger
    from storage import results
    from storage.states import ItemState
    from workers.settings import read_settings

    with open_ledger(read_settings()) as database:
        found = find_own_job(database, job)
        wanted = None if state is None else ItemState(state)
        listed = list(results.items(database, found.id, wanted, limit=limit))
    if as_json:
        print_json([item_figures(item) for item in listed])
    else:
        print_text("\n".join(map(_item_line, listed)) or "There is no such item.")


def _item_line(item: ItemResult) -> str:
    from producer.cli.printable import printable
    from producer.dollars import shown
    from producer.items import failures_of
    from routing.money import NanoUsd, to_usd

    state = "in flight" if item.in_flight else str(item.state)
    failed = dict.fromkeys(f"{failure['check']} {failure['field']}".rstrip() for failure in failures_of(item.failures))
    why = "".join(f"; {name}" for name in failed)
    reason = f" ({item.fail_reason})" if item.fail_reason else " (needs review)" if item.needs_review else ""
    calls = f"{item.attempts} call{'' if item.attempts == 1 else 's'}"
    cost = shown(to_usd(NanoUsd(item.cost_nano_usd)))
    return f"{state:<{STATE_WIDTH}}  {printable(item.custom_id)}  {item.tier}, {calls}, {cost}{reason}{printable(why)}"


def show(
    item: Annotated[str, typer.Argument(metavar="ITEM", help="The item's custom id, or its number in the job.")],
    *,
    job: Annotated[
        str | None,
        typer.Option(
            "--job", help="The job's name or number; otherwise the newest that is no trial of eval and its like."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell the whole story of one item.

    Each attempt with its verdict and reasons, cost, answer, spans and times, and the output.
    """
    from producer.cli.trail_view import story
    from producer.items import trail_figures
    from producer.ledger import find_own_job, open_ledger
    from storage import results
    from workers.settings import read_settings

    with open_ledger(read_settings()) as database:
        found = find_own_job(database, job)
        trail = results.trail(database, found.id, item)
    if as_json:
        print_json(trail_figures(found.name, trail))
    else:
        print_text(story(found.name, trail))
