"""`make fuzz`: every target, its inputs led by coverage where atheris can be had, else by our own mutations alone."""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import re
import secrets
import subprocess
import sys
import time
import traceback
from pathlib import Path

from fuzz import engine
from fuzz.corpus import seeds

BUILD = Path("build") / "fuzz"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--only", default=",".join(engine.TARGETS), help="targets, separated by commas")
    parser.add_argument("--runs", type=int, help=f"inputs for each target (default: {engine.RUNS})")
    parser.add_argument("--seed", type=int, default=None, help="repeat the inputs of a run")
    parser.add_argument("--own", action="store_true", help="without atheris")
    options = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    guided = not options.own and importlib.util.find_spec("atheris") is not None
    say(f"seed {seed}, {'led by coverage (atheris)' if guided else 'own mutations, not led by coverage'}")
    say(f"{'target':10} {'runs':>9} {'seconds':>8}  found")
    bad = 0
    for name in options.only.split(","):
        begun = time.monotonic()
        runs = options.runs or engine.RUNS[name]
        done, found = (_guided if guided else _own)(name, runs, seed)
        say(f"{name:10} {done:9,} {time.monotonic() - begun:8.0f}  {found or 'nothing'}")
        bad += bool(found)
    return 1 if bad else 0


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _own(name: str, runs: int, seed: int) -> tuple[int, str]:
    found = engine.run(name, runs, seed)
    if found is None:
        return runs, ""
    traceback.print_exception(found.error)
    return runs, _keep(name, found.data)


def _guided(name: str, runs: int, seed: int) -> tuple[int, str]:
    corpus, findings = BUILD / name / "corpus", BUILD / name / "findings"
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    for data in seeds(name):
        (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    before = set(findings.iterdir())
    command = [
        *(sys.executable, "-m", "fuzz.guided", name, f"-runs={runs}", f"-seed={seed + 1}", "-max_len=8192"),
        *(f"-timeout={engine.STUCK_S}", "-rss_limit_mb=2048", f"-artifact_prefix={findings}/", str(corpus)),
    ]
    done = subprocess.run(command, env=os.environ, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    counted = re.findall(r"^Done (\d+) runs", done.stderr, re.MULTILINE)
    if done.returncode == 0 and counted:
        return int(counted[0]), ""
    sys.stderr.write(done.stderr[-6000:])
    new = sorted(set(findings.iterdir()) - before)
    return 0, ", ".join(map(str, new)) or f"ended with status {done.returncode}"


def _keep(name: str, data: bytes) -> str:
    folder = BUILD / name / "findings"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / hashlib.sha256(data).hexdigest()[:16]
    file.write_bytes(data)
    return str(file)


if __name__ == "__main__":
    sys.exit(main())
