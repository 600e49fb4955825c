"""Altering a record in a log of Kafka's, on disk, as somebody would who may write there: with its checksum put right.

The format of a record batch: https://kafka.apache.org/documentation/#recordbatch (magic 2): base offset (8 bytes),
length (4), leader epoch (4), magic (1), CRC-32C (4) of all that follows it in the batch.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Final, NamedTuple

_HEAD: Final = struct.Struct(">qiibI")
_BEFORE_LENGTH: Final = 12
_CRC_AT: Final = 17
_COVERED_FROM: Final = 21
_POLYNOMIAL: Final = 0x82F63B78
_DIGIT: Final = re.compile(rb'"qty":"([0-9])')


class Altered(NamedTuple):
    """Which batch, and what was there."""

    path: Path
    position: int
    first_offset: int
    before: bytes


def alter(directory: Path, *, behind: int) -> Altered:
    """In the partition of this directory, change the quantity in a record of the first batch at or behind an offset.

    The broker must not run. Raises LookupError where there is no such batch.
    """
    for path in sorted(directory.glob("*.log")):
        data = path.read_bytes()
        position = 0
        while position + _COVERED_FROM < len(data):
            first_offset, length, _epoch, _magic, _crc = _HEAD.unpack_from(data, position)
            batch = bytearray(data[position : position + _BEFORE_LENGTH + length])
            found = _DIGIT.search(batch, _COVERED_FROM)
            if first_offset >= behind and found is not None:
                before = bytes(batch)
                batch[found.start(1)] = ord("9") if found[1] != b"9" else ord("8")
                struct.pack_into(">I", batch, _CRC_AT, crc32c(bytes(batch[_COVERED_FROM:])))
                _write(path, position, bytes(batch))
                return Altered(path, position, first_offset, before)
            position += _BEFORE_LENGTH + length
    raise LookupError(f"no batch with an order behind {behind} in {directory}")


def put_back(altered: Altered) -> None:
    """As it was."""
    _write(altered.path, altered.position, altered.before)


def crc32c(data: bytes) -> int:
    """Castagnoli's checksum (RFC 3720, appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE: Final = tuple(_entry(byte) for byte in range(256))


def _write(path: Path, position: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        file.write(data)
