#!/usr/bin/env python3
"""A soak of `weir up` (tests/conformance/soaking.py says what is asked of it), with a reload each second and a kill
every 150 seconds of its first half. Ends with 1 where something is wrong.

usage: sudo .venv/bin/python bench/soak.py [MINUTES]   # 20; WEIR is the program, or build/weir
"""

import os
import pathlib
import sys
import tempfile

from measuring import TREE

sys.path.insert(0, str(TREE / "tests" / "conformance"))
from lab import prepared_lab  # noqa: E402
from soaking import FIRST_PORT, LAST_PORT, soak  # noqa: E402

KILL_EVERY = 150  # seconds


def main():
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 20
    program = os.environ.get("WEIR", str(TREE / "build" / "weir"))
    with tempfile.TemporaryDirectory() as folder, prepared_lab(program, pathlib.Path(folder)) as lab:
        seconds = minutes * 60
        wrong = soak(lab, seconds, pause=max(0.01, seconds / (LAST_PORT - FIRST_PORT)), reload_every=1,
                     kill_every=KILL_EVERY, stretch=60, compared={"the least": min, "the most": max})
    print("\n".join(wrong[:10]) or "each datagram is accounted for")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
