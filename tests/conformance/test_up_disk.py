"""`weir up` with a disk that fails: libfiu has system calls of the running service fail."""

import pathlib
import re
import subprocess

import pytest
from test_up_s3 import host, lines_of, missing, send_for, up
from waiting import until

__all__ = ["host", "up"]  # fixtures

PRELOADED = [pathlib.Path("/usr/lib/fiu", name) for name in ("fiu_run_preload.so", "fiu_posix_preload.so")]
FAULTS = ["rw/write", "sync/fsync", "dir/rename", "dir/unlink", "rw/pread", "oc/open"]


@pytest.mark.skipif(not all(path.exists() for path in PRELOADED), reason="no fiu-utils")
def test_each_record_is_there_once_or_counted_as_lost(host, up, serve, tmp_path):
    server = serve()
    running = up({**server.environment(), "LD_PRELOAD": " ".join(map(str, PRELOADED)),
                  "FIU_CTRL_FIFO": str(tmp_path / "fiu")}, spool="retry-interval = 1")
    running.start()

    def control(command, fault, more=""):
        told = subprocess.run(
            ["fiu-ctrl", "-f", tmp_path / "fiu", "-c", f"{command} name=posix/io/{fault}{more}",
             str(running.process.pid)], capture_output=True, text=True, timeout=60, check=True)
        assert not told.stdout + told.stderr

    end = send_for(host, 1, 0)
    control("enable", "sync/fsync")
    while "records could not be kept and become SKIPDATA" not in running.said():
        assert end < 100_000
        end = send_for(host, 0.3, end)
    for fault in FAULTS:
        control("enable_random", fault, ",probability=0.1")
    end = send_for(host, 3, end)
    for fault in FAULTS:
        control("disable", fault)
    end = send_for(host, 1, end)
    until(lambda: running.waiting() == 0)
    running.end()
    made = int(re.search(r"; (\d+) records in \d+ objects", running.said())[1])
    lost = int(re.search(r"(\d+) records could not be written", running.said())[1])
    assert f"{end} packets seen: {end} in flows, 0 in SKIPDATA" in running.said()
    assert len(list(lines_of(server.objects))) + lost == made
    gone = missing(host, end, server.objects)
    assert 0 < gone < end
    print(f"{end} packets: {end - gone} records there, {gone} in SKIPDATA; {lost} records lost and counted")
