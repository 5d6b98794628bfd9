"""What a running `weir up` says of itself, against what the sockets that talked know: figures, metrics, the
flows of each second; and that nobody who asks can hold it up."""

import contextlib
import csv
import io
import json
import math
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
import ports
from lab import (CLOSED_PORT, HEADERS, INTERFACE, OPEN_PORT, RECEIVER, RULE, SENDER, ask, connected, prepared_lab,
                 running_lab, samples)
from waiting import until

ACCEPTED, REFUSED, SIZE = 700, 41, 120
ABSENT = "eni-0c0000000000000ff"
FLOWS = 9000  # fewer than are shown of one drain


@pytest.fixture
def lab(program, tmp_path):
    with running_lab(program, tmp_path) as running:
        yield running


def status(lab):
    return json.loads(ask(lab.socket, "/status"))


def ingress(lab):
    return status(lab)["NetworkInterfaces"][0]["Ingress"]


def talk(lab):
    """What was sent is what arrives: in observe mode nothing is dropped."""
    sinks = [lab.listen(OPEN_PORT), lab.listen(CLOSED_PORT)]
    lab.send(OPEN_PORT, ACCEPTED, SIZE)
    lab.send(CLOSED_PORT, REFUSED, SIZE)
    for sink, count in zip(sinks, (ACCEPTED, REFUSED)):
        sink.settimeout(60)
        assert [len(sink.recv(2048)) for _ in range(count)] == [SIZE] * count
    until(lambda: ingress(lab)["Rejected"]["Packets"] >= REFUSED, "the drain")


def test_figures_are_what_the_sockets_sent(lab, weir):
    talk(lab)
    told = json.loads(weir("status", "--config", lab.config, "--output", "json").stdout)
    (interface, absent), (flow_log,) = told["NetworkInterfaces"], told["FlowLogs"]
    seen = interface["Ingress"]
    assert seen["Accepted"] == {"Packets": ACCEPTED, "Bytes": ACCEPTED * (SIZE + HEADERS)}
    assert seen["Rejected"] == {"Packets": REFUSED, "Bytes": REFUSED * (SIZE + HEADERS)}
    others = sum(seen[name] for name in ("NotLogged", "NotIp", "Truncated", "Malformed", "NotJudged"))
    assert seen["PacketsSeen"] == ACCEPTED + REFUSED + others
    assert (seen["Mismatch"], seen["Skipped"]) == (0, {"Accepted": 0, "Rejected": 0})
    assert (interface["NetworkInterfaceId"], interface["Name"], interface["Mode"]) == (INTERFACE, "web", "observe")
    assert interface["Attachment"] in ("tcx", "clsact")
    assert (absent["NetworkInterfaceId"], absent["Attachment"]) == (ABSENT, "absent")
    assert "weir-absent" in absent["Complaint"] and absent["Ingress"]["PacketsSeen"] == 0
    until(lambda: status(lab)["FlowLogs"][0]["Objects"], "an object")
    flow_log = status(lab)["FlowLogs"][0]
    assert flow_log["DeliverLogsStatus"] == "SUCCESS"
    assert (lab.folder / "logs" / flow_log["LastObject"]["Key"]).stat().st_size == flow_log["LastObject"]["Bytes"]

    row = next(csv.DictReader(io.StringIO(weir("status", "--socket", lab.socket, "--output", "csv").stdout)))
    assert (int(row["rejected"]), int(row["skipped"]), row["device"]) == (REFUSED, 0, f"eth0 in {lab.receiver}")
    assert int(row["bytes_in"]) == (ACCEPTED + REFUSED) * (SIZE + HEADERS)
    table = weir("status", "--config", lab.config).stdout
    assert re.search(rf"{INTERFACE} +web .*observe +(tcx|clsact)", table) and "is not recorded: weir-absent" in table
    assert lab.stop() == 0
    said = weir("status", "--config", lab.config, status=1).stderr
    assert "no weir up answers there" in said or "No such file" in said


