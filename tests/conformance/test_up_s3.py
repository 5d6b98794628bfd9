"""`weir up` delivers to S3 through its spool: real packets on a device of a network namespace, a server
that fails as it is told, weir killed at any moment. Each packet has a number, and ports of its own, so that
each record can be told: it is in the bucket once, or its window has SKIPDATA."""

import collections
import datetime
import gzip
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import boto3
import pytest

import network
import scripted_s3
from accounting import account
from lab import add_namespaces, ask, in_namespace, name_of_our_own, run, samples, wait_until_recording
from scripted import CLEAN
from waiting import SECONDS, until

ENI, ADDRESS = "eni-1235b8ca123456789", "10.99.1.10"
FIELDS = "${srcport} ${dstport} ${packets} ${bytes} ${dstaddr} ${start} ${end} ${log-status}"
SOURCE_PORTS = 60_000
SEALED = re.compile(r"weir: s3://logs/net/(\S+) \((\d+) records, \d+ bytes\) is kept for delivery")
GIVEN_UP = re.compile(r" with (\d+) records is given up")
SLOW = 4_000  # bits a second
SEED = int(os.environ.get("WEIR_SEED", "20261125"))

# Sends packets of these numbers, in a network namespace; says when each batch is done.
SENDER = """
import socket, struct, sys
out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
source = socket.inet_aton(sys.argv[1])
for line in sys.stdin:
    first, count = map(int, line.split())
    for number in range(first, first + count):
        target = struct.pack(">BBH", 10, 99, 0x0202 + (number * 40503 >> 3) % 60000)
        length = 28 + number * 7919 % 900
        header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, length, 1, 0, 64, 17, 0, source, target)
        udp = struct.pack(">HHHH", 1000 + number % 60000, 9 + number // 60000, length - 20, 0)
        out.sendto(header + udp + bytes(length - 28), (socket.inet_ntoa(target), 0))
    print("done", flush=True)
"""


