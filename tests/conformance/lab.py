"""A real `weir up` that records one interface: two network namespaces, a link between them, and sockets
whose owner counts what they send and receive. What needs root is skipped without it."""

import contextlib
import ctypes
import json
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import threading

import pytest
from network import ALL4, description
from prometheus_client.parser import text_string_to_metric_families
from waiting import SECONDS, until

ETH = "eth0"
INTERFACE, SENDER, RECEIVER = "eni-1235b8ca123456789", "10.99.0.5", "10.99.0.10"  # not AWS's own
OPEN_PORT, CLOSED_PORT = 5000, 5001
RULE = "sgr-0123456789abcdef0"
HEADERS = 28  # IPv4 and UDP


def name_of_our_own(what):
    """Of a network namespace: what a test that was killed left has another one."""
    return f"weir-{what}-{secrets.token_hex(4)}"


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def add_namespaces(*names):
    """Skips the test where it says that they are not permitted."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    for name in names:
        status, said = run("ip", "netns", "add", name)
        if "not permitted" in said:
            pytest.skip(f"network namespaces are not permitted: {said.strip()}")
        assert status == 0, said


def wait_until_recording(service, said, is_recording):
    """Until `weir up` records; skips the test where it says that it is not permitted to."""
    until(lambda: is_recording() or service.poll() is not None, "weir up to record")
    if service.poll() is not None:
        if "not permitted" in said():
            pytest.skip(said().strip())
        raise AssertionError(said())


def connected(path):
    """A connection to a socket, however long its path is."""
    folder = os.open(path.parent, os.O_PATH)
    try:
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(SECONDS)
        made.connect(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
    return made


def ask(path, page):
    """What a service answers at its socket, to a client of our own."""
    with connected(path) as connection:
        connection.sendall(f"GET {page} HTTP/1.0\r\n\r\n".encode())
        with connection.makefile("rb") as answer:
            status, _, body = answer.read().partition(b"\r\n\r\n")
    assert b" 200 " in status.splitlines()[0], status
    return body.decode()


def samples(metrics):
    """{(name, labels): value} of Prometheus's text; each stands there once."""
    values = {}
    for family in text_string_to_metric_families(metrics):
        assert family.documentation and family.type in ("counter", "gauge", "histogram"), family.name
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in values, f"{key} twice"
            values[key] = sample.value
            assert sample.name.endswith("_total") == (family.type == "counter"), sample.name
    return values


def in_namespace(name, make):
    """What `make` returns in a network namespace: a socket stays where it was made."""
    made = []

    def enter():
        with open(f"/run/netns/{name}", "rb") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0x40000000) == 0:
                made.append(make())
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert made, f"entering {name}"
    return made[0]


class Lab:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.sender, self.receiver = name_of_our_own("sender"), name_of_our_own("receiver")
        self.sockets, self.service = [], None

    def make_network(self):
        add_namespaces(self.sender, self.receiver)
        steps = [f"link add {ETH} netns {self.sender} type veth peer name {ETH} netns {self.receiver}"]
        for name, address in ((self.sender, SENDER), (self.receiver, RECEIVER)):
            steps += [f"-n {name} link set lo up", f"-n {name} addr add {address}/24 dev {ETH}",
                      f"-n {name} link set {ETH} up"]
        for step in steps:
            status, said = run("ip", *step.split())
            assert status == 0, f"ip {step}: {said}"

    def write_config(self, mode="observe", more=""):
        network = description(RECEIVER, "10.99.0.0/24", more=[("eni-0c0000000000000ff", "10.99.0.9")])
        group = network["SecurityGroups"][0]
        del group["IpPermissions"]
        rule = {"GroupId": "sg-1", "SecurityGroupRuleId": RULE, "IsEgress": False, "IpProtocol": "udp",
                "FromPort": OPEN_PORT, "ToPort": OPEN_PORT, "CidrIpv4": f"{SENDER}/32"}
        out = {"GroupId": "sg-1", "SecurityGroupRuleId": "sgr-0fedcba9876543210", "IsEgress": True,
               "IpProtocol": "-1", "CidrIpv4": ALL4["CidrIp"]}
        del group["IpPermissionsEgress"]
        network["SecurityGroupRules"] = [rule, out]
        tags = [[("weir:device", ETH), ("weir:netns", self.receiver), ("Name", "web")],
                [("weir:device", "weir-absent")]]
        for interface, own in zip(network["NetworkInterfaces"], tags):
            interface["TagSet"] = [{"Key": key, "Value": value} for key, value in own]
        (self.folder / "vpc.json").write_text(json.dumps(network))
        self.config = self.folder / "weir.toml"
        self.config.write_text(
            f'vpc = "vpc.json"\npublish-interval = 1\n{more}\n[[interface]]\nnetwork-interface-id = "{INTERFACE}"\n'
            f'mode = "{mode}"\n[[flow-log]]\nresource-type = "NetworkInterface"\n'
            f'resource-ids = ["{INTERFACE}"]\nmax-aggregation-interval = 60\nlog-destination = "logs"\n')
        self.socket = self.folder / "weir.sock"

    def begin(self):
        self.log = open(self.folder / "up.log", "a+", encoding="utf-8")
        self.service = subprocess.Popen([self.program, "up", "--config", self.config], stderr=self.log)

    def wait_until_recorded(self):
        mark = f"{INTERFACE} is recorded"
        wait_until_recording(self.service, self.said, lambda: mark in self.said())

    def start(self):
        self.begin()
        self.wait_until_recorded()
        return self

    def said(self):
        return (self.folder / "up.log").read_text()

    @contextlib.contextmanager
    def paused(self):
        """The service does nothing meanwhile: its next drain has all that is sent."""
        stat = pathlib.Path(f"/proc/{self.service.pid}/stat")
        self.service.send_signal(signal.SIGSTOP)
        try:
            until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "the service to pause")
            yield
        finally:
            self.service.send_signal(signal.SIGCONT)

    def stop(self, number=signal.SIGTERM):
        if self.service is None:
            return None
        self.service.send_signal(number)
        try:
            return self.service.wait(timeout=SECONDS)
        finally:
            self.service = None

    def listen(self, port):
        def make():
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            made.bind((RECEIVER, port))
            return made
        self.sockets.append(in_namespace(self.receiver, make))
        return self.sockets[-1]

    def send(self, port, count, size=100, source=0):
        """Sends datagrams of this size from one socket; returns its port."""
        def make():
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.bind((SENDER, source))
            return made
        self.sockets.append(in_namespace(self.sender, make))
        for _ in range(count):
            self.sockets[-1].sendto(bytes(size), (RECEIVER, port))
        return self.sockets[-1].getsockname()[1]

    def scan(self, count):
        """A datagram to each of so many closed ports: so many refused flows."""
        def make():
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.bind((SENDER, 0))
            return made
        with in_namespace(self.sender, make) as scanner:
            for port in range(10_000, 10_000 + count):
                scanner.sendto(b"weir", (RECEIVER, port))

    def close(self):
        if self.service is not None:
            self.service.kill()
            self.service.wait()
        for one in self.sockets:
            one.close()
        for name in (self.sender, self.receiver):
            run("ip", "netns", "del", name)


@contextlib.contextmanager
def prepared_lab(program, folder, **settings):
    """One whose `weir up` has not begun."""
    lab = Lab(program, folder)
    try:
        lab.make_network()
        lab.write_config(**settings)
        yield lab
    finally:
        lab.close()


@contextlib.contextmanager
def running_lab(program, folder, **settings):
    with prepared_lab(program, folder, **settings) as lab:
        yield lab.start()
