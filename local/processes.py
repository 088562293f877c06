"""Child processes of the local stack: started detached, noted by process id, stopped together."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_children: dict[int, "subprocess.Popen[bytes]"] = {}
"""The children that this process started, kept to reap them. Of others only the id is known."""


class NotReadyError(RuntimeError):
    """A part of the local stack did not come up in time; the message says which and where its log is."""


@dataclass(frozen=True, slots=True)
class Process:
    """A running child: its name, process id and log file."""

    name: str
    pid: int
    log: Path


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(name: str, arguments: list[str], *, folder: Path, environment: Mapping[str, str]) -> Process:
    """Start ``python arguments...`` in a process group of its own, with its output in ``folder/name.log``."""
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'layers' / 'driveway'}:{ROOT}", **environment},
            cwd=ROOT,
            start_new_session=True,
        )
    _children[child.pid] = child
    return Process(name=name, pid=child.pid, log=log)


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    if pid in _children:
        return _children[pid].poll() is None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return True


def stop(pid: int, *, patience_s: float = 5.0) -> None:
    """Stop a process group: SIGTERM first, then SIGKILL. It is no error if it is gone."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, sign)
        deadline = time.monotonic() + patience_s
        while alive(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        if not alive(pid):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            return


def wait_until(ready: Callable[[], bool], *, process: Process, what: str, patience_s: float = 60.0) -> None:
    """Wait until a condition holds. Raises NotReadyError when the process dies or patience ends."""
    deadline = time.monotonic() + patience_s
    while not ready():
        if not alive(process.pid):
            raise NotReadyError(f"{what} stopped while starting. Its log: {process.log}")
        if time.monotonic() > deadline:
            raise NotReadyError(f"{what} did not answer within {patience_s:.0f} s. Its log: {process.log}")
        time.sleep(0.05)
