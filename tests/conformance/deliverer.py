"""A real `weir up` that delivers what waits in its spool, and has nothing to record: the device of its one interface
is not there, which is SKIPDATA."""

import json
import os
import subprocess

import network
import pytest
from scripted import CLEAN

ADDRESS = "10.0.0.10"


def capture_of_windows(folder, windows, first=0):
    """A packet in each of so many windows, which are objects of their own; the options that name it."""
    packets = [(1_700_000_000 + 600 * window, network.packet("198.51.100.1", ADDRESS, network.TCP, 60, 1024, 443,
                                                            network.SYN)) for window in range(first, first + windows)]
    described = network.description(ADDRESS, "10.0.0.0/16", ingress=[network.permission("tcp", (443, 443))])
    return network.write(folder, packets, described)


class Deliverer:
    def __init__(self, program, folder, environment):
        if os.geteuid() != 0:
            pytest.skip("the kernel's part of `weir up` needs root")
        self.program, self.folder, self.environment = program, folder, environment
        self.process, self.log = None, folder / "up.log"
        described = network.description(ADDRESS, "10.0.0.0/16")
        described["NetworkInterfaces"][0]["TagSet"] = [{"Key": "weir:device", "Value": "weir-absent"}]
        (folder / "up.json").write_text(json.dumps(described))
        (folder / "weir.toml").write_text(
            'vpc = "up.json"\npublish-interval = 1\n[spool]\nfolder = "spool"\nretry-interval = 1\n'
            f'[[flow-log]]\nresource-type = "VPC"\nresource-ids = ["{described["Vpcs"][0]["VpcId"]}"]\n'
            'log-destination = "s3://logs"\n[flow-log.remote]\nattach-bucket-policy = false\n')

    def start(self, **how):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, "up", "--config", self.folder / "weir.toml"], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=log, env={**CLEAN, **self.environment, "AWS_MAX_ATTEMPTS": "1"}, **how)

    def is_alive(self):
        """For who waits for what it does."""
        if self.process.poll() is not None:
            if "not permitted" in self.said():
                pytest.skip(self.said().strip())
            raise AssertionError(self.said())
        return True

    def kill(self):
        self.process.kill()
        self.process.wait()

    def said(self):
        return self.log.read_text()

    def spool(self):
        """The folder of its flow log, once it is there."""
        return next((self.folder / "spool").glob("fl-*"), None)

    def waiting(self):
        """The files of segments."""
        return list((self.folder / "spool").glob("fl-*/*.segment"))


def key_of(segment):
    """Where its object will be, in the bucket "logs"."""
    *_, described, _, _ = segment.read_bytes().split(b"\n")
    return "/logs/" + json.loads(described)["key"]
