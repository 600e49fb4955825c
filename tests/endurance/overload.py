"""`make overload`: ten times the usual for minutes, more than apply can take; memory, lag, the socket, the drain.

Apply is slowed down until it takes half of what will come, since nothing that the simulator can send is too much for
it: by how much is found out anew in each run, on the machine as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from support.waiting import wait_until
from weather import judge
from weather.outcome import Outcome
from weather.place import Place

from .place import ROLES, SIMULATOR, Scene, scene
from .promises import FRAME_BYTES, keeps_its_size, listened, peak_memory
from .samples import Sampler, column, taken
from .slowed import Slowed

_PROVED_WITHIN_S: Final = 1_800.0
_SOCKET_BEHIND_S: Final = 5.0
"""What ingest may leave in its socket at the most, in seconds of the overload's frames."""
_QUEUE_BYTES: Final = 64 * 1024 * 1024
"""The bound of ingest's queue (`log.producer.Limits`)."""
_SEEN_WITHIN_S: Final = 120.0
_SENT_SHARE: Final = 0.8
_TRIES: Final = 6
_NEAR: Final = 0.25  # of what was wanted
_LEAST_SHARE: Final = 0.01
_COMMITS: Final = 6
_LOOK_EVERY_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Options:
    """What the user has a say in."""

    seed: int
    say: Callable[[str], None]
    minutes: float = 10.0
    times: float = 10.0
    rate: float = 300.0
    """Events a second, usually."""
    every_s: float = 1.0
    usual_s: float = 60.0
    """How long it is as usual before."""
    gauge_s: float = 10.0
    """How long apply is watched to find out what it takes."""
    share: float | None = None
    """Of the time that apply may run; None: found out."""
    quick: bool = False
    """Too short for memory to come to rest: what it grows by is a figure and no promise."""


def run(place: Place, options: Options, output: Path | None = None) -> tuple[Outcome, Sampler]:
    """All of it, with processes, topics and tables of its own."""
    with scene(place, options.seed) as made:
        return measure(made, options, output)


def measure(made: Scene, options: Options, output: Path | None = None) -> tuple[Outcome, Sampler]:
    """As usual, then the overload, then as usual until all is drained."""
    outcome = Outcome()
    judge.proof_after(made.whole, 0.0, timeout=_PROVED_WITHIN_S)
    with Sampler(made, options.every_s, output) as sampler, Slowed(made.roles["apply"]) as slowed:
        if options.share is None:
            share = _find_limit(made, sampler, slowed, options)
        else:
            share = slowed.share = options.share
        _as_usual(made, sampler, options)
        drained_s = _overloaded(made, sampler, options)
        slowed.share = 1.0
        _in_the_end(made, sampler, outcome)
    _told(made, sampler, options, outcome, share=share, drained_s=drained_s)
    return outcome, sampler


def _find_limit(made: Scene, sampler: Sampler, slowed: Slowed, options: Options) -> float:
    """Have apply take half of the overload: by the share of the time that it may run, found by trying."""
    sampler.phase = "limit"
    full = options.rate * options.times
    wanted, share = full / 2, 0.5
    made.whole.simulator.control.flow(full)
    for _ in range(_TRIES):
        slowed.share = 0.0
        wait_until(
            lambda: made.alive() and made.lag() > full * options.gauge_s / 2,
            timeout=20 * options.gauge_s + 60,
            what="a backlog",
        )
        slowed.share = share
        took = _gauged(made, options.gauge_s)
        options.say(f"apply, allowed {share:.0%} of the time, takes {took:,.0f} events/s; {wanted:,.0f} are wanted")
        if abs(took - wanted) <= _NEAR * wanted or (share == 1.0 and took < wanted):
            break
        share = min(max(share * wanted / max(took, 1.0), share / 4, _LEAST_SHARE), 1.0)
        slowed.share = share
    made.whole.simulator.control.flow(options.rate)
    _drained(made, options)
    return share


def _gauged(made: Scene, seconds: float) -> float:
    """Records a second that apply commits while it has a backlog, from one commit to another: batches are large."""
    commits: list[tuple[float, int]] = []
    ends, gives_up = time.monotonic() + seconds, time.monotonic() + 6 * seconds
    while made.lag() and (now := time.monotonic()) < (ends if len(commits) >= _COMMITS else gives_up):
        committed = made.committed()
        if not commits or commits[-1][1] != committed:
            commits.append((now, committed))
        time.sleep(_LOOK_EVERY_S)
    if len(commits) < 2:
        return 0.0
    return (commits[-1][1] - commits[0][1]) / (commits[-1][0] - commits[0][0])


