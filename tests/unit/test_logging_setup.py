"""The log: one line an event, the same for libraries, and no secret in any of it."""

from __future__ import annotations

import io
import json
import logging
from typing import Literal

import pytest
import structlog

from stream_reconcile.logging_setup import MASK, Redactor, configure_logging
from support.logging_state import logging_restored

SECRET = "hunter2-hunter2"


def log_to(log_format: Literal["console", "json"], level: str = "info") -> io.StringIO:
    out = io.StringIO()
    configure_logging(log_format=log_format, level=level, secrets=[SECRET], stream=out)
    return out


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("secret", "x"),
        ("api_key", "x"),
        ("KEY", b"x"),
        ("password", {"nested": "x"}),
        ("http_token", ["x"]),
        ("Authorization", "Basic x"),
        ("client_secret_id", "x"),
    ],
)
def test_values_under_a_secret_name_are_masked(name: str, value: object) -> None:
    assert Redactor()(None, "info", {"event": "e", name: value}) == {"event": "e", name: MASK}


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("postgresql://user:p@ss@host:5432/db", f"postgresql://user:{MASK}@host:5432/db"),
        ("host=h password=abc user=u", f"host=h password={MASK} user=u"),
        ("host=h password='a b\\' c' user=u", f"host=h password={MASK} user=u"),
        ("{'secret': 'abc', 'n': 1}", f"{{'secret': {MASK}, 'n': 1}}"),
        ('{"action":"auth","key":"k","secret":"abc"}', f'{{"action":"auth","key":"k","secret":{MASK}}}'),
        ("Authorization: Bearer abc", f"Authorization: {MASK}"),
        ("sasl.password=abc", f"sasl.password={MASK}"),
        (f"key {SECRET}!", f"key {MASK}!"),
        ("no secret at 10:30@host", "no secret at 10:30@host"),
        ("http://host:8080/readyz", "http://host:8080/readyz"),
    ],
)
def test_secrets_in_text_are_masked(text: str, redacted: str) -> None:
    assert Redactor([SECRET]).text(text) == redacted


def test_nested_values_and_bytes() -> None:
    event = {
        "event": "e",
        "d": {"token": "t", "list": ["password=abc", b"payload", 1, None]},
        "n": 3,
        "fill_key": "x:1",
    }
    assert Redactor()(None, "info", event) == {
        "event": "e",
        "d": {"token": MASK, "list": [f"password={MASK}", "<7 bytes>", 1, None]},
        "n": 3,
        "fill_key": "x:1",
    }


def test_short_secrets_do_not_mask_parts_of_words() -> None:
    assert Redactor(["a", "info"]).text("an information") == "an information"


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_no_secret_leaves_by_any_way(log_format: Literal["console", "json"]) -> None:
    out = log_to(log_format)
    log = structlog.get_logger("ours").bind(bound=f"x{SECRET}")
    log.info("event_name", text=f"postgresql://u:{SECRET}@h/d", api_key=SECRET)
    logging.getLogger("library").warning("said %s", SECRET)
    for logger in (log, logging.getLogger("library")):
        try:
            raise ValueError(f"refused: {SECRET}")
        except ValueError:
            logger.exception("failed")
    written = out.getvalue()
    assert SECRET not in written
    assert written.count("ValueError: refused: ***") == 2
    assert "event_name" in written


def test_json_lines_carry_bound_context_level_and_time() -> None:
    out = log_to("json")
    structlog.contextvars.bind_contextvars(account_id="a1")
    structlog.get_logger("job").warning("thing_happened", count=2)
    logging.getLogger("library").warning("words")
    ours, theirs = (json.loads(line) for line in out.getvalue().splitlines())
    assert ours.pop("timestamp").endswith("Z")
    assert ours == {"event": "thing_happened", "level": "warning", "logger": "job", "account_id": "a1", "count": 2}
    assert (theirs["event"], theirs["logger"], theirs["account_id"]) == ("words", "library", "a1")


def test_level() -> None:
    out = log_to("json", level="warning")
    structlog.get_logger().info("too_quiet")
    logging.getLogger("library").info("too quiet")
    assert out.getvalue() == ""


def test_chatty_libraries_are_held_back() -> None:
    out = log_to("json")
    logging.getLogger("websockets").info("< TEXT '{}'")
    assert out.getvalue() == ""


@pytest.mark.parametrize("again", [1, 2])
def test_what_a_test_sets_up_is_gone_after_it(again: int, caplog: pytest.LogCaptureFixture) -> None:
    """The fixture of all tests undoes it: the second time all is as it was the first time."""
    assert not structlog.is_configured()
    assert logging.getLogger("websockets").level == logging.NOTSET
    assert caplog.handler in logging.getLogger().handlers
    module_log = structlog.get_logger()
    log_to("json")
    with logging_restored():
        log_to("json")
        module_log.info("said")
    with structlog.testing.capture_logs() as said:
        module_log.info("heard")
    assert [line["event"] for line in said] == ["heard"]
