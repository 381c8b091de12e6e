"""What a server takes of the machine."""

import time
from pathlib import Path


def usage(pid):
    """Return a process's threads and its memory in MB."""
    lines = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return int(lines["Threads"]), int(lines["VmRSS"].split()[0]) / 1000


def wait_until_forgotten(pid, threads):
    """Wait until the server has no more threads than before, or long enough."""
    for _ in range(60):
        time.sleep(0.5)
        if usage(pid)[0] <= threads:
            return
