"""Ogg files with the same bytes for the same sound: libvorbis numbers its streams at random."""

from __future__ import annotations

import struct
import zlib

_HEADER = struct.Struct("<4sBBqIIIB")
"""Magic, version, flags, position, serial, number of the page, checksum, segments."""
_SERIAL = 1
_REFLECTED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def with_fixed_serial(data: bytes) -> bytes:
    """Return a file of one stream (RFC 3533) under a serial number that is always the same.

    Raises:
        ValueError: it is no whole Ogg file.
    """
    pages = []
    at = 0
    while at < len(data):
        if data[at : at + 4] != b"OggS" or at + _HEADER.size > len(data):
            raise ValueError(f"byte {at} of {len(data)}: expected a page of Ogg")
        magic, version, flags, position, _, number, _, segments = _HEADER.unpack_from(data, at)
        body = at + _HEADER.size
        end = body + segments + sum(data[body : body + segments])
        head = (magic, version, flags, position, _SERIAL, number)
        blank = _HEADER.pack(*head, 0, segments) + data[body:end]
        pages.append(_HEADER.pack(*head, _checksum(blank), segments) + data[body:end])
        at = end
    return b"".join(pages)


def _checksum(page: bytes) -> int:
    """Return the CRC of Ogg: zlib's polynomial, bits the other way round, nothing inverted."""
    crc = zlib.crc32(page.translate(_REFLECTED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{crc:032b}"[::-1], 2)
