"""Sums of products of samples."""

from __future__ import annotations

from typing import Any

import numpy as np

_SHORT = 4096
"""Samples up to which the library for linear algebra does its work in one thread."""


def product(x: Any, y: Any) -> float:
    """Return the sum of the products of two arrays of one length.

    For long arrays that library wakes threads, which then go on spinning: a simulation would cost
    several times as much CPU time as it works.
    """
    if len(x) <= _SHORT:
        return float(np.dot(x, y))
    return float(np.einsum("i,i->", x, y))
