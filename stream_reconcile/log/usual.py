"""The usual record of a frame, read in a few strokes: account and raw bytes, and nothing that apply leaves out.

Records of one websocket session begin alike: schema, account, stream id. A beginning that was read carefully once is
known again by comparing bytes; what follows it is one regular expression. What looks otherwise gives None and is left
to `log.envelope.read_envelope`; tests/properties/test_codec_properties.py holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Final

from stream_reconcile.core.errors import DecodeError
from stream_reconcile.core.lifecycle import EVENTS
from stream_reconcile.log.envelope import read_envelope

# Avro writes a text as its length, doubled, and its bytes; a number in groups of seven bits, the lowest first, all but
# the last with the top bit set; a first group that is even means that the number is not negative.
_EVEN: Final = b"".join(b"\\x%02x" % byte for byte in range(0, 0x80, 2))
_EVEN_AND_MORE: Final = b"".join(b"\\x%02x" % byte for byte in range(0x80, 0x100, 2))
_NO_BEGINNING: Final = b"no record begins like this"
_LONGEST: Final = 63  # the length of a longer text takes two bytes
_COMMON: Final = ("new", "fill", "partial_fill", "pending_new", "canceled")
_EVENT: Final = b"|".join(
    re.escape(bytes([2 * len(name)]) + name.encode()) for name in (*_COMMON, *sorted(EVENTS.keys() - {*_COMMON}))
)
_AFTER_IDS: Final = re.compile(
    rb"(?:[%b]|[%b][\x80-\xff]{0,2}[\x00-\x7f])" % (_EVEN, _EVEN_AND_MORE)  # position
    + rb"[%b][\x80-\xff]{7}[\x00-\x7f]" % _EVEN_AND_MORE  # received_at_ns: nine bytes from 2001 to 2116
    + rb"\x0cstream"  # source
    + rb"(?:%b)" % _EVENT
    + rb"\x48(.{36})"  # order_id
    + rb"([%b][\x80-\xff]?[\x00-\x7f])" % _EVEN_AND_MORE,  # size of raw: 64 bytes to a megabyte
    re.DOTALL,
).match


class UsualFrames:
    """Reads records that begin with one of `headers` (all of one length): what stands before the Avro bytes.

    Knows how the records of the session begin that it saw last.
    """

    def __init__(self, headers: Container[bytes], length: int) -> None:
        self._headers, self._length = headers, length
        # Beginning and account, together: two threads may read.
        self._last = (_NO_BEGINNING, "")

    def read(self, payload: bytes) -> tuple[str, bytes] | None:
        """Account id and raw bytes of a record; None if it is not a usual one."""
        beginning, account = self._last
        if not payload.startswith(beginning):
            learnt = self._learn(payload)
            if learnt is None:
                return None
            beginning, account = self._last = learnt
        found = _AFTER_IDS(payload, len(beginning))
        if found is None:
            return None
        order_id, size = found.groups()
        at = found.end()
        doubled = size[0] & 0x7F | (size[1] & 0x7F) << 7
        if len(size) == 3:
            doubled |= size[2] << 14
        if at + (doubled >> 1) != len(payload) or not order_id.isascii():
            return None
        return account, payload[at:]

    def _learn(self, payload: bytes) -> tuple[bytes, str] | None:
        """How this record begins, and the account that it names; None if it can't be read."""
        if payload[: self._length] not in self._headers:
            return None
        try:
            envelope = read_envelope(payload, self._length)
        except DecodeError:
            return None
        account, stream = envelope.account_id.encode(), envelope.stream_id.encode()
        if max(len(account), len(stream)) > _LONGEST:
            return None
        return payload[: self._length + 2 + len(account) + len(stream)], envelope.account_id