def _as_usual(made: Scene, sampler: Sampler, options: Options) -> None:
    sampler.phase = "usual"
    made.whole.simulator.control.flow(options.rate)
    options.say(f"as usual: {options.rate:,.0f} events/s")
    _pass(made, sampler, options.usual_s)


def _overloaded(made: Scene, sampler: Sampler, options: Options) -> float:
    """The overload, then as usual; how many seconds after it nothing was left to apply."""
    sampler.phase = "overload"
    options.say(f"{options.times:g} times as much for {options.minutes:g} minutes")
    made.whole.simulator.control.flow(options.rate * options.times)
    _pass(made, sampler, 60 * options.minutes)
    made.whole.simulator.control.flow(options.rate)
    sampler.phase = "drain"
    ended = time.monotonic()
    options.say(f"as usual again, {made.lag():,} records behind")
    _drained(made, options)
    drained_s = time.monotonic() - ended
    options.say(f"drained in {drained_s:.0f} s")
    _until_seen(made, sampler)
    return drained_s


def _pass(made: Scene, sampler: Sampler, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        made.alive()
        sampler.check()
        time.sleep(min(left, 1.0))
    _until_seen(made, sampler)


def _until_seen(made: Scene, sampler: Sampler) -> None:
    """Wait until there are samples enough: on a machine under load each takes its time."""
    wait_until(lambda: made.alive() and sampler.enough(), timeout=_SEEN_WITHIN_S, what=f"samples of {sampler.phase}")


def _drained(made: Scene, options: Options) -> None:
    """Wait until apply is no more than a second behind."""
    wait_until(
        lambda: made.alive() and made.lag() <= options.rate,
        timeout=300 + 60 * options.minutes * 2 * options.times,
        what="the log to be drained",
    )


def _in_the_end(made: Scene, sampler: Sampler, outcome: Outcome) -> None:
    """The flow ends; a sweep that begins then proves the tables equal, and so do the books."""
    sampler.phase = "proof"
    made.whole.simulator.control.settle()
    settled = time.time()
    proved = judge.proof_after(made.whole, settled, timeout=_PROVED_WITHIN_S)
    outcome.figures["proved_after_s"] = round(proved - settled, 1)
    truth = judge.Truth(made.whole)
    judge.in_the_end(made.whole, outcome, truth)
    alarms = judge.false_alarms(made.whole.discrepancies(), truth, known=("stream_gap", "incomplete_sweep"))
    outcome.promise(not alarms, f"{len(alarms)} false alarms: {alarms[:5]}")


def _told(made: Scene, sampler: Sampler, options: Options, outcome: Outcome, *, share: float, drained_s: float) -> None:
    """Figures, and whether all was bounded."""
    during, after = sampler.of("overload"), sampler.of("drain")
    at = column(during, lambda one: one.at_s)
    lag = column([*during, *after], lambda one: one.lag)
    published = column(during, lambda one: one.published)
    committed = column(during, lambda one: one.committed)
    seconds = max(at[-1] - at[0], 1e-9)
    outcome.figures |= {
        "usual_per_s": options.rate,
        "overload_per_s": round((published[-1] - published[0]) / seconds),
        "applied_per_s_meanwhile": round((committed[-1] - committed[0]) / seconds),
        "apply_may_run": f"{share:.1%} of the time",
        "overload_s": round(seconds),
        "events": published[-1] - published[0],
        "most_lag_records": int(max(lag)),
        "most_lag_s": max(column([*during, *after], lambda one: one.lag_s)),
        "drained_after_s": round(drained_s, 1),
        "drain_per_s": round((after[-1].committed - after[0].committed) / max(drained_s, 1e-9)),
    }
    sent, wanted = (published[-1] - published[0]) / seconds, options.rate * options.times
    outcome.promise(
        options.quick or sent >= _SENT_SHARE * wanted,
        f"the simulator sent {sent:,.0f} events/s of {wanted:,.0f}: this machine needs a lower --rate",
    )
    outcome.promise(
        max(lag) > options.rate, "apply was not overloaded: the simulator did not send more than apply could take"
    )
    for role in ROLES:
        keeps_its_size(during, role, outcome, promised=not options.quick)
        peak_memory(made, role, outcome)
    listened(made, sampler.samples, outcome, most_bytes=_SOCKET_BEHIND_S * options.rate * options.times * FRAME_BYTES)
    queue = max(column(sampler.samples, lambda one: one.queue_bytes))
    outcome.figures["most_queue_bytes"] = int(queue)
    outcome.promise(queue <= _QUEUE_BYTES, f"ingest's queue held {queue:,.0f} bytes, of {_QUEUE_BYTES:,}")
    outcome.figures["simulator_rss_mb"] = round(max(one.rss_mb for one in taken(during, SIMULATOR)))
