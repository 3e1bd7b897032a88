"""Task folders on disk, for commands that read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_DEPLOYMENT = """\
models:
  small: {provider: openai, model: a, base_url: "http://127.0.0.1:9/v1", price: {input: 1, output: 1}}
  large: {provider: openai, model: b, base_url: "http://127.0.0.1:9/v1", price: {input: 10, output: 10}}
"""


def notes_folder(beside: Path, more: str = "compare: {total: number}\n") -> Path:
    """Return a folder with a task `notes` of two tiers, with a number `total`, and a deployment nobody answers in.

    `more` are further lines of the task file.
    """
    folder = beside / "notes"
    folder.mkdir()
    (folder / "task.yaml").write_text(
        "task: notes\nschema: schema.json\n"
        "tiers: [{name: cheap, model: small}, {name: expensive, model: large}]\n"
        f"{more}"
    )
    (folder / "schema.json").write_text('{"type": "object", "properties": {"total": {"type": "number"}}}')
    (folder / "cheapfirst.yaml").write_text(_DEPLOYMENT)
    return folder
