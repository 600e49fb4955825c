"""One question to the broker's REST, asked until it is answered: budget before each request, retries, and an end.

Only GETs, so asking again changes nothing. What can't change by itself (a refused key, a refused query) is not asked
again; what can (429, 5xx, timeouts, connections cut, bodies that are no answer) is, with growing pauses.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar

from stream_reconcile.broker.http import Answer, Http, Limits, NoAnswer
from stream_reconcile.broker.rest_answers import UnusableError, key_refused, may_pass, request_id
from stream_reconcile.core.budget import RateBudget
from stream_reconcile.core.errors import BrokerUnreachable, RateLimited, Stopped

T = TypeVar("T")

# A budget belongs to all clients of its account, and core knows no threads.
_counting = threading.Lock()
_CLOCKS_AGREE_S: Final = 2.0
_chance = random.SystemRandom().random


@dataclass(frozen=True)
class RestTiming:
    """Seconds: to connect, between two reads, for a whole request; attempts, and the pauses between them."""

    connect_s: float = 5.0
    read_s: float = 10.0
    request_s: float = 30.0
    attempts: int = 5
    first_pause_s: float = 0.5
    most_pause_s: float = 15.0

    @property
    def limits(self) -> Limits:
        """Those of one request."""
        return Limits(self.connect_s, self.read_s, self.request_s)

    def pause_s(self, failures: int) -> float:
        """Before the next attempt: twice as long each time, up to the longest, less a random part of up to half."""
        longest = min(self.first_pause_s * 2.0 ** min(failures - 1, 30), self.most_pause_s)
        return longest * (0.5 + 0.5 * _chance())


class Calls:
    """Asks through one connection. `on_request(route, outcome, seconds)` hears of every request, retries included.

    Outcomes: the HTTP status; `empty`, `html`, `invalid` for a 200 that is no answer; `timeout`, `cut`, `unreachable`,
    `too_large`, `stopped`.
    """

    def __init__(
        self,
        http: Http,
        budget: RateBudget,
        timing: RestTiming,
        stop: threading.Event,
        on_request: Callable[[str, str, float], None],
    ) -> None:
        self._http = http
        self._budget = budget
        self._timing = timing
        self._stop = stop
        self._on_request = on_request
        self.requests = 0

    def ask(
        self,
        route: str,
        path: str,
        query: Mapping[str, str],
        read: Callable[[Answer], T],
        *,
        is_no: Callable[[Answer], bool] | None = None,
    ) -> T | None:
        """What `read` makes of the 200; None for an answer that `is_no` takes for the broker's no.

        Raises BrokerUnreachable, RateLimited, CredentialsRefused, Stopped.
        """
        timing = self._timing
        last: Answer | NoAnswer | None = None
        outcome = ""
        for attempt in range(1, timing.attempts + 1):
            limited = isinstance(last, Answer) and last.status == 429
            if last is not None and not limited:
                self._wait(timing.pause_s(attempt - 1))
            # After a 429 all wait for one moment: not all of them need meet in it.
            self._wait_for_budget(timing.first_pause_s * _chance() if limited else 0.0)
            began = time.monotonic()
            last = self._http.get(path, query)
            seconds = time.monotonic() - began
            self._note(last, attempt)
            found: T | None = None
            if isinstance(last, NoAnswer):
                outcome = last.outcome
            elif last.status == 200:
                try:
                    found = read(last)
                    outcome = "200"
                except UnusableError as error:
                    outcome = error.outcome
            else:
                outcome = str(last.status)
            self._on_request(route, outcome, seconds)
            if found is not None:
                return found
            if outcome == "stopped":
                raise Stopped(f"the program stops: the broker was not asked for {route} to the end")
            if isinstance(last, Answer) and last.status != 200:
                if is_no is not None and is_no(last):
                    return None
                if last.status in (401, 403):
                    raise key_refused(self._http.base_url, last.status)
                if last.status != 429 and not may_pass(last):
                    break
        raise self._failure(route, outcome, last)

    def _failure(self, route: str, outcome: str, last: Answer | NoAnswer | None) -> BrokerUnreachable:
        told = request_id(last) if isinstance(last, Answer) else ""
        named = f", X-Request-ID {told}" if told else ""
        where = f"{self._http.base_url} ({route}{named})"
        if outcome == "429":
            return RateLimited(f"{where} answered HTTP 429 again and again: this account's requests are used up")
        if isinstance(last, Answer) and last.status != 200:
            return BrokerUnreachable(f"{where} answered HTTP {outcome}: try again later")
        return BrokerUnreachable(f"{where} gave no usable answer ({outcome}): check the network, or try again later")

    def _note(self, answer: Answer | NoAnswer, failures: int) -> None:
        """Tell the budget what the broker says of it."""
        now = time.time()
        if isinstance(answer, NoAnswer):
            with _counting:
                self._budget.answered(now, None, None, None)
            return
        headers = answer.headers
        reset = _reset_at(headers, answer.received_at_ns / 1e9)
        with _counting:
            if answer.status == 429:
                self._budget.refused(now, reset, pause_s=self._timing.pause_s(failures))
            else:
                limit, remaining = (_whole(headers, f"X-Ratelimit-{name}") for name in ("Limit", "Remaining"))
                self._budget.answered(now, limit, remaining, reset)

    def _wait_for_budget(self, jitter_s: float) -> None:
        while True:
            if self._stop.is_set():
                raise Stopped("the program stops: the broker was not asked")
            now = time.time()
            with _counting:
                delay = self._budget.delay_s(now)
                if delay <= 0.0:
                    self._budget.sent(now)
                    self.requests += 1
                    return
            self._wait(delay + jitter_s)

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped("the program stops: a wait for the broker was given up")


def _whole(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else None


def _reset_at(headers: Mapping[str, str], received_at: float) -> float | None:
    """X-Ratelimit-Reset by our clock, where the `Date` of the same answer says that the broker's is another."""
    reset = _whole(headers, "X-Ratelimit-Reset")
    if reset is None:
        return None
    try:
        ahead = received_at - parsedate_to_datetime(headers.get("Date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        ahead = 0.0
    return reset + ahead if abs(ahead) > _CLOCKS_AGREE_S else float(reset)
