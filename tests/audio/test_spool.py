from __future__ import annotations

import random
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.audio import spool
from simkit.audio.spool import Spool

PLACES = st.integers(0, 3000)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("extend"), st.integers(0, 600)),
        st.tuples(st.just("replace"), PLACES, st.integers(0, 900)),
        st.tuples(st.just("read"), PLACES, PLACES),
        st.tuples(st.just("shorten"), PLACES),
    ),
    max_size=30,
)


@pytest.fixture(autouse=True)
def little_memory(monkeypatch):
    monkeypatch.setattr(spool, "KEPT", 100)
    monkeypatch.setattr(spool, "_AHEAD", 64)


@settings(max_examples=60)
@given(steps=STEPS)
def test_it_holds_what_a_bytearray_holds(steps):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "KEPT", 100)
        patch.setattr(spool, "_AHEAD", 64)
        kept, known, draw = Spool(), bytearray(), random.Random(0)
        for what, *places in steps:
            if what == "extend":
                data = draw.randbytes(places[0])
                kept.extend(data)
                known.extend(data)
            elif what == "replace":
                first = min(places[0], len(known))
                data = draw.randbytes(places[1])
                kept[first : first + len(data)] = data
                known[first : first + len(data)] = data
            elif what == "shorten":
                del kept[places[0] :]
                del known[places[0] :]
            else:
                assert kept[places[0] : places[1]] == known[places[0] : places[1]]
            assert len(kept) == len(known)
        assert bytes(kept) == known


def test_only_the_end_is_in_memory():
    kept = Spool()
    for number in range(100):
        kept.extend(bytes([number]) * 20)
        assert len(kept._recent) <= 200
    assert kept[:20] == bytes(20)
    assert kept[990:1010] == bytes([49]) * 10 + bytes([50]) * 10


def test_without_a_disk_everything_stays_in_memory(monkeypatch):
    def fails(*args, **options):
        raise OSError("no space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", fails)
    kept = Spool()
    kept.extend(bytes(range(250)) * 4)
    kept.extend(b"more")
    assert bytes(kept) == bytes(range(250)) * 4 + b"more"
