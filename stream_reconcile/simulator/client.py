"""The control endpoints as methods: for tests, demos and benchmarks that drive a simulator, in whatever process."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from stream_reconcile.core.errors import ConfigError, UnreachableError

_SECONDS = 60.0


class Control:
    """Talks to `/sim` of a running simulator. Blocking; from asyncio, call it in a thread.

    Every method raises ConfigError where the simulator refuses, UnreachableError where it does not answer.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def overview(self) -> dict[str, Any]:
        """Account, counters, open sessions, requests by window of the rate limit."""
        return self._call("GET", "/sim")

    def counters(self) -> dict[str, Any]:
        """Orders, frames, requests, connections, faults by name."""
        counters: dict[str, Any] = self.overview()["counters"]
        return counters

    # -- faults

    def fault(self, name: str, /, **parameters: object) -> int:
        """Arm a fault; its id. One of the socket strikes at once if a socket is open and nothing says later."""
        return int(self._call("POST", "/sim/faults", {"fault": name, **parameters})["id"])

    def clear_faults(self, fault_id: int | None = None) -> int:
        """Clear one fault or all; how many there were."""
        path = "/sim/faults" if fault_id is None else f"/sim/faults/{fault_id}"
        return int(self._call("DELETE", path)["cleared"])

    def armed(self) -> list[dict[str, Any]]:
        """The faults that may still strike."""
        armed: list[dict[str, Any]] = self._call("GET", "/sim/faults")["armed"]
        return armed

    def fault_log(self, after: int = 0) -> list[dict[str, Any]]:
        """Every fault that struck but the first `after`, in order."""
        return list(self._pages("/sim/faults/log", "log", after))

    # -- truth

    def orders(self, after: int = 0) -> Iterator[dict[str, Any]]:
        """Every order but the first `after`, oldest first, as REST gives it, with `parent_order_id`."""
        return self._pages("/sim/truth/orders", "orders", after)

    def fills(self) -> Iterator[dict[str, Any]]:
        """Every execution that counts."""
        return self._pages("/sim/truth/fills", "fills")

    def executions(self, after: int = 0) -> Iterator[dict[str, Any]]:
        """Every execution of every order but the first `after`, with `state` real, busted or corrected."""
        return self._pages("/sim/truth/executions", "executions", after)

    def activities(self) -> Iterator[dict[str, Any]]:
        """Every activity, listed yet or not."""
        return self._pages("/sim/truth/activities", "activities")

    def positions(self) -> dict[str, str]:
        """Signed quantity held, by symbol as orders name it."""
        quantities: dict[str, str] = self._call("GET", "/sim/truth/positions")["quantities"]
        return quantities

    # -- flow

    def flow(self, rate: float, orders: int = 0, *, reversals: bool | None = None) -> None:
        """Let own orders come at `rate` events a second (0: stop), `orders` more of them (0: without end).

        `reversals`: whether executions are taken back or corrected from now on; None leaves that as it was.
        """
        more = {} if reversals is None else {"reversals": reversals}
        self._call("POST", "/sim/flow", {"rate": rate, "orders": orders, **more})

    def pause(self) -> None:
        """Let nothing happen until `resume`: no order goes on; what faults hold back is sent first."""
        self._call("POST", "/sim/pause", {})

    def resume(self) -> None:
        """Go on; what fell due meanwhile happens at once."""
        self._call("POST", "/sim/resume", {})

    def settle(self) -> None:
        """Stop the own flow and let all that is under way end now: the truth stands still until a client acts."""
        self._call("POST", "/sim/settle", {})

    def forget(self, orders: int) -> int:
        """Let the oldest orders leave the books, up to the `orders`-th, while they are over; how many have by then."""
        return int(self._call("POST", "/sim/forget", {"orders": orders})["forgotten"])

    def set_price(self, symbol: str, price: str) -> None:
        """Move the quote; resting orders of clients that meet it fill."""
        self._call("POST", "/sim/price", {"symbol": symbol, "price": price})

    def operate(self, order_id: str, operation: str, **details: str) -> dict[str, Any]:
        """Do something to an order by hand: fill, bust, correct, cancel, expire … (`qty`, `price`, `execution_id`)."""
        return self._call("POST", f"/sim/orders/{order_id}/{quote(operation)}", details)

    def add_activity(self, activity_type: str, /, **details: str) -> dict[str, Any]:
        """An activity that is no trade; `position` moves what is held of `symbol`."""
        return self._call("POST", "/sim/activities", {"activity_type": activity_type, **details})

    # -- raw messages

    def send(self, raw: bytes, *, text: bool | None = None) -> None:
        """Send these bytes as one message to all who listen."""
        suffix = "" if text is None else f"?text={int(text)}"
        self._call("POST", f"/sim/send{suffix}", raw)

    def play(self, orders: int, *, seed: int = 1, rate: float = 0.0) -> dict[str, float]:
        """Send the frames of `generate_history(seed, orders)` past the books; how many, and in how many seconds."""
        return self._call("POST", "/sim/play", {"seed": seed, "orders": orders, "rate": rate}, seconds=3600.0)

    # -- waiting

    def wait_until(
        self, condition: Callable[[dict[str, Any]], bool], *, seconds: float = 10.0, every: float = 0.01
    ) -> dict[str, Any]:
        """Ask for the overview until it meets the condition. Raises TimeoutError."""
        ends = time.monotonic() + seconds
        while True:
            overview = self.overview()
            if condition(overview):
                return overview
            if time.monotonic() > ends:
                raise TimeoutError(f"the simulator did not get there in {seconds} s: {overview}")
            time.sleep(every)

    def wait_for_listener(self, *, seconds: float = 10.0) -> None:
        """Wait until somebody listens to trade updates."""
        self.wait_until(lambda overview: any(each["streams"] for each in overview["sessions"]), seconds=seconds)

    def _pages(self, path: str, name: str, start: int = 0) -> Iterator[dict[str, Any]]:
        after: int | None = start
        while after is not None:
            page = self._call("GET", f"{path}?after={after}&limit=2000")
            yield from page[name]
            after = page["next"]

    def _call(
        self, method: str, path: str, body: dict[str, Any] | bytes | None = None, seconds: float = _SECONDS
    ) -> dict[str, Any]:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base_url + path, data, method=method)  # noqa: S310 - our own http URL
        try:
            with urllib.request.urlopen(request, timeout=seconds) as response:  # noqa: S310 - our own http URL
                decoded: dict[str, Any] = json.loads(response.read())
                return decoded
        except urllib.error.HTTPError as error:
            with error:
                message = json.loads(error.read() or b"{}").get("message", error.reason)
            raise ConfigError(f"the simulator refuses {method} {path.partition('?')[0]}: {message}") from error
        except OSError as error:
            raise UnreachableError(
                f"the simulator at {self._base_url} does not answer: {error}; is it still running?"
            ) from error
