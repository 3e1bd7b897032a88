from __future__ import annotations

from pathlib import Path

from producer.cli.reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"


def test_the_page_of_commands_says_what_the_commands_say() -> None:
    """Run `python -m producer.cli.reference > docs/cli.md` where this fails."""
    assert PAGE.read_text(encoding="utf-8") == reference()
