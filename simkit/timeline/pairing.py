"""Pairing: which instants of one row belong to which of another, when both tell of the same kind.

What is missing or too many is left without a partner, so that it moves nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_MOST_CELLS = 250_000
"""Of the table that finds the best pairing; longer rows are paired by their numbers."""

Pairs = list[tuple[int | None, int | None]]


def paired(first: Sequence[int], second: Sequence[int], most_ns: int | None = None) -> Pairs:
    """Pair two sorted rows of instants, in order, so that they are least apart in all.

    Args:
        first: instants in ns.
        second: instants in ns.
        most_ns: partners are no further apart; None: as many as there can be are paired.

    Returns:
        Pairs of positions, in order; None stands for a partner that is missing.

    >>> paired([0, 1000, 2000], [1010, 2010])
    [(0, None), (1, 0), (2, 1)]
    >>> paired([0, 1000], [1000, 9000], most_ns=500)
    [(0, None), (1, 0), (None, 1)]
    """
    if most_ns is None:
        if len(first) == len(second):
            return [(at, at) for at in range(len(first))]
        span_ns = max([*first, *second]) - min([*first, *second])
        alone_ns = (span_ns + 1) * (len(first) + len(second))  # worse than any pairing
    else:
        alone_ns = (most_ns + 1) // 2
    result: Pairs = []
    for start, end, other_start, other_end in _clusters(first, second, most_ns):
        mine, other = first[start:end], second[other_start:other_end]
        pairs = _least_apart(mine, other, alone_ns)
        result += [
            (None if a is None else start + a, None if b is None else other_start + b)
            for a, b in pairs
        ]
    return result


def _clusters(
    first: Sequence[int], second: Sequence[int], most_ns: int | None
) -> Iterator[tuple[int, int, int, int]]:
    """Yield parts of both rows between which nothing can be paired: begin and end in each."""
    start = other_start = end = other_end = 0
    last_ns: int | None = None
    while end < len(first) or other_end < len(second):
        is_first = other_end == len(second) or (
            end < len(first) and first[end] <= second[other_end]
        )
        t_ns = first[end] if is_first else second[other_end]
        if last_ns is not None and most_ns is not None and t_ns - last_ns > most_ns:
            yield start, end, other_start, other_end
            start, other_start = end, other_end
        last_ns = t_ns
        end, other_end = end + is_first, other_end + (not is_first)
    yield start, end, other_start, other_end


def _least_apart(first: Sequence[int], second: Sequence[int], alone_ns: int) -> Pairs:
    rows, columns = len(first), len(second)
    if (rows + 1) * (columns + 1) > _MOST_CELLS:
        least = min(rows, columns)
        rest = [(at, None) for at in range(least, rows)]
        others = [(None, at) for at in range(least, columns)]
        return [*((at, at) for at in range(least)), *rest, *others]
    # cost[i][j]: the least for first[i:] and second[j:].
    cost = [[(columns - at) * alone_ns for at in range(columns + 1)] for _ in range(rows + 1)]
    for row in range(rows - 1, -1, -1):
        here, below, t_ns = cost[row], cost[row + 1], first[row]
        here[columns] = below[columns] + alone_ns
        for at in range(columns - 1, -1, -1):
            together = below[at + 1] + abs(second[at] - t_ns)
            here[at] = min(together, below[at] + alone_ns, here[at + 1] + alone_ns)
    result: Pairs = []
    row = at = 0
    while row < rows or at < columns:
        here_ns = cost[row][at]
        if row < rows and at < columns:
            if here_ns == cost[row + 1][at + 1] + abs(second[at] - first[row]):
                result.append((row, at))
                row, at = row + 1, at + 1
                continue
            is_missing = here_ns == cost[row + 1][at] + alone_ns
        else:
            is_missing = row < rows
        result.append((row, None) if is_missing else (None, at))
        row, at = row + is_missing, at + (not is_missing)
    return result
