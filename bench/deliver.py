#!/usr/bin/env python3
"""Measures delivery to S3 beside `aws s3 cp` and rclone: the same objects, the same server, one run, in turn.

usage: bench/deliver.py [--rounds 5] [--objects 182] [--records 100000] [--small 2000] [--packets 5000000]
                        [--folder FOLDER]

Prints, for large objects (2 GB of records, packed), small ones, and a capture that is recorded and delivered, seconds,
throughput, peak memory and ratios as a Markdown table. Each turn has a gateway of its own, which is empty; it must hold
the same objects afterwards. Weir's objects wait in its spool, as they do when a server comes back. `curl` puts the
files over sixteen connections, nothing signed and no checksum made; signed, the server checks that the bytes are those
that were signed, as it does for the others: these are its limits.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

import s3_server
from measuring import TREE, measure, medians
from query import generate

BUILD = TREE / "build"
URL = f"s3://{s3_server.BUCKET}"


def sizes_below(folder):
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def copy_by_aws(folder):
    return [s3_server.PEERS / "aws", "s3", "cp", "--recursive", "--only-show-errors", folder, URL]


def copy_by_rclone(folder):
    return ["rclone", "copy", folder, f"server:{s3_server.BUCKET}"]


def peers():
    yield "aws s3 cp", copy_by_aws
    if shutil.which("rclone"):
        yield "rclone copy", copy_by_rclone
    else:
        print("rclone is not there: left out", file=sys.stderr)


def take_turn(prepare):
    """What the commands take together at a gateway of their own, and the gateway meanwhile; and what it holds then."""
    with s3_server.running() as server:
        commands, expected = prepare(server)
        before = server.cpu()
        taken = [measure(command, server.environment)[:3] for command in commands]
        cpu_of_server = server.cpu() - before
        there = server.holds()
        if there != expected:
            sys.exit(f"{commands[-1]} leaves {len(there)} objects, and they are not the {len(expected)} there are")
    seconds, cpu, memory = zip(*taken)
    return (sum(seconds), sum(cpu), max(memory), cpu_of_server), expected


def deliver_folder(folder, work):
    """Weir's turn and its peers', each anew: what is to be run for a server, and what it then has to hold."""
    expected = sizes_below(folder)

    def by_weir(_server):
        spool = work / "spool"
        shutil.rmtree(spool, ignore_errors=True)
        subprocess.run([BUILD / "deliver_folder", "seal", folder, spool], check=True)
        return [[BUILD / "deliver_folder", "deliver", spool, URL]], expected

    def by_curl(server):
        files = {key: f'upload-file = "{folder / key}"' for key in expected}
        return [server.curl("s3:PutObject", work, files)], expected

    yield "weir", by_weir
    yield "curl", by_curl
    yield "curl, signed", lambda server: ([server.signed_curl(work, folder, expected)], expected)
    for name, copy in peers():
        yield name, lambda _server, copy=copy: ([copy(folder)], expected)


def record_and_deliver(capture, work):
    # With windows of a minute its packets make five times as many records.
    record = [BUILD / "weir", "record", "--read", capture, "--vpc", capture.parent / "vpc.json",
              "--max-aggregation-interval", "60", "--log-destination"]
    subprocess.run([*record, work / "expected"], check=True, capture_output=True)
    expected = sizes_below(work / "expected")

    def into(folder):
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    yield "weir record", lambda _server: ([[*record, URL]], expected)
    for name, copy in peers():
        yield f"weir record to a folder, {name}", lambda _server, copy=copy: (
            [[*record, into(work / "records")], copy(work / "records")], expected)


def compare(what, tools, rounds):
    """Prints the table of one set. The first tool is Weir."""
    tools = dict(tools)
    results, size = {}, 0
    for turn in range(rounds):
        for name, prepare in tools.items():
            print(f"{what}: round {turn + 1} of {rounds}: {name}", file=sys.stderr)
            taken, expected = take_turn(prepare)
            size = sum(expected.values()) / 1e6
            results.setdefault(name, []).append(taken)
    median = {name: medians(figures) for name, figures in results.items()}
    first, first_cpu, *_ = next(iter(median.values()))
    for name, (seconds, cpu, memory, cpu_of_server) in median.items():
        print(f"| {what}, {size:.0f} MB | {name} | {seconds:.2f} | {size / seconds:.0f} | {cpu:.2f} | "
              f"{cpu_of_server:.2f} | {memory:.0f} | {seconds / first:.2f} | {cpu / first_cpu:.1f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--objects", type=int, default=182)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--small", type=int, default=2000, help="objects of 500 records")
    parser.add_argument("--packets", type=int, default=5_000_000)
    parser.add_argument("--folder", type=pathlib.Path, default=BUILD / "bench-data")
    asked = parser.parse_args()
    large, small, capture = asked.folder / "objects", asked.folder / "small", asked.folder / "deliver"
    capture.mkdir(parents=True, exist_ok=True)
    generate(large, asked.objects, asked.records, 1)
    generate(small, asked.small, 500, 30)
    subprocess.run([BUILD / "generate_capture", capture, str(asked.packets), "524288"], check=True)
    print("| objects | tool | wall s | MB/s | CPU s | server's CPU s | peak MB | times weir's wall | times weir's CPU |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=asked.folder) as work:
        work = pathlib.Path(work)
        compare(f"{asked.objects} objects", deliver_folder(large, work), asked.rounds)
        compare(f"{asked.small} objects", deliver_folder(small, work), asked.rounds)
        compare("a capture", record_and_deliver(capture / "capture.pcap", work), asked.rounds)


if __name__ == "__main__":
    main()