class Host:
    """A network namespace with one device, and who sends there. What it sends ends in another one."""

    def __init__(self):
        self.name, self.far = name_of_our_own("spool"), name_of_our_own("spool-far")
        self.sent = {}  # when each number was sent the last time: before and after
        try:
            add_namespaces(self.name, self.far)
            steps = [f"ip link add eth0 netns {self.name} type veth peer name eth0 netns {self.far}"]
            for each in (self.name, self.far):
                steps += [f"ip netns exec {each} sysctl -qw net.ipv6.conf.all.disable_ipv6=1",
                          f"ip -n {each} link set eth0 up arp off"]
            steps.append(f"ip -n {self.name} addr add {ADDRESS}/16 dev eth0")
            for step in steps:
                status, said = run(*step.split())
                assert status == 0, f"{step}: {said}"
            self.sender = subprocess.Popen(
                ["ip", "netns", "exec", self.name, sys.executable, "-c", SENDER, ADDRESS], text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        except BaseException:
            self.remove()
            raise

    def send(self, first, count):
        before = time.time()
        self.sender.stdin.write(f"{first} {count}\n")
        self.sender.stdin.flush()
        assert self.sender.stdout.readline() == "done\n"
        self.sent.update(dict.fromkeys(range(first, first + count), (before, time.time())))

    def remove(self):
        if hasattr(self, "sender"):
            self.sender.kill()
            self.sender.wait()
        for each in (self.name, self.far):
            subprocess.run(["ip", "netns", "del", each], check=False, capture_output=True)


@pytest.fixture(scope="module")
def host():
    made = Host()
    yield made
    made.remove()


class Up:
    """`weir up`, started as often as it takes, with all that it said."""

    def __init__(self, program, host, folder, environment, *more, spool="", destination="s3://logs/net"):
        self.program, self.folder, self.environment = program, folder, environment
        self.process, self.log = None, folder / "up.log"
        self.inside = []  # what runs it elsewhere
        described = network.description(ADDRESS, "10.99.0.0/16")
        described["NetworkInterfaces"][0]["TagSet"] = [
            {"Key": "weir:device", "Value": "eth0"}, {"Key": "weir:netns", "Value": host.name}]
        described["Subnets"][0].setdefault("AvailabilityZone", "us-east-1a")
        (folder / "vpc.json").write_text(json.dumps(described))
        vpc = described["Vpcs"][0]["VpcId"]
        text = f'vpc = "vpc.json"\npublish-interval = 1\n[spool]\nfolder = "spool"\n{spool}\n'
        for each in (destination, *more):
            text += (f'[[flow-log]]\nresource-type = "VPC"\nresource-ids = ["{vpc}"]\n'
                     f'max-aggregation-interval = 60\nlog-format = "{FIELDS}"\n'
                     f'log-destination = "{each}"\n')
        (folder / "weir.toml").write_text(text)

    def start(self):
        before = self.said().count(" is recorded at ")
        self.process = subprocess.Popen(
            [*self.inside, self.program, "up", "--config", self.folder / "weir.toml"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=self.log.open("ab"),
            env={**CLEAN, **self.environment, "AWS_MAX_ATTEMPTS": "1"})
        wait_until_recording(self.process, self.said,
                             lambda: self.said().count(" is recorded at ") > before)

    def goes_on_for(self, seconds):
        """It does not end by itself in that time."""
        with pytest.raises(subprocess.TimeoutExpired):
            self.process.wait(seconds)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.said()

    def said(self):
        return self.log.read_text() if self.log.exists() else ""

    def sealed(self):
        """Records by key, as weir said when they were on disk."""
        return {key: int(records) for key, records in SEALED.findall(self.said())}

    def waiting(self):
        return len(list((self.folder / "spool").rglob("*.segment")))


@pytest.fixture
def up(program, host, tmp_path):
    made = []

    def make(*arguments, **how):
        made.append(Up(program, host, tmp_path, *arguments, **how))
        return made[-1]

    yield make
    for each in made:
        if each.process is not None and each.process.poll() is None:
            each.kill()


def lines_of(objects):
    """(key, fields) of every record."""
    for key, body in list(objects.items()):
        if str(key).endswith("/WeirDeliveryTestFile"):
            continue  # of a probe whose answer was lost
        header, *lines = gzip.decompress(body).decode().splitlines()
        assert header == FIELDS.replace("${", "").replace("}", "")
        for line in lines:
            yield key, line.split()


def recorded(objects):
    """How often each packet was recorded, by its number."""
    counts = collections.Counter()
    for _, (port, dport, packets, *_, status) in lines_of(objects):
        if status == "OK":
            counts[(int(dport) - 9) * SOURCE_PORTS + int(port) - 1000] += int(packets)
    return counts


def missing(host, end, objects):
    """How many of the packets up to this number are in no record. Each of them lies in a window that has SKIPDATA, and
    the others are recorded once."""
    spans = [tuple(map(int, fields[-3:-1])) for _, fields in lines_of(objects) if fields[-1] == "SKIPDATA"]
    wrong, count = account({number: host.sent[number] for number in range(end)}, recorded(objects), spans)
    assert not wrong, "\n".join(wrong[:10])
    return count


def keys_of(objects):
    return {key.removeprefix("/logs/net/") for key, _ in lines_of(objects)}


def send_for(host, seconds, number):
    """A hundred packets every fifth of a second; the first number that is free after it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        host.send(number, 100)
        number += 100
        time.sleep(0.2)
    return number


@pytest.mark.parametrize("plan", [
    [500, 503, 500], ["reset", "half", "lost", "reset", "lost"], [403, 403], [404, "lost", 403, "half"],
    ["lost"] * 6], ids=str)
def test_each_record_arrives_once_whatever_the_server_does(host, up, serve, plan):
    server = serve(*plan)
    weir = up(server.environment(), spool="retry-interval = 1")
    weir.start()
    end = send_for(host, 4, 0)
    until(lambda: not server.plan and weir.waiting() == 0)  # at its end it waits for nothing that has just failed
    weir.end()
    assert weir.waiting() == 0, weir.said()
    assert recorded(server.objects) == {number: 1 for number in range(end)}
    assert keys_of(server.objects) == set(weir.sealed())
    assert not server.refused
    if 403 in plan or 404 in plan:
        assert "s3://logs/net: Access error: " in weir.said()
        assert "s3://logs/net: delivery works again" in weir.said()
    assert scripted_s3.SECRET not in weir.said()


def test_status_and_metrics_tell_of_a_refusal_and_of_what_waits(host, up, serve, weir, tmp_path):
    """Compared with the files of the spool, and with the records that the bucket has at last."""
    server = serve(*[403] * 1000)
    running = up(server.environment(), spool="retry-interval = 1")
    running.start()
    send_for(host, 3, 0)
    config = tmp_path / "weir.toml"

    def flow_log():
        return json.loads(weir("status", "--config", config, "--output", "json").stdout)["FlowLogs"][0]

    def spool():
        return [path.stat().st_size for path in (tmp_path / "spool").rglob("*.segment")]

    def waiting():
        told = flow_log()["Delivery"]
        return told["Waiting"], told["WaitingBytes"]

    until(lambda: flow_log()["DeliverLogsStatus"] == "FAILED" and len(spool()) >= 2)
    until(lambda: waiting() == (len(spool()), sum(spool())))
    told = flow_log()
    assert told["DeliverLogsErrorMessage"].startswith("Access error: s3://logs/net")
    assert told["Delivery"]["LastError"] == told["DeliverLogsErrorMessage"]
    assert told["Delivery"]["Delivered"] == 0 < told["Delivery"]["Failures"]
    said = weir("status", "--config", config).stdout
    assert f"FAILED: {told['DeliverLogsErrorMessage']}" in said and told["Delivery"]["WaitingSince"] in said
    labels = {"flow_log_id": told["FlowLogId"], "log_destination": "s3://logs/net"}
    metrics = samples(ask(tmp_path / "weir.sock", "/metrics"))
    assert metrics["weir_delivery_failing", frozenset(labels.items())] == 1
    assert metrics["weir_spool_segments", frozenset(labels.items())] >= 2

    server.plan.clear()
    until(lambda: waiting() == (0, 0))
    assert flow_log()["DeliverLogsStatus"] == "SUCCESS"
    assert flow_log()["Delivery"]["LastError"].startswith("Access error: ")
    until(lambda: flow_log()["Delivery"]["Delivered"] == len(keys_of(server.objects)))
    first = min(int(start) for _, (*_, start, _, _) in lines_of(server.objects))
    since = datetime.datetime.fromisoformat(told["Delivery"]["WaitingSince"].replace("Z", "+00:00"))
    assert since.timestamp() == first - first % 60
    running.end()


def test_the_journal_learns_how_much_a_line_matters_and_no_server_forges_one(host, up, serve, tmp_path):
    """What journald makes of each line is read as sd-daemon(3) says."""
    server = serve(*[403] * 1000)
    server.words = "gone\n&lt;0&gt;forged\n" + "&lt;0&gt;" * 30_000
    log = tmp_path / "up.log"
    log.touch()
    stream = f"{log.stat().st_dev}:{log.stat().st_ino}"
    running = up({**server.environment(), "JOURNAL_STREAM": stream}, spool="retry-interval = 1")
    running.start()
    send_for(host, 1, 0)
    until(lambda: "Access error" in running.said())
    server.plan.clear()
    until(lambda: "delivery works again" in running.said() and running.waiting() == 0)
    running.end()
    lines = log.read_bytes().splitlines()
    # A line longer than journald's LineMax would be several.
    assert all(re.match(rb"<[346]>", line) and len(line) < 48 * 1024 for line in lines)

    def priority_of(words):
        found = [line for line in lines if words in line]
        assert found, words
        return {line[:3] for line in found}

    assert priority_of(b"Access error: ") == {b"<4>"}
    for words in (b"is recorded at", b"is kept for delivery", b"delivery works again", b" packets seen: "):
        assert priority_of(words) == {b"<6>"}
    assert priority_of(b"forged") == {b"<4>"}


def test_a_server_that_is_not_there_at_the_start_and_goes_again(host, up, serve):
    """No network is no reason not to record, and outages are told once each."""
    server = serve()
    port, objects = server.server_port, server.objects
    server.stop()
    weir = up(server.environment(), spool="retry-interval = 1")
    weir.start()
    end = send_for(host, 3, 0)
    until(lambda: weir.waiting() >= 2)
    assert not objects
    for _ in range(2):
        server = serve(port=port, objects=objects)
        until(lambda: weir.waiting() == 0)
        end = send_for(host, 1, end)
        # What is cut off in the middle of a request fails otherwise than the next, and that is told, too.
        until(lambda: len(recorded(objects)) == end and weir.waiting() == 0)
        server.stop()
        end = send_for(host, 2, end)
    serve(port=port, objects=objects)
    until(lambda: weir.said().count("delivery works again") == 3)
    weir.end()
    assert recorded(objects) == {number: 1 for number in range(end)}
    assert weir.said().count("Unknown error") == 3
    assert weir.said().count("a resource-based policy was created and attached") >= 1


def test_kill_at_any_moment_loses_nothing_that_was_sealed(host, up, serve):
    """Between the kills the server fails at random too."""
    chosen = random.Random(SEED)
    kills = int(os.environ.get("WEIR_KILLS", "8"))
    faults = ["ok", "ok", "ok", 500, 503, "reset", "half", "lost", "lost", 403]
    server = serve(*chosen.choices(faults, k=kills * 3))
    weir = up(server.environment(), spool="retry-interval = 1")
    end = 0
    for _ in range(kills):
        weir.start()
        end = send_for(host, chosen.uniform(0.2, 2.5), end)
        weir.goes_on_for(chosen.uniform(0, 0.3))
        weir.kill()
    with server.lock:
        server.plan.clear()
    weir.start()
    last = end
    end = send_for(host, 1, end)
    until(lambda: weir.waiting() == 0)
    weir.end()
    assert weir.waiting() == 0
    unsealed = missing(host, end, server.objects)
    there = {key.removeprefix("/logs/net/"): body for key, body in server.objects.items()}
    assert not set(weir.sealed()) - set(there), "sealed, and not delivered"
    # One that is there and of which nobody heard was sealed just before a kill.
    assert len(set(there) - set(weir.sealed())) <= kills
    for key, records in weir.sealed().items():
        assert len(list(lines_of({key: there[key]}))) == records
    assert set(range(last, end)) <= set(recorded(server.objects))
    print(f"{kills} kills, {len(there)} objects: of {end} packets {end - unsealed} are in records, {unsealed} in SKIPDATA")


def test_ceph_takes_what_is_sealed_once_over_kills(host, up, server):
    """A real server: what is there is read by boto3."""
    s3 = boto3.client("s3", endpoint_url=server.url, region_name="us-east-1",
                      aws_access_key_id="AKIDowner", aws_secret_access_key="SECRETOFowner")
    s3.create_bucket(Bucket="logs")
    weir = up(server.environment("owner"), spool="retry-interval = 1")
    end = 0
    for _ in range(3):
        weir.start()
        end = send_for(host, 1.5, end)
        weir.kill()
    weir.start()
    last = end
    end = send_for(host, 2, end)
    until(lambda: weir.waiting() == 0)
    weir.end()
    assert weir.waiting() == 0, weir.said()
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="logs")
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    there = {f"/logs/{key}": s3.get_object(Bucket="logs", Key=key)["Body"].read() for key in keys}
    unsealed = missing(host, end, there)
    assert set(weir.sealed()) <= keys_of(there)
    assert set(range(last, end)) <= set(recorded(there))
    print(f"3 kills, {len(there)} objects: of {end} packets {end - unsealed} are in records, {unsealed} in SKIPDATA")


def test_a_destination_that_hangs_holds_up_neither_another_nor_the_recording(host, up, serve, tmp_path):
    server = serve(*["hang"] * 8)
    weir = up(server.environment(), "logs")
    weir.start()
    end = send_for(host, 3, 0)
    folder = tmp_path / "logs"

    def written():
        return {path: path.read_bytes() for path in folder.rglob("*.log.gz")}

    until(lambda: recorded(written()) == {number: 1 for number in range(end)}, seconds=30)
    late = time.time() - host.sent[end - 1][1]
    assert not server.objects
    asked = [path for command, path in server.requests if command == "PUT" and "?" not in path]
    assert len(asked) == len(set(asked)), "what hangs has hung all the time"
    server.hangs.set()
    until(lambda: weir.waiting() == 0)
    weir.end()
    assert recorded(server.objects) == recorded(written())
    print(f"{end} packets each in the folder {late:.1f} s after the last, and in the bucket later; uploads that hung: {len(asked)}")


@pytest.fixture
def slow_link():
    """A network namespace whose loopback brings so many bits."""
    name = name_of_our_own("slow")
    add_namespaces(name)
    for step in (f"ip -n {name} link set lo up",
                 f"tc -n {name} qdisc add dev lo root tbf rate {SLOW}bit burst 4kb latency 400ms"):
        status, said = run(*step.split())
        assert status == 0, f"{step}: {said}"
    yield name
    run("ip", "netns", "del", name)


def test_a_slow_link_holds_up_neither_another_destination_nor_the_recording(host, up, serve, slow_link, tmp_path):
    server = in_namespace(slow_link, serve)
    weir = up(server.environment(), "logs")
    weir.inside = ["nsenter", f"--net=/run/netns/{slow_link}"]
    weir.start()
    end = 8_000
    host.send(0, end)
    folder = tmp_path / "logs"

    def written():
        return {path: path.read_bytes() for path in folder.rglob("*.log.gz")}

    until(lambda: sum(recorded(written()).values()) >= end)
    assert sum(map(len, written().values())) * 8 > SLOW * SECONDS, "the link takes longer than until waits"
    assert sum(recorded(dict(server.objects)).values()) < end
    assert weir.waiting() > 0
    status, said = run("tc", "-n", slow_link, "qdisc", "del", "dev", "lo", "root")
    assert status == 0, said
    until(lambda: weir.waiting() == 0)
    weir.end()
    assert recorded(written()) == {number: 1 for number in range(end)}
    assert recorded(server.objects) == recorded(written())


def test_what_finds_no_room_becomes_skipdata(host, up, serve):
    """A megabyte is too little for an outage; each record is there, or was given up and counted."""
    server = serve()
    port, objects = server.server_port, server.objects
    server.stop()
    weir = up(server.environment(), spool="max-megabytes = 1\nretry-interval = 1")
    weir.start()
    end = 0
    while "is given up" not in weir.said():
        assert end < 500_000, "a megabyte was never reached"
        host.send(end, 5_000)
        end += 5_000
        time.sleep(0.3)
    until(lambda: packets_sealed(weir) >= end)
    serve(port=port, objects=objects)
    until(lambda: "SKIPDATA" in statuses(objects), seconds=400)
    until(lambda: weir.waiting() == 0)
    weir.end()
    gone = missing(host, end, objects)
    given_up = sum(map(int, GIVEN_UP.findall(weir.said())))
    made = int(re.search(r"; (\d+) records in \d+ objects", weir.said())[1])
    assert len(list(lines_of(objects))) + given_up == made
    # A window that began before the first packet may have had NODATA.
    assert 0 <= given_up - gone <= 1
    assert given_up > 1
    print(f"{end} packets: {end - gone} records there, {given_up} given up and in SKIPDATA")


def test_nothing_is_lost_while_the_spools_disk_is_full(host, up, serve, tmp_path):
    """A disk of its own, which somebody else fills to the last byte, and frees again."""
    server = serve()
    spool, filled = tmp_path / "spool", tmp_path / "spool" / "others"
    spool.mkdir()
    status, said = run("mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(spool))
    assert status == 0, said
    try:
        weir = up(server.environment(), spool="retry-interval = 1")
        weir.start()
        end = send_for(host, 1, 0)
        until(lambda: server.objects and weir.waiting() == 0)
        with pytest.raises(OSError), filled.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 20))
        end = send_for(host, 2, end)
        until(lambda: "records wait in memory" in weir.said())
        kept = len(weir.sealed())
        end = send_for(host, 1, end)
        weir.goes_on_for(1)
        assert len(weir.sealed()) == kept
        filled.unlink()
        until(lambda: "can be written to again" in weir.said())
        weir.end()
        assert weir.waiting() == 0
    finally:
        run("umount", "-l", str(spool))
    assert recorded(server.objects) == {number: 1 for number in range(end)}
    assert statuses(server.objects) <= {"OK", "NODATA"}  # of a window that began before the first packet


def packets_sealed(weir):
    return sum(weir.sealed().values())


def statuses(objects):
    return {fields[-1] for _, fields in lines_of(objects)}
