"""How the recorded set compares names: as its source does, and with what does not matter taken out."""

import re

_BESIDES = re.compile(r"[^a-z0-9]+")


def same(left: object, right: object) -> bool:
    """Tell whether two names are equal but for case, as the set's source does (NHagar/LLM-Extraction-Challenge)."""
    return str(left).strip().lower() == str(right).strip().lower()


def same_normalised(left: object, right: object) -> bool:
    """Tell whether two names are equal but for case, spacing, punctuation, a leading "the" and a trailing "inc"."""
    return _bare(left) == _bare(right)


def _bare(value: object) -> str:
    return _BESIDES.sub("", str(value).lower()).removeprefix("the").removesuffix("inc")
