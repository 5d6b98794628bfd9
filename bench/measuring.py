"""What the benchmarks share: running a command and asking the kernel what it took."""

import os
import pathlib
import statistics
import subprocess
import sys
import time

TREE = pathlib.Path(__file__).resolve().parent.parent


def measure(command, environment=None):
    """Wall seconds, processor seconds and peak memory in MB of a command that must succeed, and its output."""
    begin = time.monotonic()
    child = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             env=environment)
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{command[0]} failed with status {child.returncode}:\n{output}")
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000, output


def read_into_page_cache(path):
    """Not at once, for a child starts with our memory."""
    with open(path, "rb") as file:
        while file.read(1 << 20):
            pass


def medians(rounds):
    """Of each column of figures."""
    return [statistics.median(column) for column in zip(*rounds)]
