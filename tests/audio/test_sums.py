from __future__ import annotations

import numpy as np
import pytest

from simkit.audio.sums import product


@pytest.mark.parametrize("size", [0, 1, 160, 4096, 4097, 100_000])
def test_a_sum_of_products_is_exact_whatever_its_length(size):
    draw = np.random.default_rng(size)
    x, y = draw.integers(-32768, 32768, (2, size))
    assert product(x.astype(np.float64), y.astype(np.float64)) == int((x * y).sum())
