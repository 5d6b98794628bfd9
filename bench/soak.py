#!/usr/bin/env python3
"""A soak of `weir up`: datagrams without a pause, a reload each second that turns the interface's mode round,
kill -9 every 150 seconds. Afterwards each burst of datagrams is in records with all of its packets, or lies in a
window that has SKIPDATA; none is there twice; memory has not grown. Ends with 1 where that is not so.

usage: sudo .venv/bin/python bench/soak.py [MINUTES]   # 10; WEIR is the program, or build/weir
"""

import gzip
import os
import pathlib
import signal
import socket
import sys
import tempfile
import threading
import time

from measuring import TREE

sys.path.insert(0, str(TREE / "tests" / "conformance"))
from lab import INTERFACE, OPEN_PORT, RECEIVER, SENDER, in_namespace, prepared_lab, run  # noqa: E402
from waiting import until  # noqa: E402

KILL_EVERY = 150  # seconds
BURST, PAUSE = 100, 0.01  # datagrams; seconds between bursts
FIRST_PORT, LAST_PORT = 10_000, 60_000
GROWTH = 1.1  # of memory, from 30 seconds after a start on


class Sender(threading.Thread):
    """Bursts of datagrams, each from a port of its own, as long as there are ports."""

    def __init__(self, lab):
        super().__init__()
        self.lab, self.bursts, self.is_over = lab, {}, threading.Event()

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
            if self.is_over.wait(PAUSE):
                return
            self.burst(port)
        print("there are no ports left: the traffic ended early", flush=True)


def resident(pid):
    """In MB, without what is shared with the kernel: its tables."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon:")) / 1000


class Soak:
    def __init__(self, lab):
        self.lab, self.reloads, self.starts, self.memory, self.grown = lab, 0, 0, [], []

    def start(self):
        self.lab.begin()
        self.starts += 1
        mark = f"{INTERFACE} is recorded"
        until(lambda: self.lab.said().count(mark) >= self.starts or self.lab.service.poll() is not None, "a start")
        assert self.lab.service.poll() is None, self.lab.said()
        self.memory = []

    def reload(self):
        self.reloads += 1
        self.lab.write_config(mode="enforce" if self.reloads % 2 else "observe")
        self.lab.service.send_signal(signal.SIGHUP)
        until(lambda: self.lab.said().count("has been read again") >= self.reloads, "a reload")

    def run(self, seconds):
        end = time.monotonic() + seconds
        next_kill = time.monotonic() + KILL_EVERY
        while time.monotonic() < end:
            time.sleep(1)  # what is measured: a second's traffic, then a reload
            self.reload()
            self.memory.append(resident(self.lab.service.pid))
            if time.monotonic() > next_kill:
                self.end_life()
                self.lab.service.kill()
                self.lab.service.wait()
                self.start()
                next_kill = time.monotonic() + KILL_EVERY
        self.end_life()

    def end_life(self):
        if len(self.memory) > 60:
            self.grown.append((self.memory[30], max(self.memory[30:])))


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


def judge(bursts, packets, skipped):
    """What is wrong, and the bursts that no record has to tell of."""
    wrong, lost = [], 0
    for port, (begin, end) in bursts.items():
        count = packets.pop(port, 0)
        is_told = any(first - 1 <= end and begin <= last + 1 for first, last in skipped)
        if count > BURST or (count < BURST and not is_told):
            wrong.append(f"{count} of {BURST} packets from port {port}, sent at {begin:.3f}")
        lost += max(BURST - count, 0)
    wrong += [f"port {port} sent nothing" for port in packets]
    return wrong, lost


def main():
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    program = os.environ.get("WEIR", str(TREE / "build" / "weir"))
    with tempfile.TemporaryDirectory() as folder, prepared_lab(program, pathlib.Path(folder)) as lab:
        lab.listen(OPEN_PORT)
        soak, sender = Soak(lab), Sender(lab)
        soak.start()
        sender.start()
        soak.run(minutes * 60)
        sender.is_over.set()
        sender.join()
        received = int(run("ip", "netns", "exec", lab.receiver, "cat", "/sys/class/net/eth0/statistics/rx_packets")[1])
        assert lab.stop() == 0, lab.said()
        packets, skipped = read_records(lab.folder / "logs")
        recorded = sum(packets.values())
        wrong, lost = judge(sender.bursts, packets, skipped)
        if "defect" in lab.said():
            wrong.append("a drain did not account for every packet")
    sent = BURST * len(sender.bursts)
    print(f"{minutes:g} minutes, {soak.reloads} reloads, {soak.starts - 1} kills: {sent} datagrams sent "
          f"({received} packets received), {recorded} in records, {lost} in {len(set(skipped))} windows of SKIPDATA")
    for before, most in soak.grown:
        print(f"memory of its own: {before:.1f} MB after 30 reloads, then at most {most:.1f} MB")
        if most > before * GROWTH:
            wrong.append("memory has grown")
    if received < sent:
        wrong.append("the link lost packets: nothing can be said")
    print("\n".join(wrong[:10]) or "each datagram is accounted for")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
