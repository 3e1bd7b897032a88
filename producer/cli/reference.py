"""The reference of the command line, as `docs/cli.md` keeps it: `python -m producer.cli.reference > docs/cli.md`."""

from __future__ import annotations

import typer
from typer.cli import get_docs_for_click
from typer.main import get_command

from producer.cli.app import app

HEADING = """\
# The command line

Made from the commands' own help by `python -m producer.cli.reference > docs/cli.md`; a test says when it is stale.

"""


def reference() -> str:
    """Return the reference as Markdown."""
    command = get_command(app)
    text = get_docs_for_click(
        obj=command, ctx=typer.Context(command, info_name="cheapfirst"), indent=1, name="cheapfirst"
    )
    return f"{HEADING}{text.strip()}\n"


if __name__ == "__main__":
    typer.echo(reference(), nl=False)
