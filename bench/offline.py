#!/usr/bin/env python3
"""Measures `weir record --read` beside nfpcapd and softflowd: one generated capture, one run, in turn.

usage: bench/offline.py [--rounds 5] [--packets 5000000] [--flows 524288] [--folder FOLDER]

Prints packets per second, peak memory and the ratios as a Markdown table. Weir judges every packet by
security groups and network ACLs and writes gzip objects; the peers only count flows. softflowd sends its
flows to a socket of this script on loopback.
"""

import argparse
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

from measuring import TREE, measure, medians, read_into_page_cache


def run_weir(capture, work, program):
    seconds, cpu, memory, output = measure(
        [program, "record", "--read", capture, "--vpc", capture.parent / "vpc.json", "--log-destination", work])
    return seconds, cpu, memory, int(re.search(r"(\d+) recorded", output)[1])


def run_nfpcapd(capture, work, _):
    seconds, cpu, memory, _ = measure(["nfpcapd", "-r", capture, "-w", work])
    info = subprocess.run(["nfdump", "-R", work, "-I"], capture_output=True, text=True, check=True).stdout
    return seconds, cpu, memory, int(re.search(r"^Packets: (\d+)", info, re.M)[1])


def run_softflowd(capture, _, __):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        sink.settimeout(0.2)
        is_over = threading.Event()

        def drain():
            while not is_over.is_set():
                try:
                    sink.recv(65536)
                except TimeoutError:
                    pass

        reader = threading.Thread(target=drain)
        reader.start()
        try:
            port = sink.getsockname()[1]
            seconds, cpu, memory, output = measure(
                ["softflowd", "-d", "-r", capture, "-m", "1000000", "-v", "9", "-n", f"127.0.0.1:{port}"])
        finally:
            is_over.set()
            reader.join()
    return seconds, cpu, memory, int(re.search(r"Packets processed: (\d+)", output)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--packets", type=int, default=5_000_000)
    parser.add_argument("--flows", type=int, default=524_288)
    parser.add_argument("--folder", type=pathlib.Path, default=TREE / "build" / "bench-data")
    asked = parser.parse_args()
    tools = {"weir": (run_weir, TREE / "build" / "weir"), "nfpcapd": (run_nfpcapd, shutil.which("nfpcapd")),
             "softflowd": (run_softflowd, shutil.which("softflowd"))}
    asked.folder.mkdir(parents=True, exist_ok=True)
    capture = asked.folder / "capture.pcap"
    print(f"generating {asked.packets} packets of {asked.flows} flows in {asked.folder}", file=sys.stderr)
    subprocess.run([TREE / "build" / "generate_capture", asked.folder, str(asked.packets), str(asked.flows)], check=True)
    read_into_page_cache(capture)
    results = {}
    for name, (_, program) in list(tools.items()):
        if program is None or not pathlib.Path(program).exists():
            print(f"{name} is not there: left out", file=sys.stderr)
            del tools[name]
    for turn in range(asked.rounds):
        for name, (run, program) in tools.items():
            print(f"round {turn + 1} of {asked.rounds}: {name}", file=sys.stderr)
            with tempfile.TemporaryDirectory(dir=asked.folder) as work:
                results.setdefault(name, []).append(run(capture, work, program))
    median = {name: medians(rounds) for name, rounds in results.items()}
    print("| tool | wall s | CPU s | Mpackets/s | peak MB | packets recorded | weir is faster by |")
    print("|---|---|---|---|---|---|---|")
    for name, (seconds, cpu, memory, packets) in median.items():
        ratio = f"{seconds / median['weir'][0]:.1f}" if "weir" in median else "-"
        print(f"| {name} | {seconds:.2f} | {cpu:.2f} | {asked.packets / seconds / 1e6:.2f} | {memory:.0f} | "
              f"{packets:.0f} | {ratio} |")


if __name__ == "__main__":
    main()
