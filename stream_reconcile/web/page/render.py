"""Templates, and how values are written for people: times with their age, numbers with spaces, nothing as a dash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

STATIC: Final = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
MENU: Final = (
    ("/", "Status"),
    ("/orders", "Orders"),
    ("/fills", "Fills"),
    ("/positions", "Positions"),
    ("/discrepancies", "Discrepancies"),
    ("/sweeps", "Sweeps"),
    ("/dead-letters", "Dead letters"),
    ("/cursors", "Cursors"),
    ("/actions", "Actions"),
)
_PACKAGE: Final = "stream_reconcile.web.page"
_NEVER_KEPT: Final = {"Cache-Control": "no-store"}


@cache
def static(name: str) -> tuple[bytes, str]:
    """A file of ours, and its mark for the address: a new version is a new address."""
    body = resources.files("stream_reconcile.web.page").joinpath("static", name).read_bytes()
    return body, hashlib.blake2b(body, digest_size=6).hexdigest()


def text_of(template: str, *, package: str = _PACKAGE, **values: Any) -> str:
    """The template's text; `package` has it in its folder `templates`."""
    return _environment(package).get_template(template).render(now=datetime.now(UTC), **values)


def page(template: str, *, here: str, title: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A whole page; `here` is its place in the menu."""
    text = text_of(template, here=here, title=title, menu=MENU, status=status, **values)
    return HTMLResponse(text, status_code=status, headers=_NEVER_KEPT)


@cache
def _environment(package: str) -> Environment:
    made = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(time=_time, number=number, seconds=_seconds, value=_value, pretty=_pretty, rate=_rate)
    made.globals["static_mark"] = lambda name: static(name)[1]
    return made


def number(value: int | float | Decimal | None) -> str:
    """`1234567` → `1 234 567`, with spaces that do not break."""
    if value is None:
        return "–"
    if isinstance(value, Decimal):
        return format(value, "f")
    return f"{value:,}".replace(",", "\u202f")


def ago(at: datetime, now: datetime) -> str:
    """How long ago, in one unit; the script says the same (page.js)."""
    passed = (now - at).total_seconds()
    if passed < 0:
        return "in a moment" if passed > -60 else at.strftime("%Y-%m-%d %H:%M")
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if passed >= 2 * length or (unit == "d" and passed >= 2 * 86_400):
            return f"{int(passed // length)} {unit} ago"
    return f"{int(passed)} s ago"


def _time(value: datetime | str | None, form: str = "age") -> Markup:
    """A time of which the script keeps the age up to date: `age`, `full`, `both`, or `clock`."""
    if value is None:
        return Markup("–")
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    at = at.astimezone(UTC)
    exact = at.strftime("%Y-%m-%d %H:%M:%S") + " UTC"
    age = Markup('<time datetime="{}" title="{}" data-age>{}</time>').format(
        at.isoformat(timespec="milliseconds"), exact, ago(at, datetime.now(UTC))
    )
    if form == "age":
        return age
    if form == "clock":
        clock = "%H:%M UTC" if at.date() == datetime.now(UTC).date() else "%Y-%m-%d %H:%M UTC"
        return Markup("{} <span class=aside>({})</span>").format(at.strftime(clock), age)
    whole = Markup('<time datetime="{}">{}</time>').format(
        at.isoformat(timespec="milliseconds"), at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    )
    return whole if form == "full" else Markup("{} <span class=quiet>({})</span>").format(whole, age)


def _seconds(value: float | None) -> str:
    return "not known" if value is None else f"{value:.1f}\u00a0s"


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}" if value < 100 else number(round(value))


def _value(value: Any) -> Markup | str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return _time(value, "full")
    if isinstance(value, (int, Decimal)):
        return number(value) if isinstance(value, Decimal) else str(value)
    if isinstance(value, Mapping):
        return _pretty(value)
    return escape(str(value))


def _pretty(value: Any) -> Markup:
    """An object as indented JSON."""
    return Markup("<pre tabindex=0>{}</pre>").format(json.dumps(value, indent=2, ensure_ascii=False, default=str))
