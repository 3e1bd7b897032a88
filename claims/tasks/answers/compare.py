"""How the recorded set tells right answers: the first number in both is equal (WildEval/ZeroEval)."""

import re

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def first_number(left: object, right: object) -> bool:
    """Tell whether the first numbers are equal; the texts where one has none."""
    found = [_NUMBER.search(str(value).replace(",", "").replace("$", "")) for value in (left, right)]
    if None in found:
        return str(left).strip().casefold() == str(right).strip().casefold()
    return float(found[0][0]) == float(found[1][0])
