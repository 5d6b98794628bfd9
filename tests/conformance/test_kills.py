"""`kill -9` while a spool is delivered: what waits there was sealed by `weir record`, so that it is known to the byte
what the bucket has to hold in the end."""

import collections
import gzip
import os
import random
import signal
import subprocess
import time

from deliverer import Deliverer, capture_of_windows, key_of
from scripted import CLEAN
from test_s3_faults import folder_of
from waiting import until

SEED = int(os.environ.get("WEIR_SEED", "20261125"))
KILLS = int(os.environ.get("WEIR_KILLS", "50"))
BATCH = 200  # objects
PAUSE = 0.02  # seconds from an upload's arrival until its object is there, and from then to the answer


class Spool:
    """What waits in the spool of a deliverer that does not run."""

    def __init__(self, program, server, folder):
        self.program, self.server, self.folder = program, server, folder
        self.keys = {}  # of the batch, by the segment's name
        self.expected = {}

    def fill(self, spool):
        """A `weir record` seals a batch of objects there, and is killed before any of them is delivered."""
        folder = self.folder / f"batch-{len(self.expected)}"
        folder.mkdir()
        options = capture_of_windows(folder, BATCH, first=len(self.expected))
        self.server.hangs.clear()
        self.server.plan.extend(["hang"] * BATCH)
        recording = subprocess.Popen(
            [self.program, "record", *options, "--log-destination", "s3://logs", "--no-attach-bucket-policy"],
            stderr=subprocess.DEVNULL, env={**CLEAN, **self.server.environment(), "TMPDIR": str(folder)})
        until(lambda: len(list(folder.rglob("*.segment"))) == BATCH, "all objects in the spool")
        recording.kill()
        recording.wait()
        self.server.hangs.set()
        with self.server.lock:
            self.server.plan.clear()
        self.expected.update(folder_of(self.program, options, folder / "expected"))
        for segment in folder.rglob("*.segment"):
            self.keys[segment.name] = key_of(segment)
            segment.rename(spool / segment.name)


def kill(deliverer, server, keys):
    """Kills it. How many uploads were how far then, as the server and the disk know it; nothing: all was delivered."""
    deliverer.process.kill()
    with server.lock:
        asked, answered, stored = server.asked.copy(), server.answered.copy(), set(server.objects)
    deliverer.process.wait()
    waiting = {keys[path.name] for path in deliverer.waiting() if path.name in keys}
    return waiting and {"not stored": len(asked - stored), "stored and not answered": len((asked & stored & waiting) - answered),
                        "answered and not freed": len(answered & waiting)}


def test_fifty_kills_while_it_delivers_lose_nothing_and_double_nothing(program, serve, tmp_path):
    chosen = random.Random(SEED)
    server = serve()
    deliverer, spool = Deliverer(program, tmp_path, server.environment()), Spool(program, server, tmp_path)
    deliverer.start()
    folder = until(lambda: deliverer.is_alive() and deliverer.spool(), "its spool")
    deliverer.kill()
    spool.fill(folder)

    server.pause = PAUSE
    done, kills, uploads = 0, collections.Counter(), collections.Counter()
    while done < KILLS:
        server.asked, server.answered = set(), set()
        deliverer.start()
        until(lambda: deliverer.is_alive() and server.asked, "the first upload", every=0.001)
        time.sleep(chosen.uniform(0, 5 * PAUSE))  # the moment: from the beginning of an upload over the next ones
        found = kill(deliverer, server, spool.keys)
        if not found:
            spool.fill(folder)
            continue
        done += 1
        uploads.update(found)
        kills.update(phase for phase, number in found.items() if number)
    server.pause = 0
    deliverer.start()
    until(lambda: deliverer.is_alive() and not deliverer.waiting(), "the rest")
    deliverer.process.send_signal(signal.SIGTERM)
    assert deliverer.process.wait(60) == 0, deliverer.said()

    assert {key: server.objects.get(key) for key in spool.expected} == spool.expected
    others = [gzip.decompress(server.objects[key]).decode() for key in set(server.objects) - set(spool.expected)]
    assert all(line.endswith(" SKIPDATA") for each in others for line in each.splitlines()[1:]), "not of its own time"
    assert not server.refused
    told = ", ".join(f"{uploads[phase]} {phase} ({kills[phase]} kills)" for phase in uploads)
    print(f"{done} kills, {len(spool.expected)} objects there once each; uploads under way at the kills: {told}")
    assert all(uploads.values()), f"a moment was never met: {told}"
