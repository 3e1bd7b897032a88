"""`db`: the ledger's tables."""

from __future__ import annotations

import typer

from producer.cli.output import print_text

app = typer.Typer(help="Upgrade or inspect the ledger's tables.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def upgrade() -> None:
    """Create the ledger's tables, or bring them to the version this program needs. Safe to run at any time."""
    from producer.ledger import reach_ledger
    from storage import migrate
    from workers.settings import read_settings

    with reach_ledger(read_settings()) as database:
        done = migrate.upgrade(database)
        state = "was upgraded to" if done else "is at"
        print_text(f"The ledger at {database.address} {state} version {migrate.version(database)}.")


@app.command()
def version() -> None:
    """Print the version of the ledger's tables."""
    from producer.ledger import reach_ledger
    from storage import migrate
    from workers.settings import read_settings

    with reach_ledger(read_settings()) as database:
        print_text(migrate.version(database) or "none")
