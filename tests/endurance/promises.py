"""What is promised of every process and of the socket, whatever comes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from processes import peak_rss_mb

from weather.outcome import Outcome

from .figures import growth, slope
from .place import ROLES, Scene
from .samples import Sample, column, taken

RSS_MB: Final = 250.0
"""Of each process, whatever comes: the bound that `make bench` holds them to as well."""
FRAME_BYTES: Final = 1_300
"""About so many a frame has."""
_GROWS_MB, _GROWS_SHARE = 10.0, 0.05
_MORE_FDS = 5
_MORE_THREADS = 2
_WINDOWS: Final = "SELECT reason, count(*) FROM stream_gaps GROUP BY reason ORDER BY reason"
_AT_START: Final = frozenset(("start", "listening"))
"""What came before we listened is a window, whatever happens."""


def keeps_its_size(samples: Sequence[Sample], role: str, outcome: Outcome, *, promised: bool = True) -> None:
    """Memory, descriptors and threads of the last quarter of these samples are those of the second."""
    seen = taken(samples, role)
    memory = [one.rss_mb for one in seen]
    grew = growth(memory)
    outcome.figures |= {
        f"{role}_rss_mb": round(max(memory), 1),
        f"{role}_rss_grew_mb": round(grew, 1),
        f"{role}_fds": max(one.fds for one in seen),
        f"{role}_threads": max(one.threads for one in seen),
        f"{role}_cpu_cores": round((seen[-1].cpu_s - seen[0].cpu_s) / max(samples[-1].at_s - samples[0].at_s, 1e-9), 2),
    }
    limit = max(_GROWS_MB, _GROWS_SHARE * max(memory))
    outcome.promise(grew <= limit or not promised, f"{role} grew by {grew:.1f} MB from the second quarter to the last")
    for name, values, more in (
        ("descriptors", [one.fds for one in seen], _MORE_FDS),
        ("threads", [one.threads for one in seen], _MORE_THREADS),
    ):
        grew = growth(values)
        outcome.promise(grew <= more, f"{role} has {grew:.0f} more {name} in the last quarter than in the second")


def slopes(samples: Sequence[Sample], outcome: Outcome) -> None:
    """Figures: MB for each million of events applied."""
    for role in ROLES:
        seen = [(one.committed / 1e6, one.processes[role].rss_mb) for one in samples if role in one.processes]
        per_million = slope([at for at, _rss in seen], [rss for _at, rss in seen])
        outcome.figures[f"{role}_rss_mb_per_million"] = round(per_million, 2)


def peak_memory(made: Scene, role: str, outcome: Outcome) -> None:
    """The kernel's own mark of the most that the process had, so that nothing between two samples is missed."""
    peak = peak_rss_mb(made.roles[role].pid)
    outcome.figures[f"{role}_rss_peak_mb"] = round(peak, 1)
    outcome.promise(peak <= RSS_MB, f"{role} had {peak:.0f} MB, of {RSS_MB:.0f}")


def listened(made: Scene, samples: Sequence[Sample], outcome: Outcome, *, most_bytes: float) -> None:
    """The socket was read all the time: one connection, nothing that the broker had to hold for long, nothing lost."""
    counters = made.whole.simulator.control.counters()
    behind = max(column(samples, lambda one: one.published - one.received))
    windows = {row["reason"]: row["count"] for row in made.whole.rows(_WINDOWS)}
    outcome.figures |= {
        "sockets": counters["connections_accepted"],
        "frames_unheard": counters["frames_unheard"],
        "frames_lost": samples[-1].lost,
        "gap_windows": ", ".join(f"{count} {reason}" for reason, count in windows.items()),
        "most_unread_frames": int(behind),
        "most_unsent_bytes": counters["most_unsent_bytes"],
    }
    outcome.promise(counters["connections_accepted"] == 1, "the socket was not the same all the time")
    outcome.promise(counters["frames_unheard"] == 0, f"{counters['frames_unheard']} frames found no listener")
    outcome.promise(samples[-1].lost == 0, f"{samples[-1].lost} frames were lost on the way to Kafka")
    outcome.promise(windows.keys() <= _AT_START, f"gap windows were opened: {windows}")
    unsent = counters["most_unsent_bytes"]
    outcome.promise(unsent <= most_bytes, f"the broker had to hold {unsent:,} bytes for us, of {most_bytes:,.0f}")
