"""`weir tail` against objects that appear while it runs. What it prints is waited for, never a time."""

import csv
import gzip
import json
import os
import pty
import queue
import random
import signal
import socket
import subprocess
import threading

import pytest
from flow_logs import CUSTOM, DEFAULT, START, line, random_logs, record, text, without_flow
from network import description

SECONDS = 60  # before a test gives up


class Tail:
    """A running `weir tail`; its lines as they come."""

    def __init__(self, program, *arguments, environment=None):
        self.process = subprocess.Popen([program, "tail", *map(str, arguments)], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env=environment)
        self.lines, self.errors = queue.Queue(), queue.Queue()
        self.readers = [threading.Thread(target=self.read, args=pair, daemon=True) for pair in (
            (self.process.stdout, self.lines), (self.process.stderr, self.errors))]
        for reader in self.readers:
            reader.start()

    @staticmethod
    def read(stream, lines):
        for text_line in stream:
            lines.put(text_line.rstrip("\n"))

    def next(self, count=1):
        return [self.lines.get(timeout=SECONDS) for _ in range(count)]

    def next_records(self, count=1):
        return [json.loads(text_line) for text_line in self.next(count)]

    def stop(self, number=signal.SIGINT):
        """Returns what was not asked for, and the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(timeout=SECONDS)
        for reader in self.readers:
            reader.join(timeout=SECONDS)
        return list(self.lines.queue), list(self.errors.queue), code


@pytest.fixture
def tail(program):
    """Starts `weir tail --output json`; what still runs at the end is ended."""
    running = []

    def start(*arguments, output="json", environment=None):
        running.append(Tail(program, *arguments, "--output", output, environment=environment))
        return running[-1]
    yield start
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def numbered(first, count):
    """Records that tell themselves apart by their bytes, in the order of their end."""
    draw = random.Random(first)
    return [record(draw) | {"bytes": n, "start": START + n, "end": START + n, "pkt-srcaddr": None}
            for n in range(first, first + count)]


def numbers(records):
    return [r["bytes"] for r in records]


def ready(running, folder):
    """Waits until it follows: it prints what appears."""
    (folder / "ready.log").write_text(text(numbered(999, 1), DEFAULT))
    assert numbers(running.next_records()) == [999]


def move_in(path, content):
    """As recorders and `aws s3 sync` do it."""
    temporary = path.with_name("." + path.name + ".tmp")
    temporary.write_bytes(content)
    temporary.rename(path)


def packed(records, fields=tuple(DEFAULT)):
    return gzip.compress(text(records, fields).encode())


def test_objects_that_are_renamed_in_are_read_once(tail, tmp_path):
    running = tail("--from", tmp_path)
    ready(running, tmp_path)
    move_in(tmp_path / "a.log.gz", packed(numbered(1, 3)))
    assert numbers(running.next_records(3)) == [1, 2, 3]
    move_in(tmp_path / "a.log.gz", packed(numbered(1, 3)))  # delivered once more
    (tmp_path / "a.log.gz").rename(tmp_path / "b.log.gz")
    move_in(tmp_path / "c.log.gz", packed(numbered(4, 1)))
    assert numbers(running.next_records()) == [4]
    assert running.stop() == ([], [], 0)


def test_another_text_under_a_known_name_is_read(tail, tmp_path):
    (tmp_path / "a.log").write_text(text(numbered(1, 2), DEFAULT))
    running = tail("--from", tmp_path)
    assert numbers(running.next_records(2)) == [1, 2]
    move_in(tmp_path / "a.log", text(numbered(5, 3), DEFAULT).encode())
    assert numbers(running.next_records(3)) == [5, 6, 7]
    move_in(tmp_path / "b.log.gz", packed(numbered(8, 1)))
    assert numbers(running.next_records()) == [8]
    move_in(tmp_path / "b.log.gz", packed(numbered(20, 2)))
    assert numbers(running.next_records(2)) == [20, 21]
    assert running.stop() == ([], [], 0)


def test_plain_files_grow_line_by_line_and_half_lines_wait(tail, tmp_path):
    records = numbered(1, 5)
    running = tail("--from", tmp_path)
    ready(running, tmp_path)
    with open(tmp_path / "grows.log", "w", buffering=1) as file:
        file.write(text(records[:1], CUSTOM))
        assert numbers(running.next_records()) == [1]
        second = line(records[1], CUSTOM)
        file.write(second[:20])
        file.flush()
        (tmp_path / "other.log").write_text(text(numbered(50, 1), DEFAULT))
        assert numbers(running.next_records()) == [50]
        file.write(second[20:] + "\n" + line(records[2], CUSTOM) + "\n")
        assert numbers(running.next_records(2)) == [2, 3]
        file.write("no record\n" + line(records[3], CUSTOM) + "\n" + line(records[4], CUSTOM))
    assert numbers(running.next_records(2)) == [4, 5]  # closed: the last line is whole
    rest, errors, code = running.stop()
    assert (rest, code) == ([], 0)
    assert len(errors) == 1 and "grows.log:5: has 2 fields instead of" in errors[0]


def test_a_file_that_was_there_goes_on_after_its_last_line(tail, tmp_path):
    for name, content in (("plain.log", text(numbered(1, 3), DEFAULT).encode()), ("packed.log.gz", packed(numbered(11, 3)))):
        (tmp_path / name).write_bytes(content)
        os.utime(tmp_path / name, (START, START))
    (tmp_path / "newest.log").write_text(text(numbered(999, 1), DEFAULT))
    running = tail("--from", tmp_path, "--lines", "1")
    assert numbers(running.next_records()) == [999]  # the older two have not been read
    with open(tmp_path / "plain.log", "a") as file:
        file.write(line(numbered(4, 1)[0], DEFAULT) + "\n")
    assert numbers(running.next_records()) == [4]
    with open(tmp_path / "packed.log.gz", "ab") as file:
        file.write(gzip.compress((line(numbered(14, 1)[0], DEFAULT) + "\n").encode()))
    assert numbers(running.next_records()) == [14]
    os.utime(tmp_path / "packed.log.gz")
    assert running.stop() == ([], [], 0)


def test_a_plain_file_that_is_renamed_is_read_on_under_both_names(tail, tmp_path):
    running = tail("--from", tmp_path)
    ready(running, tmp_path)
    (tmp_path / "flow.log").write_text(text(numbered(1, 2), DEFAULT))
    assert numbers(running.next_records(2)) == [1, 2]
    (tmp_path / "flow.log").rename(tmp_path / "flow.log.1")
    (tmp_path / "flow.log").write_text(text(numbered(3, 1), DEFAULT))
    assert numbers(running.next_records()) == [3]
    assert running.stop() == ([], [], 0)


def test_new_folders_are_followed_and_a_renamed_one_is_not_read_again(tail, tmp_path):
    running = tail("--from", tmp_path)
    ready(running, tmp_path)
    deep = tmp_path / "AWSLogs" / "123456789012" / "vpcflowlogs" / "us-east-1" / "2023" / "11" / "14"
    deep.mkdir(parents=True)
    move_in(deep / "a.log.gz", packed(numbered(1, 2)))
    assert numbers(running.next_records(2)) == [1, 2]
    (tmp_path / "AWSLogs").rename(tmp_path / "moved")
    moved = tmp_path / "moved" / deep.relative_to(tmp_path / "AWSLogs")
    move_in(moved / "b.log.gz", packed(numbered(3, 1)))
    assert numbers(running.next_records()) == [3]
    assert running.stop() == ([], [], 0)


def test_an_object_that_is_copied_slowly_is_read_whole_and_once(tail, tmp_path):
    content = packed(numbered(1, 2000))
    (tmp_path / "early.log.gz").write_bytes(content[:len(content) // 2])
    running = tail("--from", tmp_path, "--lines", "100000")
    first = running.next_records()
    with open(tmp_path / "early.log.gz", "ab") as file:
        file.write(content[len(content) // 2:])
    got = first + running.next_records(1999)
    assert numbers(got) == list(range(1, 2001))
    assert running.stop() == ([], [], 0)


def test_nothing_that_appears_while_it_starts_is_lost_or_doubled(tail, tmp_path):
    for round_ in range(5):
        folder = tmp_path / str(round_)
        folder.mkdir()
        stop = threading.Event()
        written = []

        def write():
            while not stop.is_set() or len(written) < 50:
                n = len(written) + 1
                below = folder / str(n % 7)
                below.mkdir(exist_ok=True)
                move_in(below / f"{n}.log.gz", packed(numbered(n, 1)))
                written.append(n)
        writer = threading.Thread(target=write)
        writer.start()
        running = tail("--from", folder, "--lines", "100000")
        got = numbers(running.next_records(30))
        stop.set()
        writer.join()
        got += numbers(running.next_records(len(written) - 30))
        assert sorted(got) == written
        assert running.stop() == ([], [], 0)


@pytest.mark.parametrize("count", [0, 1, 7, 10000])
def test_the_last_records_come_first_in_the_order_of_their_end(weir, tmp_path, count):
    records = random_logs(tmp_path, 5)
    for number, path in enumerate(sorted(tmp_path.iterdir())):
        slot = tmp_path / f"123456789012_vpcflowlogs_us-east-1_fl-1_2023111{number % 3 + 4}T0000Z_{number:08x}{''.join(path.suffixes)}"
        path.rename(slot)
        os.utime(slot, (START, START))
    got = [json.loads(x) for x in weir("tail", "--from", tmp_path, "--no-follow", "--lines", count, "--output", "json").stdout.splitlines()]
    ends = [r["end"] for r in got]
    assert ends == sorted(ends)
    assert len(got) == min(count, len(records))
    if count == 10000:
        def key(r):
            return sorted((k.replace("-", "_"), str(v)) for k, v in r.items() if v is not None)
        assert sorted(map(key, got)) == sorted(map(key, records))


def test_filters_choose_what_python_chooses(weir, tmp_path):
    records = random_logs(tmp_path, 6)
    ten = [r for r in records if r["srcaddr"] and any((r[f] or "").startswith("10.0.") for f in (
        "srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr"))]
    for options, expected in (
            (["--action", "REJECT"], [r for r in records if r["action"] == "REJECT"]),
            (["--port", "22"], [r for r in records if 22 in (r["srcport"], r["dstport"])]),
            (["--address", "10.0.0.0/16"], ten),
            (["--address", "2001:db8::5"], [r for r in records if "2001:db8::5" in (r["srcaddr"], r["dstaddr"])]),
            (["--interface", "eni-b"], [r for r in records if r["interface-id"] == "eni-b"]),
            (["--interface", "eni-b", "--action", "ACCEPT", "--port", "443"],
             [r for r in records if r["interface-id"] == "eni-b" and r["action"] == "ACCEPT"
              and 443 in (r["srcport"], r["dstport"])])):
        assert expected
        got = weir("tail", "--from", tmp_path, "--no-follow", "--lines", "100000", "--output", "json", *options).stdout
        assert len(got.splitlines()) == len(expected)
        assert sorted(json.loads(x)["end"] for x in got.splitlines()) == sorted(r["end"] for r in expected)


def one(tmp_path, values, fields):
    (tmp_path / "one.log").write_text(text([values], fields))
    return ["tail", "--from", tmp_path / "one.log", "--no-follow"]


FLOW = {"version": 2, "account-id": "123456789010", "interface-id": "eni-1", "srcaddr": "203.0.113.12",
        "dstaddr": "10.0.0.9", "srcport": 40000, "dstport": 443, "protocol": 6, "packets": 3, "bytes": 180,
        "start": 1418530010, "end": 1418530070, "action": "REJECT", "log-status": "OK"}
OURS = [*DEFAULT, "weir-reject-cause", "weir-network-acl-rule", "weir-security-group-rule"]


@pytest.mark.parametrize("more, words", [
    ({}, "203.0.113.12 → 10.0.0.9 https (443/TCP) refused: 3 packets, 180 bytes in 60 s"),
    ({"action": "ACCEPT", "packets": 1}, "203.0.113.12 → 10.0.0.9 https (443/TCP) accepted: 1 packet, 180 bytes in 60 s"),
    ({"srcport": 443, "dstport": 40000}, "203.0.113.12 → 10.0.0.9 reply of https (443/TCP) refused: 3 packets, 180 bytes in 60 s"),
    ({"protocol": 1, "srcport": 0, "dstport": 0, "end": 1418530010}, "203.0.113.12 → 10.0.0.9 ICMP refused: 3 packets, 180 bytes"),
    ({"protocol": 17, "dstport": 9999}, "203.0.113.12 → 10.0.0.9 port 9999/UDP refused: 3 packets, 180 bytes in 60 s"),
    ({"bytes": None}, "203.0.113.12 → 10.0.0.9 https (443/TCP) refused: 3 packets in 60 s"),
    ({"weir-reject-cause": "SECURITY_GROUP", "weir-security-group-rule": "sg-a+sg-b:ingress:*"},
     "203.0.113.12 → 10.0.0.9 https (443/TCP) refused: 3 packets, 180 bytes in 60 s; no inbound rule of security groups "
     "sg-a and sg-b allows it"),
    ({"weir-reject-cause": "NETWORK_ACL", "weir-network-acl-rule": "acl-1:egress:90"},
     "203.0.113.12 → 10.0.0.9 https (443/TCP) refused: 3 packets, 180 bytes in 60 s; rule 90 of network ACL acl-1 denies it "
     "out of the subnet"),
    ({"weir-reject-cause": "NETWORK_ACL"},
     "203.0.113.12 → 10.0.0.9 https (443/TCP) refused: 3 packets, 180 bytes in 60 s; a network ACL denies it"),
    ({"action": "ACCEPT", "weir-network-acl-rule": "acl-1:ingress:100", "weir-security-group-rule": "sg-a:ingress:sgr-1"},
     "203.0.113.12 → 10.0.0.9 https (443/TCP) accepted: 3 packets, 180 bytes in 60 s; by rule 100 of network ACL acl-1 and "
     "rule sgr-1 of security group sg-a")])
def test_a_record_is_a_sentence(weir, tmp_path, more, words):
    assert weir(*one(tmp_path, FLOW | more, OURS)).stdout == f"2014-12-14 04:06:50 eni-1 {words}\n"


def test_windows_without_flows_are_sentences_too(weir, tmp_path):
    for status, words in (("NODATA", "no traffic until {} (NODATA)"), ("SKIPDATA", "some records are missing until {} (SKIPDATA)")):
        values = without_flow(random.Random(1), status) | {"interface-id": "eni-1", "start": 1431280876, "end": 1431280934}
        assert weir(*one(tmp_path, values, DEFAULT)).stdout == (
            f"2015-05-10 18:01:16 eni-1 {words.format('2015-05-10 18:02:14')}\n")


def test_names_of_interfaces_stand_beside_addresses(weir, tmp_path):
    network = description("10.0.0.9", "10.0.0.0/16", ingress=[])
    interface = network["NetworkInterfaces"][0]
    interface["TagSet"] = [{"Key": "Name", "Value": "wéb\x1b[31m"}]
    (tmp_path / "vpc.json").write_text(json.dumps(network))
    values = FLOW | {"interface-id": interface["NetworkInterfaceId"]}
    said = weir(*one(tmp_path, values, DEFAULT), "--vpc", tmp_path / "vpc.json").stdout
    assert said.startswith("2014-12-14 04:06:50 wéb.[31m 203.0.113.12 → 10.0.0.9 (wéb.[31m) https (443/TCP) refused")
    told = json.loads(weir(*one(tmp_path, values, DEFAULT), "--vpc", tmp_path / "vpc.json", "--output", "json").stdout)
    assert (told["srcaddr_name"], told["dstaddr_name"]) == (None, "wéb.[31m")


@pytest.mark.parametrize("form", ["sentence", "table", "json", "csv"])
def test_no_control_character_of_a_log_reaches_the_terminal(weir, tmp_path, form):
    evil = "\x1b]0;owned\x07\x9b31m\u202e\x7f\x00"
    values = {field: evil for field in OURS} | {"action": "REJECT"}
    (tmp_path / "evil.log").write_bytes(text([values], OURS).encode() + b"\xff\x9b31m " + b"x " * 15 + b"y\n")
    done = subprocess.run([os.environ.get("WEIR", "build/weir"), "tail", "--from", tmp_path, "--no-follow", "--output", form],
                          capture_output=True, check=True)
    assert len(done.stdout.decode().splitlines()) == 1 + (form in ("table", "csv"))
    said = (done.stdout + done.stderr).decode()
    assert "evil.log:3" in said
    assert not [c for c in said.replace("\r\n", "\n") if (c < " " and c != "\n") or "\x7f" <= c < "\xa0" or c == "\u202e"]


def on_a_terminal(program, arguments, **variables):
    master, slave = pty.openpty()
    with subprocess.Popen([program, *map(str, arguments)], stdout=slave, env={**os.environ, **variables}) as process:
        os.close(slave)
        said = b""
        try:
            while chunk := os.read(master, 4096):
                said += chunk
        except OSError:  # the other end is closed
            pass
        os.close(master)
        assert process.wait(timeout=SECONDS) == 0
    return said.decode()


def test_colours_are_for_terminals_that_want_them(weir, program, tmp_path):
    arguments = one(tmp_path, FLOW, DEFAULT)
    assert "\x1b[31mrefused\x1b[0m" in on_a_terminal(program, arguments, NO_COLOR="")
    assert "\x1b" not in on_a_terminal(program, arguments, NO_COLOR="1")
    assert "\x1b" not in weir(*arguments).stdout


def test_csv_has_a_head_and_the_rows_of_the_table(weir, tmp_path):
    rows = list(csv.DictReader(weir(*one(tmp_path, FLOW, DEFAULT), "--output", "csv").stdout.splitlines()))
    assert rows == [{"time": "2014-12-14 04:06:50", "interface": "eni-1", "action": "REJECT", "source": "203.0.113.12:40000",
                     "destination": "10.0.0.9:443", "service": "https (443/TCP)", "packets": "3", "bytes": "180", "why": ""}]
    table = weir(*one(tmp_path, FLOW, DEFAULT), "--output", "table").stdout.splitlines()
    assert table[0].split() == list(rows[0]) and table[1].split()[:5] == [
        "2014-12-14", "04:06:50", "eni-1", "REJECT", "203.0.113.12:40000"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_once_with_0(tail, tmp_path, number):
    running = tail("--from", tmp_path)
    ready(running, tmp_path)
    assert running.stop(number) == ([], [], 0)


def test_it_says_that_its_folder_is_gone(tail, tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    running = tail("--from", folder)
    ready(running, folder)
    (folder / "ready.log").unlink()
    folder.rmdir()
    assert running.process.wait(timeout=SECONDS) == 1
    assert "is gone" in running.errors.get(timeout=SECONDS)


def test_damage_is_told_and_what_could_be_read_is_there(weir, tmp_path):
    content = packed(numbered(1, 2000))
    (tmp_path / "a.log.gz").write_bytes(content[:-2000])
    done = weir("tail", "--from", tmp_path, "--no-follow", "--lines", "5", "--output", "json", status=3)
    assert len(done.stdout.splitlines()) == 5 and "a.log.gz" in done.stderr


def test_an_object_that_ends_in_the_middle_is_named_when_following_ends(tail, tmp_path):
    (tmp_path / "a.log.gz").write_bytes(packed(numbered(1, 2000))[:-2000])
    running = tail("--from", tmp_path, "--lines", "1")
    running.next_records()
    _, errors, _ = running.stop()
    assert errors == [f"weir: {tmp_path}/a.log.gz: gzip: the stream ends too early: the file is truncated"]


STREAM = ("start end interface-id action srcaddr dstaddr srcport dstport protocol packets bytes log-status\n"
          "1418530010 1418530010 eni-1 REJECT 203.0.113.12 10.0.0.9 40000 443 6 3 180 OK\n"
          "# missed 7\n"
          "# drained 1418530011 5\n"
          "1418530011 1418530011 eni-1 REJECT 203.0.113.12 10.0.0.9 40000 443 6 8 480 OK\n"
          "half a line\n"
          "# drained 1418530012 0\n"
          "1418530013 1418530013 eni-1 REJECT 203.0.113.12 10.0.0.9 40000 443 6 20 1200 OK\n"
          "# drained 1418530014 2\n")


@pytest.fixture
def stream(tmp_path, monkeypatch):
    """The socket of a service whose /flows has gaps, and then ends."""
    monkeypatch.chdir(tmp_path)  # its path may be longer than an address holds
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("weir.sock")
        listener.listen()

        def answer():
            connection, _ = listener.accept()
            with connection:
                while b"\r\n\r\n" not in connection.recv(4096):
                    pass
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + STREAM.encode())
        answering = threading.Thread(target=answer)
        answering.start()
        yield tmp_path / "weir.sock"
        answering.join()


def test_gaps_in_what_a_service_shows_are_told(weir, stream):
    done = weir("tail", "--socket", stream)
    assert [text_line.split(": ")[1].split(",")[0] for text_line in done.stdout.splitlines()] == [
        "3 packets", "8 packets", "20 packets"]
    told = done.stderr.splitlines()
    assert [text_line.split()[1:4] for text_line in told[:4]] == [
        ["7", "lines", "of"], ["5", "more", "flows"], ["1", "line", "of"], ["2", "more", "flows"]]
    assert told[4:] == ["weir: weir up has ended"]


def test_top_takes_no_second_with_a_gap_for_a_whole_one(weir, stream):
    """The first whole drain took two seconds: 20 packets and 1200 bytes are half of that in one."""
    title, _, _, _, half, _, row = weir("top", "--socket", stream).stdout.splitlines()
    assert "; without 2 flows of the last second, 7 of all; 8 lines were missed" in title
    assert "refused: 600 bytes/s in 10 packets/s; 1860 bytes in 31 packets of 1 rows" in half
    assert row.split()[:4] == ["600", "10", "1860", "31"]


@pytest.mark.parametrize("options, status, message", [
    (["--from", "not-there"], 1, "is not there"), (["--from", "-"], 2, "cannot be followed"),
    (["--from", ".", "--address", "10.0.0.0/33"], 2, "is no address and no CIDR block"),
    (["--from", ".", "--action", "DROP"], 2, "DROP"), (["--from", ".", "--port", "70000"], 2, "70000"),
    (["--no-follow", "--from", ".", "--log-format", "${srcadr}"], 1, "did you mean ${srcaddr}?"),
    (["--no-follow", "--from", "."], 1, "has no flow-log object"), (["--lines", "3"], 2, "--from"),
    (["--socket", "no/weir.sock"], 1, "is weir up running there?"),
    (["--socket", "weir.sock"], 1, "no weir up answers there"),
    (["--config", "weir.toml", "--from", "."], 2, "excludes")])
def test_errors_say_what_to_do(weir, tmp_path, monkeypatch, options, status, message):
    monkeypatch.chdir(tmp_path)
    done = weir("tail", *options, status=status)
    assert message in done.stderr + done.stdout
