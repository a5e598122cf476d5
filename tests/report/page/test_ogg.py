"""Ogg files under one serial number."""

from __future__ import annotations

import io
import re
import struct

import numpy as np
import pytest
import soundfile

from simkit.report.page import ogg


def encoded() -> bytes:
    out = io.BytesIO()
    tone = (np.sin(np.arange(80_000) / 4) * 8000).astype(np.int16)
    soundfile.write(out, tone, 8000, format="OGG", subtype="VORBIS")
    return out.getvalue()


def serial(data: bytes) -> int:
    return int(struct.unpack_from("<I", data, 14)[0])


def test_another_serial_number_changes_nothing_that_is_heard():
    data = encoded()
    fixed = ogg.with_fixed_serial(data)
    assert serial(fixed) == 1
    assert len(fixed) == len(data)
    before, after = (soundfile.read(io.BytesIO(one))[0] for one in (data, fixed))
    assert np.array_equal(before, after)


def test_checksums_are_those_that_libogg_computes(monkeypatch):
    data = encoded()
    monkeypatch.setattr(ogg, "_SERIAL", serial(data))
    assert ogg.with_fixed_serial(data) == data


@pytest.mark.parametrize(
    ("data", "at"), [(b"OggS", 0), (b"RIFF" + bytes(23), 0), (encoded() + b"x", len(encoded()))]
)
def test_what_is_no_ogg_file_is_refused(data, at):
    expected = f"byte {at} of {len(data)}: expected a page of Ogg"
    with pytest.raises(ValueError, match=re.escape(expected)):
        ogg.with_fixed_serial(data)
