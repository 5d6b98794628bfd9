"""A soak of `weir up`: datagrams without a pause, and reloads that turn the interface's mode round; kill -9 now and
then in the first half, none in the second. Afterwards each burst of datagrams is in records with all of its packets,
or lies in a window that has SKIPDATA; none is there twice; in the second half, neither memory nor the number of
descriptors has grown.

Memory is compared by stretches, the least and the most of each: the flow table of a window that is open is a huge page
of 2 MB, which comes and goes with each publication.
"""

import gzip
import os
import signal
import socket
import statistics
import threading
import time

from accounting import account
from lab import INTERFACE, OPEN_PORT, RECEIVER, SENDER, in_namespace, run
from waiting import until

BURST = 100  # datagrams
FIRST_PORT, LAST_PORT = 10_000, 60_000
WARM_UP = 2  # stretches: the first windows have come and gone
GROWTH = 1.05  # of memory, from the first third of the rest to the last


class Sender(threading.Thread):
    """Bursts of datagrams, each from a port of its own, as long as there are ports, and a pause after each."""

    def __init__(self, lab, pause):
        super().__init__()
        self.lab, self.pause, self.bursts, self.is_over = lab, pause, {}, threading.Event()

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
    """What a process has, ten times a second, by stretches of so many seconds: MB of its own (not what it shares with
    the kernel, whose tables these are), and descriptors."""

    def __init__(self, pid, stretch):
        super().__init__()
        self.pid, self.stretch, self.stretches, self.is_over = pid, stretch, [], threading.Event()

    def look(self):
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as rollup:
            memory = next(int(line.split()[1]) for line in rollup if line.startswith("Anonymous:")) / 1000
        return memory, len(os.listdir(f"/proc/{self.pid}/fd"))

    def run(self):
        begin = time.monotonic()
        while not self.is_over.wait(0.1):
            while time.monotonic() - begin >= self.stretch * len(self.stretches):
                self.stretches.append([])
            self.stretches[-1].append(self.look())

    def wrong(self, compared):
        """Tells of each stretch, and what has grown. `compared` are the figures of a stretch's memory that must not,
        by name: of the first third of them after the warm-up, to the last."""
        stretches = [each for each in self.stretches[:-1] if each]  # the last one was not over
        memory = [[each[0] for each in stretch] for stretch in stretches]
        descriptors = [min(each[1] for each in stretch) for stretch in stretches]
        ranges = ", ".join(f"{min(each):.2f}-{max(each):.2f}" for each in memory)
        print(f"MB of its own, each {self.stretch} s: {ranges}")
        print("descriptors, at least: " + ", ".join(map(str, descriptors)))
        third = (len(stretches) - WARM_UP) // 3
        if third < 1:
            return ["it was too short to tell whether memory grows"]
        wrong = []
        for what, of in compared.items():
            figures = [of(each) for each in memory[WARM_UP:]]
            before, after = statistics.median(figures[:third]), statistics.median(figures[-third:])
            print(f"{what}: {before:.2f} MB, {third} stretches of it; in the end {after:.2f} MB")
            if after > before * GROWTH:
                wrong.append(f"{what} of memory has grown from {before:.2f} to {after:.2f} MB")
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

    def run(self, seconds, reload_every, kill_every=None):
        end = time.monotonic() + seconds
        next_kill = time.monotonic() + (kill_every or 2 * seconds)
        while time.monotonic() < end:
            time.sleep(reload_every)  # what is measured: so much traffic, then a reload
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


def soak(lab, seconds, pause, reload_every, kill_every, stretch, compared):
    """Half of the time with kills, half without and with an eye on memory. Returns what is wrong, a line each."""
    lab.listen(OPEN_PORT)
    soaked, sender = Soak(lab), Sender(lab, pause)
    soaked.start()
    sender.start()
    soaked.run(seconds / 2, reload_every, kill_every)
    soaked.start_again()
    watch = Watch(lab.service.pid, stretch)
    watch.start()
    reloads = soaked.reloads
    soaked.run(seconds / 2, reload_every)
    reloads = soaked.reloads - reloads
    for thread in (watch, sender):
        thread.is_over.set()
        thread.join()
    received = int(run("ip", "netns", "exec", lab.receiver, "cat", "/sys/class/net/eth0/statistics/rx_packets")[1])
    assert lab.stop() == 0, lab.said()
    packets, skipped = read_records(lab.folder / "logs")
    wrong, lost = account(sender.bursts, packets, skipped, each=BURST)
    if "defect" in lab.said():
        wrong.append("a drain did not account for every packet")
    sent = BURST * len(sender.bursts)
    print(f"{seconds:g} seconds, {soaked.reloads} reloads ({reloads} after the last kill), {soaked.starts - 1} kills: "
          f"{sent} datagrams sent ({received} packets received), {sum(packets.values())} in records, {lost} are not; "
          f"{len(set(skipped))} windows of SKIPDATA")
    if received < sent:
        wrong.append("the link lost packets: nothing can be said")
    return wrong + watch.wrong(compared)
