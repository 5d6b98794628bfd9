#!/usr/bin/env python3
"""A soak of `weir up`: datagrams without a pause, and a reload each second that turns the interface's mode round;
kill -9 every 150 seconds in the first half, none in the second. Afterwards each burst of datagrams is in records
with all of its packets, or lies in a window that has SKIPDATA; none is there twice; in the second half, neither
memory nor the number of descriptors has grown. Ends with 1 where that is not so.

Memory is compared minute by minute, the least and the most: the flow table of a window that is open is a huge page
of 2 MB, which comes and goes with each publication.

usage: sudo .venv/bin/python bench/soak.py [MINUTES]   # 20; WEIR is the program, or build/weir
"""

import gzip
import os
import pathlib
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time

from measuring import TREE

sys.path.insert(0, str(TREE / "tests" / "conformance"))
from accounting import account  # noqa: E402
from lab import INTERFACE, OPEN_PORT, RECEIVER, SENDER, in_namespace, prepared_lab, run  # noqa: E402
from waiting import until  # noqa: E402

KILL_EVERY = 150  # seconds
BURST = 100  # datagrams
FIRST_PORT, LAST_PORT = 10_000, 60_000
WARM_UP = 2  # minutes: the first windows have come and gone
GROWTH = 1.05  # of memory, from the first third of the rest to the last


class Sender(threading.Thread):
    """Bursts of datagrams, each from a port of its own, as long as there are ports."""

    def __init__(self, lab, seconds):
        super().__init__()
        self.lab, self.bursts, self.is_over = lab, {}, threading.Event()
        self.pause = max(0.01, seconds / (LAST_PORT - FIRST_PORT))

    def burst(self, port):
        def make():
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.bind((SENDER, port))
            return made
        with in_namespace(self.lab.sender, make) as source:
            begin = time.time()
            for _ in range(BURST):
                source.sendto(b"weir", (RECEIVER, OPEN_PORT))
            self.bursts[port] = (begin, time.time())

    def run(self):
        for port in range(FIRST_PORT, LAST_PORT):
            if self.is_over.wait(self.pause):
                return
            self.burst(port)
        print("there are no ports left: the traffic ended early", flush=True)


class Watch(threading.Thread):
    """What a process has, ten times a second, by minute: MB of its own (not what it shares with the kernel, whose
    tables these are), and descriptors."""

    def __init__(self, pid):
        super().__init__()
        self.pid, self.minutes, self.is_over = pid, [], threading.Event()

    def look(self):
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as rollup:
            memory = next(int(line.split()[1]) for line in rollup if line.startswith("Anonymous:")) / 1000
        return memory, len(os.listdir(f"/proc/{self.pid}/fd"))

    def run(self):
        begin = time.monotonic()
        while not self.is_over.wait(0.1):
            if time.monotonic() - begin >= 60 * len(self.minutes):
                self.minutes.append([])
            self.minutes[-1].append(self.look())

    def wrong(self):
        """Tells of each minute; what has grown."""
        minutes = self.minutes[:-1]  # the last one was not over
        memory = [[each[0] for each in minute] for minute in minutes]
        descriptors = [min(each[1] for each in minute) for minute in minutes]
        print("MB of its own by minute: " + ", ".join(f"{min(each):.2f}-{max(each):.2f}" for each in memory))
        print("descriptors by minute, at least: " + ", ".join(map(str, descriptors)))
        third = (len(minutes) - WARM_UP) // 3
        if third < 1:
            return ["it was too short to tell whether memory grows"]
        wrong = []
        for what, of in (("the least", min), ("the most", max)):
            figures = [of(each) for each in memory[WARM_UP:]]
            before, after = statistics.median(figures[:third]), statistics.median(figures[-third:])
            print(f"{what}: {before:.2f} MB, {third} minutes of it; in the end {after:.2f} MB")
            if after > before * GROWTH:
                wrong.append("memory has grown")
        if descriptors[-1] > descriptors[WARM_UP]:
            wrong.append("there are more descriptors")
        return wrong


class Soak:
    def __init__(self, lab):
        self.lab, self.reloads, self.starts = lab, 0, 0

    def start(self):
        self.lab.begin()
        self.starts += 1
        mark = f"{INTERFACE} is recorded"
        until(lambda: self.lab.said().count(mark) >= self.starts or self.lab.service.poll() is not None, "a start")
        assert self.lab.service.poll() is None, self.lab.said()

    def start_again(self):
        self.lab.service.kill()
        self.lab.service.wait()
        self.start()

    def reload(self):
        self.reloads += 1
        self.lab.write_config(mode="enforce" if self.reloads % 2 else "observe")
        self.lab.service.send_signal(signal.SIGHUP)
        until(lambda: self.lab.said().count("has been read again") >= self.reloads, "a reload")

    def run(self, seconds, kill_every=None):
        end = time.monotonic() + seconds
        next_kill = time.monotonic() + (kill_every or 2 * seconds)
        while time.monotonic() < end:
            time.sleep(1)  # what is measured: a second's traffic, then a reload
            self.reload()
            if time.monotonic() > next_kill:
                self.start_again()
                next_kill = time.monotonic() + kill_every


def read_records(folder):
    """Packets by source port, and the spans that have SKIPDATA."""
    packets, skipped = {}, []
    for path in sorted(folder.rglob("*.log.gz")):
        with gzip.open(path, "rt", encoding="ascii") as lines:
            next(lines)
            for line in lines:
                words = line.split()
                source, port, count, begin, end, status = (words[at] for at in (3, 5, 8, 10, 11, 13))
                if status == "SKIPDATA":
                    skipped.append((int(begin), int(end)))
                elif source == SENDER:
                    packets[int(port)] = packets.get(int(port), 0) + int(count)
    return packets, skipped


def main():
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 20
    program = os.environ.get("WEIR", str(TREE / "build" / "weir"))
    with tempfile.TemporaryDirectory() as folder, prepared_lab(program, pathlib.Path(folder)) as lab:
        lab.listen(OPEN_PORT)
        soak, sender = Soak(lab), Sender(lab, minutes * 60)
        soak.start()
        sender.start()
        soak.run(minutes * 30, KILL_EVERY)
        soak.start_again()
        watch = Watch(lab.service.pid)
        watch.start()
        reloads = soak.reloads
        soak.run(minutes * 30)
        reloads = soak.reloads - reloads
        for thread in (watch, sender):
            thread.is_over.set()
            thread.join()
        received = int(run("ip", "netns", "exec", lab.receiver, "cat", "/sys/class/net/eth0/statistics/rx_packets")[1])
        assert lab.stop() == 0, lab.said()
        packets, skipped = read_records(lab.folder / "logs")
        recorded = sum(packets.values())
        wrong, lost = account(sender.bursts, packets, skipped, each=BURST)
        if "defect" in lab.said():
            wrong.append("a drain did not account for every packet")
    sent = BURST * len(sender.bursts)
    print(f"{minutes:g} minutes, {soak.reloads} reloads ({reloads} after the last kill), {soak.starts - 1} kills: "
          f"{sent} datagrams sent ({received} packets received), {recorded} in records, {lost} are not; "
          f"{len(set(skipped))} windows of SKIPDATA")
    wrong += watch.wrong()
    if received < sent:
        wrong.append("the link lost packets: nothing can be said")
    print("\n".join(wrong[:10]) or "each datagram is accounted for")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
