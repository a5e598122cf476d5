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


def test_long_silence_is_on_disk_and_keeps_what_is_written_to_it():
    short, long = spool.silence(1000), spool.silence(spool._LONG // 2 + 1)
    assert not short.any()
    assert not long.any()
    assert not spool.is_on_disk(short)
    assert spool.is_on_disk(long)
    assert len(long) == spool._LONG // 2 + 1
    part = long[-3:]
    part[:] = 1, 2, 3
    spool.forget()
    assert part.tolist() == [1, 2, 3]
    assert long[-4:].tolist() == [0, 1, 2, 3]


def test_long_silence_is_in_memory_where_there_is_no_disk(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    long = spool.silence(spool._LONG)
    assert len(long) == spool._LONG
    assert not spool.is_on_disk(long)
    assert not long.any()


def test_a_part_holds_what_was_taken():
    kept, taken = Spool(), Spool()
    kept.extend(b"before")
    taken.extend(bytes(range(250)))
    part = kept.take(taken)
    kept.extend(bytes(500))
    assert len(part) == 250
    assert bytes(part) == bytes(range(250))
    assert part[-3:999] == bytes([247, 248, 249])
    assert kept[4:8] == b"re\0\1"
