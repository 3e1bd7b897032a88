"""Pairing the elements of two lists so that they are as much alike as they can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def best_assignment(scores: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """Return pairs (row, column) of greatest total score, each row and each column at most once.

    The Hungarian method (Kuhn, "The Hungarian method for the assignment problem", 1955) with the shortest augmenting
    paths of Jonker and Volgenant (1987): rows squared times columns steps. As many pairs as the shorter side has.
    """
    if not scores or not scores[0]:
        return []
    if len(scores) > len(scores[0]):
        return [(row, column) for column, row in best_assignment(list(zip(*scores, strict=True)))]
    return _assign([[-score for score in row] for row in scores])


def _assign(costs: list[list[float]]) -> list[tuple[int, int]]:
    """Return the pairs of least total cost; no more rows than columns. Column 0 stands for none."""
    rows, columns = len(costs), len(costs[0])
    row_price = [0.0] * (rows + 1)
    column_price = [0.0] * (columns + 1)
    row_of = [0] * (columns + 1)
    for row in range(1, rows + 1):
        row_of[0] = row
        came_from = [0] * (columns + 1)
        least = [float("inf")] * (columns + 1)
        reached = [False] * (columns + 1)
        column = 0
        while row_of[column]:
            reached[column] = True
            step, following = float("inf"), 0
            for other in range(1, columns + 1):
                if reached[other]:
                    continue
                cost = costs[row_of[column] - 1][other - 1] - row_price[row_of[column]] - column_price[other]
                if cost < least[other]:
                    least[other], came_from[other] = cost, column
                if least[other] < step:
                    step, following = least[other], other
            _raise_prices(step, reached, row_of, (row_price, column_price, least))
            column = following
        while column:
            row_of[column] = row_of[came_from[column]]
            column = came_from[column]
    return [(row_of[column] - 1, column - 1) for column in range(1, columns + 1) if row_of[column]]


def _raise_prices(
    step: float, reached: list[bool], row_of: list[int], prices: tuple[list[float], list[float], list[float]]
) -> None:
    row_price, column_price, least = prices
    for column, is_reached in enumerate(reached):
        if is_reached:
            row_price[row_of[column]] += step
            column_price[column] -= step
        else:
            least[column] -= step
