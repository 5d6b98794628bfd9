#!/usr/bin/env python3
"""Measures delivery to S3, and queries from it, over a slow link, beside `aws s3 cp`, rclone and curl; as root.

usage: bench/slow_link.py [--rounds 3] [--megabits 20] [--delay 50] [--objects 8] [--small 200] [--folder FOLDER]

The server and the client have a network namespace each and a link between them, held to so many megabits a second
by tc's tbf in both directions. Behind it a relay keeps everything back for so many milliseconds each way. (netem would
do that in the kernel, and is not in every one.) Prints seconds and how much of the link's rate the objects' bytes make;
the headers of Ethernet, IP and TCP leave 95 % for them at most.
"""

import argparse
import asyncio
import contextlib
import ctypes
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading

import deliver
import s3_read
import s3_server
from measuring import TREE, measure, medians
from query import QUERIES, generate

SERVER, CLIENT = "10.98.0.1", "10.98.0.2"
CHUNK = 64 << 10


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")


@contextlib.contextmanager
def link(megabits):
    """Moves us into one of two namespaces; returns the command that runs another in the other one."""
    far, near = f"weir-slow-{os.getpid()}-far", f"weir-slow-{os.getpid()}-near"
    try:
        for name in (far, near):
            run("ip", "netns", "add", name)
        run("ip", "link", "add", "eth0", "netns", far, "type", "veth", "peer", "name", "eth0", "netns", near)
        for name, address in ((far, SERVER), (near, CLIENT)):
            run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                run("ip", "-n", name, "link", "set", device, "up")
            run("tc", "-n", name, "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", f"{megabits}mbit", "burst",
                "64kb", "latency", "100ms")
        with open(f"/run/netns/{far}", "rb") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0x40000000) != 0:
                sys.exit(f"{far}: {os.strerror(ctypes.get_errno())}")
        yield ["nsenter", f"--net=/run/netns/{near}"]
    finally:
        for name in (far, near):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


class Relay:
    """Hands on to a port of ours what comes to the link, and back, each byte `delay` seconds later."""

    def __init__(self, port, delay):
        self.target, self.delay = port, delay
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncio.start_server(self.serve, SERVER, 0, limit=CHUNK))
        self.port = self.server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    async def serve(self, reader, writer):
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", self.target, limit=CHUNK)
            await asyncio.gather(self.hand_on(reader, back), self.hand_on(there, writer))

    async def hand_on(self, reader, writer):
        under_way = asyncio.Queue(256)  # more than the link can have brought in the time

        async def write():
            while (item := await under_way.get()) is not None:
                due, data = item
                await asyncio.sleep(due - self.loop.time())
                writer.write(data)
                await writer.drain()

        async def read():
            while data := await reader.read(CHUNK):
                await under_way.put((self.loop.time() + self.delay, data))
            await under_way.put(None)
        with contextlib.suppress(OSError):
            await asyncio.gather(read(), write())
        writer.close()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


class Slow:
    """A gateway at the link's other end."""

    def __init__(self, server, inside, megabits, relay):
        self.server, self.inside, self.megabits = server, inside, megabits
        self.url = f"http://{SERVER}:{relay.port}"
        self.environment = {**server.environment, "AWS_ENDPOINT_URL": self.url,
                            "RCLONE_CONFIG_SERVER_ENDPOINT": self.url}

    def seconds(self, commands):
        return sum(measure([*self.inside, *command], self.environment)[0] for command in commands)

    def empty(self):
        self.server.aws("s3", "rm", "--recursive", "--quiet", deliver.URL)


def time_delivery(slow, folder, work):
    for name, prepare in deliver.deliver_folder(folder, work):
        commands, expected = prepare(slow.server)
        slow.empty()
        yield name, slow.seconds(commands)
        if slow.server.holds() != expected:
            sys.exit(f"{name} leaves other objects than there are")


def time_query(slow, work):
    tools = dict(s3_read.commands(slow.server, work, "", QUERIES[s3_read.QUERY]))
    for name in ("weir", "aws s3 cp, weir", "curl"):
        yield name, slow.seconds(tools[name])
        shutil.rmtree(work / "down", ignore_errors=True)


def compare(slow, what, folder, delay, rounds):
    """Prints the tables of one set: delivered, and then queried."""
    size = sum(deliver.sizes_below(folder).values())
    slow.server.folder, slow.server.url = folder, slow.url  # the latter is curl's
    results = {}
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        work = pathlib.Path(work)
        for turn in range(rounds):
            print(f"{what}, {delay} ms: round {turn + 1} of {rounds}", file=sys.stderr)
            for task, timed in (("deliver", time_delivery(slow, folder, work)), ("query", time_query(slow, work))):
                for name, seconds in timed:
                    results.setdefault((task, name), []).append([seconds])
    for (task, name), rows in results.items():
        seconds, = medians(rows)
        share = size * 8 / seconds / slow.megabits / 1e6
        print(f"| {task} {what}, {size / 1e6:.1f} MB | {2 * delay} ms | {name} | {seconds:.2f} | {share:.0%} |",
              flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megabits", type=int, default=20)
    parser.add_argument("--delay", type=int, default=50, help="milliseconds, each way")
    parser.add_argument("--objects", type=int, default=8, help="of 100,000 records")
    parser.add_argument("--small", type=int, default=200, help="objects of 500 records")
    parser.add_argument("--folder", type=pathlib.Path, default=TREE / "build" / "bench-data")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    large, small = asked.folder / "slow-large", asked.folder / "slow-small"
    generate(large, asked.objects, 100_000, 1)
    generate(small, asked.small, 500, 1)
    print(f"| what, at {asked.megabits} Mbit/s | round trip | tool | wall s | of the link's rate |")
    print("|---|---|---|---|---|")
    with link(asked.megabits) as inside, s3_server.running() as server:
        for delay in (0, asked.delay):
            relay = Relay(server.gateway.port, delay / 1000)
            slow = Slow(server, inside, asked.megabits, relay)
            for what, folder in ((f"{asked.objects} objects", large), (f"{asked.small} objects", small)):
                compare(slow, what, folder, delay, asked.rounds)
            relay.stop()


if __name__ == "__main__":
    main()
