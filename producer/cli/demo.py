"""`demo`: the receipts that ship with the product, from documents to a report."""

from __future__ import annotations

import shutil
from pathlib import Path

import typer

from producer.cli.parameters import AsJson  # noqa: TC001 - typer reads annotations at run time

EXAMPLE = Path(__file__).parents[2] / "examples" / "receipts"
DOCUMENTS = EXAMPLE / "documents"
LABELS = EXAMPLE / "labels.jsonl"


def demo(*, as_json: AsJson = False) -> None:
    """Run the receipts that ship as an example.

    The documents of examples/receipts go through offline engines, with embedded services and a ledger of their own.
    Nothing is called outside this machine. What it writes is in the folder `demo` under CHEAPFIRST_HOME, made anew.
    """
    from producer.cli.run import run_order
    from producer.run import place_for
    from producer.submit import Order
    from producer.task_folder import load_task
    from routing.errors import NotFoundError
    from workers.settings import read_settings

    if not DOCUMENTS.exists():
        raise NotFoundError(
            f"The example {EXAMPLE} is not there: it ships with the source, not with the installed package.",
            "Clone the repository and run `make demo` in it.",
        )
    settings = read_settings()
    home = settings.home / "demo"
    shutil.rmtree(home, ignore_errors=True)
    embedded = settings.model_copy(update={"home": home, "ledger": None, "redis_url": None})
    place = place_for(embedded, EXAMPLE / "cheapfirst.yaml", EXAMPLE)
    order = Order(load_task(EXAMPLE), [DOCUMENTS], labels=LABELS)
    raise typer.Exit(run_order(place, order, None, flower=False, as_json=as_json))
