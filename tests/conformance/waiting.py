"""Waits for a condition, never for a time."""

import pathlib
import re
import time

SECONDS = 120  # before a test gives up


def until(condition, what="it", seconds=SECONDS, every=0.02):
    """What the condition returns, once that is true; it is asked `every` so many seconds."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"gave up waiting for {what}"
        time.sleep(every)
    return value


def until_caught(process, *signals):
    """The program handles these signals from now on."""
    status = pathlib.Path(f"/proc/{process.pid}/status")
    awaited = sum(1 << number - 1 for number in signals)

    def is_caught():
        assert process.poll() is None, "it ended"
        return int(re.search(r"SigCgt:\t(\w+)", status.read_text())[1], 16) & awaited == awaited

    until(is_caught, "the handlers of signals")
