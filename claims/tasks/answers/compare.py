"""How the recorded set tells right answers: the first number in both is equal (WildEval/ZeroEval)."""

import re

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def first_number(left: object, right: object) -> bool:
    """Tell whether the first numbers are equal; the texts where one has none."""
    one, other = (_NUMBER.search(str(value).replace(",", "").replace("$", "")) for value in (left, right))
    if one is None or other is None:
        return str(left).strip().casefold() == str(right).strip().casefold()
    return float(one[0]) == float(other[0])