def test_the_first_second_is_told_without_a_drain_that_was_not(program, tmp_path):
    """Whoever asks as soon as there is a socket is answered before the first drain."""
    with prepared_lab(program, tmp_path) as lab:
        def begin_and_ask():
            """The first answer."""
            lab.begin()

            def answer():
                with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                    return status(lab)["Drains"]
                return lab.service.poll() is not None
            first = until(answer, "the socket")
            lab.wait_until_recorded()  # or it says why that cannot be
            if first["Count"] == 0:
                return first
            lab.stop()  # a busy machine asks too late
            (lab.folder / "up.log").unlink()
            return None
        first = until(begin_and_ask, "an answer before the first drain")
        assert (first["Count"], first["Last"], first["Flows"]) == (0, None, 0)
        until(lambda: status(lab)["Drains"]["Last"], "the first drain")
        later = status(lab)["Drains"]
        for table in ("FlowCapacity", "Ipv6FlowCapacity", "ConnectionCapacity"):
            assert first[table] == later[table] > 0


def test_metrics_are_prometheus_s_and_have_the_same_figures(lab):
    talk(lab)
    text = ask(lab.socket, "/metrics")
    values = samples(text)

    def value(name, **labels):
        labels = {"network_interface_id": INTERFACE, "direction": "ingress"} | labels
        return values[name, frozenset(labels.items())]
    assert value("weir_packets_recorded_total", action="ACCEPT") == ACCEPTED
    assert value("weir_packets_recorded_total", action="REJECT") == REFUSED
    assert value("weir_bytes_recorded_total", action="REJECT") == REFUSED * (SIZE + HEADERS)
    assert value("weir_packets_rejected_total") == REFUSED
    assert value("weir_packets_overflow_total") == value("weir_packets_mismatch_total") == 0
    exceptions = sum(number for (name, labels), number in values.items()
                     if name == "weir_packets_exceptions_total"
                     and {("network_interface_id", INTERFACE), ("direction", "ingress")} <= labels)
    assert value("weir_packets_total") == ACCEPTED + REFUSED + exceptions
    buckets = [(float(dict(labels)["le"]), number) for (name, labels), number in values.items()
               if name == "weir_drain_duration_seconds_bucket"]
    assert sorted(buckets) == sorted(buckets, key=lambda bucket: bucket[1])
    assert max(buckets) == (math.inf, values["weir_drain_duration_seconds_count", frozenset()]) > (math.inf, 0)
    assert values["weir_interface_attached", frozenset({("network_interface_id", ABSENT)})] == 0


