"""The process between this program and a server it starts: the server never outlives the program.

Run as a file of its own, standard library only, so that it starts in milliseconds:

    python -I guard.py --parent PID --pid-fd FD --grace SECONDS [--stop-signal N] [--leave-root HOW] -- COMMAND…

It forks COMMAND, writes the server's pid to FD and closes it, and then waits for one of three things:

- the server ends: the guard ends with the server's status (128 + n after signal n);
- PID is no longer its parent (the program has ended, even by SIGKILL), or the guard is told to end: the server gets
  the stop signal, and SIGKILL once `--grace` is over;
- the guard itself is killed: the kernel kills the server (PR_SET_PDEATHSIG, Linux).

Why not PR_SET_PDEATHSIG alone: it fires when the *thread* that forked ends, and the program starts its servers from
threads; and it can only send one signal, while Kafka and Postgres lose time on the next start if they are not asked to
stop first. On Linux the guard is also a subreaper: what a killed server leaves behind (Postgres's backends) becomes
its child, so that "the guard has ended" means that no process of the server is left.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import pwd
import select
import signal
import sys
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_CLONE_NEWUSER = 0x10000000  # linux/sched.h
_ON_LINUX = sys.platform == "linux"
_PARENT_CHECKED_EVERY = 0.25  # seconds; a signal wakes the guard at once

UNPRIVILEGED_USER = "nobody"
LEAVE_ROOT = ("namespace", "setuid")


def enter_user_namespace() -> None:
    """Become `nobody` in a user namespace in which that user *is* this root, so that files keep their owner.

    A server that refuses uid 0 then runs without any capability, and still reaches a directory below a private
    `/root`. Raises OSError where the kernel or a container's profile forbids it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    user = pwd.getpwnam(UNPRIVILEGED_USER)
    Path("/proc/self/setgroups").write_text("deny")  # needed before a gid_map may be written (user_namespaces(7))
    Path("/proc/self/uid_map").write_text(f"{user.pw_uid} 0 1")
    Path("/proc/self/gid_map").write_text(f"{user.pw_gid} 0 1")


def _leave_root(how: str) -> None:
    if how == "namespace":
        enter_user_namespace()
        return
    user = pwd.getpwnam(UNPRIVILEGED_USER)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def _exec_server(command: list[str], leave_root: str | None, guard: int) -> None:
    """In the forked child: never returns."""
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        if leave_root:
            _leave_root(leave_root)
        if _ON_LINUX:  # after the change of user, which clears it (prctl(2))
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != guard:
                os._exit(1)
        os.execv(command[0], command)  # noqa: S606 - starting a program without a shell is the point
    except OSError as error:
        os.write(2, f"cannot start {command[0]}: {error}\n".encode())
    finally:
        os._exit(127)


def _reap(server: int, status: int | None) -> tuple[int | None, bool]:
    """Collect ended children; return the server's status, if it has ended, and whether any child is left."""
    while True:
        try:
            pid, ended = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status, False
        if pid == 0:
            return status, True
        if pid == server:
            code = os.waitstatus_to_exitcode(ended)
            status = code if code >= 0 else 128 - code


def _orphans() -> list[int]:
    """What the server left behind and is now ours. None of them can be reaped, and its pid reused, but by us."""
    return [int(pid) for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()]


def _watch(server: int, options: argparse.Namespace, wakeups: int, told_to_end: list[int]) -> int:
    status: int | None = None
    deadline: float | None = None
    while True:
        status, children_left = _reap(server, status)
        if not children_left:
            return 0 if status is None else status
        now = time.monotonic()
        if deadline is None and (status is not None or told_to_end or os.getppid() != options.parent):
            deadline = now + options.grace
            if status is None:
                os.kill(server, options.stop_signal)
                os.kill(server, signal.SIGCONT)  # a paused server can only stop once it runs
        elif deadline is not None and now > deadline:
            for child in [server] if status is None else _orphans():
                os.kill(child, signal.SIGKILL)
            if status is not None and not _ON_LINUX:
                return status  # what is left can't be found there; it keeps the directory's lock, which it inherited
        select.select([wakeups], [], [], _PARENT_CHECKED_EVERY)
        with contextlib.suppress(BlockingIOError):
            os.read(wakeups, 512)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="guard")
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--pid-fd", type=int, required=True)
    parser.add_argument("--grace", type=float, required=True)
    parser.add_argument("--stop-signal", type=int, default=int(signal.SIGTERM))
    parser.add_argument("--leave-root", choices=LEAVE_ROOT)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)

    wakeups, wakeup_writer = os.pipe()
    os.set_blocking(wakeups, False)
    os.set_blocking(wakeup_writer, False)
    signal.set_wakeup_fd(wakeup_writer, warn_on_full_buffer=False)
    told_to_end: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: told_to_end.append(received))
    signal.signal(signal.SIGCHLD, lambda _received, _frame: None)  # a handler, so that it wakes `select`
    if _ON_LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)

    guard = os.getpid()
    server = os.fork()
    if server == 0:
        os.close(options.pid_fd)
        _exec_server(options.command, options.leave_root, guard)
    os.write(options.pid_fd, f"{server}\n".encode())
    os.close(options.pid_fd)
    return _watch(server, options, wakeups, told_to_end)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
