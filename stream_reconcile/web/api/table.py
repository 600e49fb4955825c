"""Lists as CSV (RFC 4180): a line of names, then the items; times and numbers as in JSON, an object as its JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from typing import Any, Final

from stream_reconcile.web.api.shapes import Shape

CSV_TYPE: Final = "text/csv; charset=utf-8"

_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def as_csv(item: type[Shape], items: Sequence[Shape]) -> bytes:
    """The items. What a spreadsheet would take for a formula begins with an apostrophe."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    names = [field.alias or name for name, field in item.model_fields.items()]
    writer.writerow(names)
    for one in items:
        told = one.model_dump(mode="json", by_alias=True)
        writer.writerow([_cell(told[name]) for name in names])
    return out.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not _NUMBER.fullmatch(text) else text