def test_metrics_are_at_a_port_of_loopback_and_nothing_else_is(program, tmp_path):
    with ports.held() as held, running_lab(
            program, tmp_path, more=f'metrics = "127.0.0.1:{ports.number(held)}"') as lab:
        port = ports.number(held)
        place = f"http://127.0.0.1:{port}"
        with urllib.request.urlopen(f"{place}/metrics", timeout=60) as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            at_port = samples(answer.read().decode())
        assert at_port.keys() == samples(ask(lab.socket, "/metrics")).keys()
        for page in ("/", "/status", "/flows"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(place + page, timeout=60)
        listening = subprocess.run(["ss", "-Hltn", f"sport = :{port}"], capture_output=True, text=True, check=True)
        assert [line.split()[3] for line in listening.stdout.splitlines()] == [f"127.0.0.1:{port}"]
        # Figures, not the record: whoever only connects holds nobody up.
        with contextlib.ExitStack() as idle:
            for _ in range(100):
                idle.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            drained = status(lab)["Drains"]["Count"]
            until(lambda: status(lab)["Drains"]["Count"] > drained + 1, "further drains")
        assert lab.stop() == 0


def test_a_port_that_somebody_has_is_said(program, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        with prepared_lab(program, tmp_path, more=f'metrics = "{place}"') as lab:
            lab.begin()
            assert lab.service.wait(timeout=60) == 1
            assert f"{place}: cannot be listened at: Address already in use; give another port" in lab.said()


class Follower:
    """A reader of /flows."""

    def __init__(self, lab):
        self.connection = connected(lab.socket)
        self.connection.sendall(b"GET /flows HTTP/1.0\r\n\r\n")
        self.lines = self.connection.makefile("r", encoding="utf-8")
        while self.lines.readline().strip():
            pass
        self.fields = self.lines.readline().split()

    def records(self, stop):
        """The records until `stop(record)`, or until a line of notes that it is given instead."""
        for line in self.lines:
            words = line.split()
            record = words if words[0] == "#" else dict(zip(self.fields, words))
            if words[0] != "#":
                yield record
            if stop(record):
                return

    def close(self):
        self.lines.close()
        self.connection.close()


def flows_from(follower, sent_at, *source_ports):
    """The one record of each source port, in whatever order they come, with the first drain after that second."""
    found = {}

    def has_all(record):
        if not isinstance(record, dict):
            assert record[:2] == ["#", "drained"] and int(record[2]) <= sent_at, "a drain did not show them"
        elif record["srcport"] in map(str, source_ports):
            assert record["srcport"] not in found, "shown twice"
            found[record["srcport"]] = record
        return len(found) == len(source_ports)
    for _ in follower.records(has_all):
        pass
    return found


def test_flows_are_shown_as_they_are_drained(lab):
    lab.listen(OPEN_PORT)
    lab.listen(CLOSED_PORT)
    followers = [Follower(lab) for _ in range(8)]
    with lab.paused():
        port = lab.send(OPEN_PORT, 10, SIZE)
        refused = lab.send(CLOSED_PORT, 3, SIZE)
        sent_at = int(time.time())
    for follower in followers:
        mine = flows_from(follower, sent_at, port, refused)
        record = mine[str(refused)]
        assert (record["srcaddr"], record["dstaddr"], record["dstport"]) == (SENDER, RECEIVER, str(CLOSED_PORT))
        assert (record["action"], record["packets"], record["bytes"]) == ("REJECT", "3", str(3 * (SIZE + HEADERS)))
        assert record["weir-security-group-rule"] == "sg-1:ingress:*"
        accepted = mine[str(port)]
        assert (accepted["action"], accepted["packets"]) == ("ACCEPT", "10")
        assert accepted["weir-security-group-rule"] == f"sg-1:ingress:{RULE}"
    for follower in followers:
        follower.close()


def lines_until_drained(follower, least=0):
    """How many lines have come, and were missed, by the first drain with at least so many; and how many
    flows that drain did not show."""
    lines, missed = 0, 0
    for line in follower.lines:
        words = line.split()
        if words[:2] == ["#", "missed"]:
            missed += int(words[2])
            continue
        lines += 1
        if words[:2] == ["#", "drained"] and lines + missed >= least:
            return lines, missed, int(words[3])
    raise AssertionError("the stream has ended")


def test_a_slow_reader_misses_lines_and_is_told_how_many(lab):
    slow, fast = Follower(lab), Follower(lab)
    total = 0
    while total < 80_000:
        lab.scan(FLOWS)
        lines, missed, _ = lines_until_drained(fast)
        total += lines
        assert missed == 0
    lines, missed, _ = lines_until_drained(slow, total)
    assert missed > 0
    assert total <= lines + missed < total + FLOWS
    assert ingress(lab)["Mismatch"] == 0
    slow.close()
    fast.close()


@pytest.fixture
def roomy_lab(program, tmp_path):
    """One whose tables have room for a flood, however its flows are spread over them."""
    with running_lab(program, tmp_path, more="[capacity]\nflows = 1048576") as running:
        yield running


def test_a_flood_is_shown_in_part_and_the_rest_is_counted(roomy_lab):
    lab = roomy_lab
    follower = Follower(lab)
    count, most_shown = 30_000, 10_000
    sent, shown, left_out = 0, 0, 0
    while left_out == 0:  # of what came while it was paused, the kernel may hand over a part after the first drain
        assert sent < 5 * count, "no drain has had more than can be shown"
        with lab.paused():
            lab.scan(count)
        sent += count
        while shown + left_out < sent:
            lines, missed, more = lines_until_drained(follower)
            shown, left_out = shown + lines - 1, left_out + more
            assert missed == 0
            assert lines - 1 >= most_shown or more == 0
    until(lambda: ingress(lab)["Rejected"]["Packets"] == sent, "all of them in the figures")
    follower.close()


def test_nobody_who_asks_can_hold_it_up(lab):
    drains = status(lab)["Drains"]["Count"]
    hostile = []
    for number in range(40):
        connection = connected(lab.socket)
        connection.setblocking(False)
        hostile.append(connection)
        if number % 4 == 1:
            connection.send(os.urandom(3000))
        elif number % 4 == 2:
            connection.send(b"GET /flows HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        elif number % 4 == 3:
            connection.send(b"POST /status HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n" + bytes(9000))
    for connection in hostile[::3]:
        connection.close()
    talk(lab)
    assert ingress(lab)["Accepted"]["Packets"] == ACCEPTED
    until(lambda: status(lab)["Drains"]["Count"] >= drains + 3, "three more drains")
    for connection in hostile:
        connection.close()
    assert lab.stop() == 0
    assert not lab.socket.exists()


def test_readers_of_flows_are_bounded_and_those_who_go_make_room(lab):
    followers = [Follower(lab) for _ in range(32)]
    with pytest.raises(AssertionError, match="503"):
        ask(lab.socket, "/flows")
    status(lab)
    for follower in followers:
        follower.close()

    def has_room():
        try:
            last = Follower(lab)
        except (OSError, ValueError):
            return False
        has_names = last.fields[:1] == ["start"]
        last.close()
        return has_names
    until(has_room, "room")


def test_the_socket_of_a_killed_service_is_taken_over_and_that_of_a_living_one_is_not(lab, weir):
    refused = weir("up", "--config", lab.config, status=1).stderr
    assert "another process listens there" in refused
    assert lab.socket.stat().st_mode & 0o777 == 0o600
    lab.stop(signal.SIGKILL)
    assert lab.socket.exists()
    (lab.folder / "up.log").unlink()
    lab.start()
    assert status(lab)["NetworkInterfaces"][0]["Attachment"] in ("tcx", "clsact")


def test_figures_and_followers_outlive_a_reload_of_the_description(lab):
    talk(lab)
    follower = Follower(lab)
    network = json.loads((lab.folder / "vpc.json").read_text())
    network["SecurityGroupRules"][0] |= {"FromPort": CLOSED_PORT, "ToPort": CLOSED_PORT}
    network["NetworkInterfaces"][0]["TagSet"][-1]["Value"] = "renamed"
    network["NetworkInterfaces"].reverse()  # their indices change, too
    (lab.folder / "vpc.json").write_text(json.dumps(network))
    lab.service.send_signal(signal.SIGHUP)
    until(lambda: "has been read again" in lab.said(), "the reload")
    with lab.paused():
        port = str(lab.send(CLOSED_PORT, 5, SIZE))
    shown = list(follower.records(lambda record: isinstance(record, dict) and record["srcport"] == port))[-1]
    assert (shown["interface-id"], shown["action"], shown["packets"]) == (INTERFACE, "ACCEPT", "5")
    assert shown["weir-security-group-rule"] == f"sg-1:ingress:{RULE}"
    interfaces = {one["NetworkInterfaceId"]: one for one in status(lab)["NetworkInterfaces"]}
    assert interfaces[INTERFACE]["Name"] == "renamed"
    assert interfaces[INTERFACE]["Ingress"]["Accepted"]["Packets"] == ACCEPTED + 5
    assert interfaces[INTERFACE]["Ingress"]["Rejected"]["Packets"] == REFUSED
    assert interfaces[ABSENT]["Ingress"]["PacketsSeen"] == 0
    follower.close()


def test_a_destination_without_room_is_told_in_aws_s_words(lab, weir):
    logs = lab.folder / "logs"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", logs], capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no file system of a test's own: {done.stderr.strip()}")
    try:
        (logs / "full").write_bytes(bytes(64 << 20))
        flow_log = until(lambda: [one for one in status(lab)["FlowLogs"] if one["DeliverLogsStatus"] == "FAILED"],
                         "the failure")[0]
        assert flow_log["DeliverLogsErrorMessage"]
        assert f"FAILED: {flow_log['DeliverLogsErrorMessage']}" in weir("status", "--config", lab.config).stdout
        assert 'weir_delivery_failing{flow_log_id="' in ask(lab.socket, "/metrics")
        (logs / "full").unlink()
        until(lambda: status(lab)["FlowLogs"][0]["DeliverLogsStatus"] == "SUCCESS", "the recovery")
    finally:
        subprocess.run(["umount", "-l", logs], check=False)


def test_an_idle_service_costs_less_than_a_hundredth_of_a_processor_and_100_mb(program, tmp_path):
    """One that has written what costs most memory, which is Parquet; with all that the kernel keeps for it."""
    with prepared_lab(program, tmp_path) as lab:
        with lab.config.open("a", encoding="utf-8") as config:
            config.write(f'[[flow-log]]\nresource-type = "NetworkInterface"\nresource-ids = ["{INTERFACE}"]\n'
                         'max-aggregation-interval = 60\nlog-destination = "parquet"\n'
                         '[flow-log.destination-options]\nfile-format = "parquet"\n')
        lab.start()
        lab.send(OPEN_PORT, 1)
        until(lambda: all(one["Objects"] for one in status(lab)["FlowLogs"]), "an object of each flow log")

        process = pathlib.Path(f"/proc/{lab.service.pid}")
        used = lambda: int((process / "schedstat").read_text().split()[0])
        drains = status(lab)["Drains"]["Count"]
        begin, cost = time.monotonic(), used()
        time.sleep(10)  # it is what happens in a time that is measured
        seconds, cost = time.monotonic() - begin, used() - cost
        drained = status(lab)["Drains"]["Count"] - drains
        share = cost / 1e9 / min(seconds, drained)  # there is one a second, but where the machine has no time for it
        resident = 1024 * int(re.search(r"VmRSS:\s+(\d+) kB", (process / "status").read_text()).group(1))
        maps = {(map_id, int(size)) for descriptor in (process / "fdinfo").iterdir() for size, map_id in
                re.findall(r"map_type:.*memlock:\s+(\d+)\nmap_id:\s+(\d+)", descriptor.read_text(), re.DOTALL)}
        mapped = sum(1024 * int(size) for size in
                     re.findall(r"bpf-map\n.*?Rss:\s+(\d+) kB", (process / "smaps").read_text(), re.DOTALL))
        kernel = sum(size for _, size in maps)
        print(f"{share:.2%} of a processor, {resident} bytes resident, {mapped} of them of maps that have {kernel}")
        assert share < 0.01
        assert mapped <= kernel
        assert resident < 100e6
        assert resident - mapped + kernel < 110e6


def test_tail_says_in_words_what_was_refused_and_by_which_rule(lab, program):
    lab.listen(CLOSED_PORT)
    lab.listen(OPEN_PORT)
    command = [program, "tail", "--config", lab.config, "--action", "REJECT", "--port", str(CLOSED_PORT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tail:
        try:
            os.set_blocking(tail.stdout.fileno(), False)
            # What it does not follow yet it does not show: it follows once it shows anything.
            until(lambda: (lab.send(CLOSED_PORT, 1, SIZE), tail.stdout.read())[1], "the first refusal")
            with lab.paused():
                lab.send(OPEN_PORT, 5, SIZE)
                port = lab.send(CLOSED_PORT, 7, SIZE)
            said = b""

            def shown():
                nonlocal said
                said += tail.stdout.read() or b""
                return re.search(rb" 7 packets.*\n", said)
            until(shown, f"the seven from port {port}", seconds=30)  # a window is open for a minute
            text = said.decode()
            sentence = next(line for line in text.splitlines() if " 7 packets" in line)
            assert f"web {SENDER} → {RECEIVER} (web) port {CLOSED_PORT}/UDP refused" in sentence
            assert "no inbound rule of security group sg-1 allows it" in sentence
            assert not [line for line in text.splitlines() if "accepted" in line]
            assert lab.stop() == 0
            assert tail.wait(timeout=60) == 0
            assert b"weir up has ended" in tail.stderr.read()
        finally:
            tail.kill()
