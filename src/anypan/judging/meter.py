"""Run one command, alone in a process group, and write down what it cost: ``meter.py REPORT SECONDS COMMAND ...``.

A program of its own that imports nothing of the package: the peak memory that the system tells of a child begins at
that of its parent, so the parent has to be small. REPORT gets one JSON object: ``code`` (exit code, negative for a
signal), ``seconds``, ``peak_mib`` (resident memory of the largest of its processes) and ``late``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

STEP = 0.005  # seconds between two looks


def metered(command: list[str], limit: float) -> dict[str, Any]:
    """Run the command for at most ``limit`` seconds; it ends with its group, also when this process is told to end."""
    parent, start = os.getppid(), time.perf_counter()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        while True:
            done, status, usage = os.wait4(child.pid, os.WNOHANG)
            seconds = time.perf_counter() - start
            if done:
                child.returncode = os.waitstatus_to_exitcode(status)
                scale = 2**20 if sys.platform == "darwin" else 2**10
                return {
                    "code": child.returncode,
                    "seconds": seconds,
                    "peak_mib": usage.ru_maxrss / scale,
                    "late": False,
                }
            if seconds > limit or os.getppid() != parent:
                return {"code": None, "seconds": seconds, "peak_mib": None, "late": True}
            time.sleep(STEP)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)


def main() -> None:
    """What the file's own docstring says."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    report, limit, *command = sys.argv[1:]
    found = metered(command, float(limit))
    with open(report, "w", encoding="utf-8") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main()
