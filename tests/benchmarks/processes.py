"""What Linux says of a process: memory in MB (10**6 bytes), processor time in seconds."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def peak_rss_mb(pid: int | str) -> float:
    """Most memory that the process ever had resident. The kernel counts it itself, so nothing is missed, and unlike
    getrusage it does not begin with what the parent had."""
    for line in Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ProcessLookupError(f"process {pid} has ended")


def cpu_s(pid: int, *, with_children: bool = False) -> float:
    """Processor time used so far; with its children's, those that have ended too."""
    # man 5 proc_pid_stat: fields 14 to 17 are utime, stime, cutime, cstime; the name before them may hold blanks.
    fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    user, system, ended_user, ended_system = map(int, fields[11:15])
    own = (user + system) / _TICKS_PER_S
    if not with_children:
        return own
    running = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return own + (ended_user + ended_system) / _TICKS_PER_S + sum(_cpu_s_if_there(int(child)) for child in running)


def _cpu_s_if_there(pid: int) -> float:
    try:
        return cpu_s(pid)
    except (
        FileNotFoundError,
        ProcessLookupError,
    ):  # it ended just now, before or after its file was opened: a moment later its parent has its time
        return 0.0
