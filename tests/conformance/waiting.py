"""Waits for a condition, never for a time."""

import time

SECONDS = 60  # before a test gives up


def until(condition, what="it", seconds=SECONDS):
    """What the condition returns, once that is true."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"gave up waiting for {what}"
        time.sleep(0.02)
    return value
