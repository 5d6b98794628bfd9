#!/usr/bin/env python3
"""Measures what the programs of `weir up` cost a packet on a veth, by the kernel's own statistics; as root.

usage: bench/veth.py [--rounds 5] [--packets 300000]

UDP over a link between two network namespaces, recorded at its receiver: one flow, and 262,144 of which a few have most
packets. kernel.bpf_stats_enabled is set meanwhile: the kernel then reads a clock before and after each run, which is
in the figures. Prints nanoseconds a run as a Markdown table, and fails unless the program ran once a packet.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from measuring import TREE

sys.path.append(str(TREE / "tests" / "conformance"))

import network  # noqa: E402

SENDER, RECEIVER = "10.99.0.5", "10.99.0.10"
SETTING = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")
FLOWS = {"one flow": 1, "262,144 flows, log-uniform": 262_144}

# Packets of so many flows, of which the rank is log-uniform: a few have most of them.
SEND = """
import random, socket, sys
target, packets, flows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
out = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(5)]
random.seed(1)
ranks = [int(flows ** random.random()) - 1 for _ in range(packets)]
for rank in ranks:
    out[rank % 5].sendto(b"weir" * 25, (target, 5000 + rank // 5))
"""


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")


@contextlib.contextmanager
def link():
    near, far = f"weir-veth-{os.getpid()}-near", f"weir-veth-{os.getpid()}-far"
    try:
        for name in (near, far):
            run("ip", "netns", "add", name)
            # Its own packets would be counted too.
            run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        run("ip", "link", "add", "eth0", "netns", near, "type", "veth", "peer", "name", "eth0", "netns", far)
        for name, address in ((near, SENDER), (far, RECEIVER)):
            run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")
        # Nobody listens: no answers, which would be packets too.
        run("ip", "netns", "exec", far, "sysctl", "-qw", "net.ipv4.icmp_ratelimit=1000000", "net.ipv4.icmp_ratemask=8")
        yield near, far
    finally:
        for name in (near, far):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


@contextlib.contextmanager
def statistics_on():
    before = SETTING.read_text()
    SETTING.write_text("1")
    try:
        yield
    finally:
        SETTING.write_text(before)


@contextlib.contextmanager
def recording(far, folder):
    # Not for everybody: what such a rule lets in is not tracked.
    rule = {"IpProtocol": "udp", "FromPort": 0, "ToPort": 65535, "IpRanges": [{"CidrIp": "10.99.0.0/24"}]}
    described = network.description(RECEIVER, "10.99.0.0/24", ingress=[rule])
    interface = described["NetworkInterfaces"][0]
    interface["TagSet"] = [{"Key": "weir:device", "Value": "eth0"}, {"Key": "weir:netns", "Value": far}]
    described["Subnets"][0].setdefault("AvailabilityZone", "us-east-1a")
    (folder / "vpc.json").write_text(json.dumps(described))
    (folder / "weir.toml").write_text(
        'vpc = "vpc.json"\n[[flow-log]]\nresource-type = "VPC"\n'
        f'resource-ids = ["{described["Vpcs"][0]["VpcId"]}"]\nlog-destination = "logs"\n'
        "[capacity]\nflows = 262144\n")
    log = folder / "up.log"
    service = subprocess.Popen([TREE / "build" / "weir", "up", "--config", folder / "weir.toml"],
                               stderr=log.open("wb"))
    try:
        end = time.monotonic() + 60
        while " is recorded at " not in log.read_text():
            if service.poll() is not None or time.monotonic() > end:
                sys.exit(f"weir up does not record:\n{log.read_text()}")
            time.sleep(0.05)
        yield service.pid
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait()


def programs(pid):
    """(runs, nanoseconds) of all programs that the service has loaded, by their numbers."""
    found = {}
    for file in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        text = file.read_text()
        if "run_cnt:" in text:  # not a link's
            value = lambda name: int(re.search(rf"^{name}:\s*(\d+)", text, re.M)[1])
            found[value("prog_id")] = (value("run_cnt"), value("run_time_ns"))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--packets", type=int, default=300_000)
    asked = parser.parse_args()
    costs = {}
    with link() as (near, far), tempfile.TemporaryDirectory() as folder, statistics_on(), \
            recording(far, pathlib.Path(folder)) as pid:
        for _ in range(asked.rounds):
            for name, flows in FLOWS.items():
                before = programs(pid)
                run("ip", "netns", "exec", near, sys.executable, "-c", SEND, RECEIVER, str(asked.packets), str(flows))
                after = programs(pid)
                runs = {each: after[each][0] - before[each][0] for each in after}
                busiest = max(runs, key=runs.get)
                if not asked.packets <= runs[busiest] <= asked.packets + 10:  # ARP
                    sys.exit(f"{asked.packets} packets were sent, and the program ran {runs[busiest]} times")
                costs.setdefault(name, []).append((after[busiest][1] - before[busiest][1]) / runs[busiest])
    print("| traffic on a veth | ns | least | most |\n|---|---|---|---|")
    for name, values in costs.items():
        print(f"| {name} | {statistics.median(values):.0f} | {min(values):.0f} | {max(values):.0f} |")


if __name__ == "__main__":
    main()
