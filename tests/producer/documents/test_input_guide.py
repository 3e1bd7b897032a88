from __future__ import annotations

from pathlib import Path

import pytest

from producer.documents.formats.registry import ENDINGS
from producer.documents.refusal import RefusalCode

GUIDE = (Path(__file__).parents[3] / "docs/input.md").read_text()


@pytest.mark.parametrize("code", RefusalCode)
def test_the_guide_tells_what_each_code_means(code: RefusalCode) -> None:
    """Every code has its row in the guide."""
    assert f"\n| `{code}` |" in GUIDE


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_guide_names_each_format(ending: str) -> None:
    """Every ending is in the guide."""
    assert f"`{ending}`" in GUIDE
