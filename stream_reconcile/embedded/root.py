"""PostgreSQL refuses to run as root. When this program is root, this is how its Postgres is not.

Two ways, the first that works: a user namespace, in which the server is `nobody` without any capability while its
files stay root's (a virtual machine, most hosts); else setuid to `nobody`, to whom the data directory then belongs
(a container whose profile forbids namespaces).
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path

from stream_reconcile.core.errors import EmbeddedError
from stream_reconcile.embedded import guard

_TRY_NAMESPACE = "import runpy, sys; runpy.run_path(sys.argv[1])['enter_user_namespace']()"


def way_to_leave_root(programs: Path, data_dir: Path) -> str:
    """`namespace` or `setuid`, as `guard --leave-root` takes it. Call as root only.

    Raises EmbeddedError if only setuid is possible and `nobody` cannot enter a directory that it needs.
    """
    if sys.platform == "linux" and _namespace_allowed():
        return "namespace"
    for needed in (programs, data_dir):
        for directory in needed.resolve().parents:
            if not directory.stat().st_mode & stat.S_IXOTH:
                raise EmbeddedError(
                    f"Postgres does not run as root, and the user {guard.UNPRIVILEGED_USER}, as whom it would run, "
                    f"cannot enter {directory}; run this as a normal user, or keep the program and "
                    "RECONCILE_DATA_DIR where every user may enter"
                )
    return "setuid"


def give_to_server(data_dir: Path, how: str) -> None:
    """Make `data_dir` and all below belong to the user that the server will be. Call as root only."""
    user = pwd.getpwnam(guard.UNPRIVILEGED_USER)
    owner, group = (0, 0) if how == "namespace" else (user.pw_uid, user.pw_gid)
    for parent, directories, files in os.walk(data_dir):
        for name in (".", *directories, *files):
            os.chown(Path(parent) / name, owner, group, follow_symlinks=False)


def _namespace_allowed() -> bool:
    """Tried in a process of its own, for there is no way back out of a namespace."""
    trial = subprocess.run(  # noqa: S603 - our own interpreter and file
        [sys.executable, "-I", "-S", "-c", _TRY_NAMESPACE, guard.__file__], capture_output=True, timeout=20, check=False
    )
    return trial.returncode == 0
