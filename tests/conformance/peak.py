"""The most memory that a program took."""

import subprocess
import sys

# A process is never counted less than its starter had when it started it, and pytest may have had much.
STARTER = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(child.pid, 0)
with open(sys.argv[1], "w") as file:
    file.write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status) & 255)
"""


def peak_of(folder, command, **options):
    """Peak memory in bytes of a command that must succeed, and what it said. The folder is for a file."""
    figure = folder / "peak"
    done = subprocess.run([sys.executable, "-S", "-c", STARTER, figure, *command], text=True, check=False, stderr=subprocess.STDOUT,
                          **{"stdout": subprocess.PIPE, **options})
    assert done.returncode == 0, done.stdout
    return int(figure.read_text()) * 1024, done.stdout
