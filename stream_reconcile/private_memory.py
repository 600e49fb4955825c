"""This process's memory holds the secrets, so it is kept from core dumps and from other processes of the same user.

On Linux the process is made undumpable (prctl(2)): the kernel writes no core of it, whatever `core_pattern` names, and
lets only root (CAP_SYS_PTRACE) attach a debugger or read its environment and memory in /proc. Elsewhere a limit of 0 on
cores has to do. A program that is started from here (the embedded servers) is dumpable again, under that limit.
"""

from __future__ import annotations

import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4  # linux/prctl.h


def keep_memory_private() -> None:
    """No core dumps, and no look into this process by others of its user. May be called again."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
