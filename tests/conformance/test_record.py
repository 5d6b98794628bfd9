"""What `weir record` promises beyond single records: keys, formats, filters, counts, bad input."""

import collections
import datetime
import gzip
import json
import os
import re
import signal
import struct
import subprocess

import pytest
from network import ACK, SYN, TCP, capture, description, packet, permission, write
from waiting import until_caught

START = 1700000000
ADDRESS = "10.0.0.9"


def some_packets(count=30, start=START, step=1):
    """Refused and accepted ones, several flows."""
    return [(start + i * step, packet(f"203.0.113.{i % 5}", ADDRESS, TCP, 60 + i, 1000 + i % 3, (22, 80)[i % 2], SYN))
            for i in range(count)]


def network(**more):
    return description(ADDRESS, "10.0.0.0/16", ingress=[permission("tcp", (80, 80))], **more)


def objects(folder):
    return sorted(p for p in folder.rglob("*") if p.is_file())


def records(folder):
    out = []
    for path in objects(folder):
        header, *lines = gzip.decompress(path.read_bytes()).decode().splitlines()
        out += [dict(zip(header.split(), line.split())) for line in lines]
    return out


@pytest.mark.parametrize("options, folder", [
    ([], "AWSLogs/123456789010/vpcflowlogs/us-east-1/2023/11/14/"),
    (["--per-hour-partition"], "AWSLogs/123456789010/vpcflowlogs/us-east-1/2023/11/14/22/"),
    (["--hive-compatible-partitions"], "AWSLogs/aws-account-id=123456789010/aws-service=vpcflowlogs/"
     "aws-region=us-east-1/year=2023/month=11/day=14/"),
    (["--hive-compatible-partitions", "--per-hour-partition"], "AWSLogs/aws-account-id=123456789010/"
     "aws-service=vpcflowlogs/aws-region=us-east-1/year=2023/month=11/day=14/hour=22/")])
def test_keys_are_awss(weir, tmp_path, options, folder):
    weir("record", *write(tmp_path, some_packets(), network()), "--log-destination", tmp_path / "out",
         "--flow-log-id", "fl-1234abcd", *options)
    (path,) = objects(tmp_path / "out")
    key = str(path.relative_to(tmp_path / "out"))
    assert re.fullmatch(re.escape(folder) + r"123456789010_vpcflowlogs_us-east-1_fl-1234abcd_20231114T2210Z"
                        r"_[0-9a-f]{8}\.log\.gz", key), key


def test_an_object_holds_the_records_that_end_in_its_five_minutes(weir, tmp_path):
    weir("record", *write(tmp_path, some_packets(400, step=7), network()), "--log-destination", tmp_path / "out",
         "--max-aggregation-interval", "60")
    paths = objects(tmp_path / "out")
    assert len(paths) > 8
    for path in paths:
        stamp = datetime.datetime.strptime(path.name.split("_")[4], "%Y%m%dT%H%MZ")
        slot = int(stamp.replace(tzinfo=datetime.timezone.utc).timestamp())
        for line in gzip.decompress(path.read_bytes()).decode().splitlines()[1:]:
            assert slot <= int(line.split()[11]) < slot + 300


def test_packets_and_bytes_are_those_of_the_capture(weir, tmp_path):
    packets = some_packets(500)
    weir("record", *write(tmp_path, packets, network()), "--log-destination", tmp_path / "out",
         "--max-aggregation-interval", "60")
    expected = collections.Counter()
    for time, data in packets:
        src, sport, dport = data[15], *struct.unpack(">HH", data[20:24])
        window = time // 60
        expected[window, f"203.0.113.{src}", sport, dport, "packets"] += 1
        expected[window, f"203.0.113.{src}", sport, dport, "bytes"] += len(data)
    got = collections.Counter()
    for record in records(tmp_path / "out"):
        if record["log-status"] != "OK":
            continue
        assert record["action"] == ("ACCEPT" if record["dstport"] == "80" else "REJECT")
        flow = int(record["start"]) // 60, record["srcaddr"], int(record["srcport"]), int(record["dstport"])
        for figure in ("packets", "bytes"):
            got[(*flow, figure)] += int(record[figure])
    assert got == expected


def test_running_it_twice_changes_nothing(weir, tmp_path):
    options = [*write(tmp_path, some_packets(), network()), "--log-destination", tmp_path / "out"]
    weir("record", *options)
    before = [(p, p.stat().st_mtime_ns, p.read_bytes()) for p in objects(tmp_path / "out")]
    weir("record", *options)
    assert [(p, p.stat().st_mtime_ns, p.read_bytes()) for p in objects(tmp_path / "out")] == before


@pytest.mark.parametrize("kind", ["ACCEPT", "REJECT"])
def test_traffic_type_filters_and_the_summary_says_so(weir, tmp_path, kind):
    done = weir("record", *write(tmp_path, some_packets(), network()), "--log-destination", tmp_path / "out",
                "--traffic-type", kind)
    assert {r["action"] for r in records(tmp_path / "out")} == {kind}
    assert re.search(r"15 recorded\n +15 not asked for", done.stderr), done.stderr


def test_every_packet_is_accounted_for(weir, tmp_path):
    good = packet("203.0.113.1", ADDRESS, TCP, 60, 1, 80, SYN)
    ethernet = bytes(12)
    frames = [ethernet + b"\x08\x00" + good, ethernet + b"\x08\x06" + bytes(28),
              ethernet + b"\x08\x00" + good[:30], ethernet + b"\x08\x00" + b"\x45" + bytes(40),
              ethernet + b"\x08\x00" + packet("192.0.2.1", "192.0.2.2", TCP, 60, 1, 80, SYN),
              ethernet + b"\x08\x00" + packet(ADDRESS, "169.254.169.254", TCP, 60, 1, 80, SYN)]
    options = write(tmp_path, [(START, f) for f in frames], network(), link=1)
    done = weir("record", *options, "--output", "csv")
    classes = dict((name, int(n)) for n, name in re.findall(r"^ +(\d+) (.+)$", done.stderr, re.M))
    assert "6 packets read" in done.stderr
    assert sum(classes.values()) == 6
    assert classes["recorded"] == 1 and classes["not IP"] == 1 and classes["malformed"] == 1
    assert classes["of no described interface"] == 2 and classes["not logged by AWS's rules"] == 1


def test_parquet_is_the_text_with_awss_types(weir, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    options = [*write(tmp_path, some_packets(), network(more=[("eni-2", "10.0.0.10")])), "--log-format", "all"]
    weir("record", *options, "--log-destination", tmp_path / "text")
    weir("record", *options, "--log-destination", tmp_path / "parquet", "--file-format", "parquet")
    paths = objects(tmp_path / "parquet")
    assert len(paths) == 2 and all(path.name.endswith(".log.parquet") for path in paths)
    catalogue = json.loads(weir("fields", "--output", "json").stdout)
    arrow = {"INT_32": "int32", "INT_64": "int64", "STRING": "string"}
    types = {f["field"].replace("-", "_"): arrow[f["type"]] for f in catalogue}
    rows = []
    for path in paths:
        table = parquet.read_table(path)
        assert {n: str(t) for n, t in zip(table.schema.names, table.schema.types)} == {
            n: types[n] for n in table.schema.names}
        assert parquet.ParquetFile(path).metadata.row_group(0).column(0).compression == "GZIP"
        rows += table.to_pylist()

    def as_text(row):
        return {k.replace("_", "-"): "-" if v is None else str(v) for k, v in row.items()}
    assert [as_text(row) for row in rows] == records(tmp_path / "text")


def test_standard_input_and_gzip(weir, program, tmp_path):
    options = write(tmp_path, some_packets(), network())
    expected = weir("record", *options, "--output", "csv").stdout
    packed = gzip.compress((tmp_path / "capture.pcap").read_bytes())
    done = subprocess.run([program, "record", "--read", "-", *map(str, options[2:]), "--output", "csv"], input=packed,
                          capture_output=True, check=True)
    assert done.stdout.decode().replace("\r\n", "\n") == expected


def test_a_capture_that_ends_in_mid_packet_is_recorded_up_to_there(weir, tmp_path):
    options = write(tmp_path, some_packets(10), network())
    whole = (tmp_path / "capture.pcap").read_bytes()
    (tmp_path / "capture.pcap").write_bytes(whole[:-7])
    done = weir("record", *options, "--log-destination", tmp_path / "out", status=1)
    assert "ends in the middle of packet 10, at byte" in done.stderr
    assert sum(int(r["packets"]) for r in records(tmp_path / "out")) == 9


@pytest.mark.parametrize("content, message", [
    (b"", "is empty"), (b"hello, this is text", "looks like text"), (capture([])[:20], "truncated")])
def test_what_is_no_capture_is_refused(weir, tmp_path, content, message):
    options = write(tmp_path, [], network())
    (tmp_path / "capture.pcap").write_bytes(content)
    assert message in weir("record", *options, "--output", "csv", status=1).stderr


def test_a_clock_that_runs_backwards_loses_nothing(weir, tmp_path):
    packets = some_packets(20, START) + some_packets(20, START - 7200)
    done = weir("record", *write(tmp_path, packets, network()), "--log-destination", tmp_path / "out")
    assert "clock ran backwards: 20 packets" in done.stderr
    assert sum(int(r["packets"]) for r in records(tmp_path / "out") if r["log-status"] == "OK") == 40


def test_a_full_disk_is_an_error_and_leaves_only_whole_objects(weir, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("a small file system needs root")
    small = tmp_path / "small"
    small.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small], capture_output=True, check=False)
    if mount.returncode != 0:
        pytest.skip(f"tmpfs cannot be mounted: {mount.stderr.decode().strip()}")
    try:
        packets = [(START + i // 40, packet(f"203.{i >> 8 & 255}.{i & 255}.7", ADDRESS, TCP, 60, i * 7919 % 60000, 80, SYN))
                   for i in range(40000)]
        done = weir("record", *write(tmp_path, packets, network()), "--log-destination", small, "--log-format", "all",
                    "--max-aggregation-interval", "60", status=1)
        assert "No space left on device; free some space" in done.stderr
        assert objects(small), "what was written before is there"
        assert not [p for p in objects(small) if p.suffix == ".tmp"]
        for path in objects(small):
            gzip.decompress(path.read_bytes())
    finally:
        subprocess.run(["umount", small], check=True)


def test_what_a_full_disk_keeps_out_is_told(weir, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("a small file system needs root")
    small = tmp_path / "small"
    small.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], capture_output=True, check=False)
    if mount.returncode != 0:
        pytest.skip(f"tmpfs cannot be mounted: {mount.stderr.decode().strip()}")
    try:
        packets = [(START + i // 40, packet(f"203.{i >> 8 & 255}.{i & 255}.7", ADDRESS, TCP, 60, i * 7919 % 60000, 80, SYN))
                   for i in range(40000)]
        done = weir("record", *write(tmp_path, packets, network()), "--log-destination", small, status=1)
        written = records(small)
        figures = {name: int(re.search(r"(\d+) " + name, done.stderr)[1]) for name in (
            "packets read", "judged, but not all of their records could be written", "records in", "records not written")}
    finally:
        subprocess.run(["umount", small], check=True)
    read, judged, kept, lost = figures.values()
    assert read == judged and kept == len(written) and lost > 0
    assert kept + lost == read, "each packet is a flow of its own"
    assert " recorded" not in done.stderr


class Recording:
    """A `weir record` that reads a pipe, in a process group of its own."""

    def __init__(self, program, *options):
        self.process = subprocess.Popen([program, "record", "--read", "-", *map(str, options)], stdin=subprocess.PIPE,
                                        stderr=subprocess.PIPE, process_group=0)
        until_caught(self.process, signal.SIGINT, signal.SIGTERM)

    def end(self):
        """Its exit code, and what it said."""
        said = self.process.stderr.read().decode()
        return self.process.wait(timeout=60), said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_pipeline_records_all_that_its_writer_hands_over(program, tmp_path, number):
    """As Ctrl-C does in `tcpdump -w - | weir record --read -`: tcpdump still holds the last packets."""
    whole = write(tmp_path, some_packets(), network())[2:]
    running = Recording(program, *whole, "--log-destination", tmp_path / "out")
    bytes_of = (tmp_path / "capture.pcap").read_bytes()
    running.process.stdin.write(bytes_of[:1000])
    running.process.stdin.flush()
    os.killpg(running.process.pid, number)
    running.process.stdin.write(bytes_of[1000:])
    running.process.stdin.close()
    status, said = running.end()
    assert (status, "interrupted" in said) == (0, False), said
    assert "standard input: 30 packets read\n          30 recorded\n" in said
    assert [path.suffix for path in objects(tmp_path / "out")] == [".gz"]
    assert sum(int(r["packets"]) for r in records(tmp_path / "out")) == 30


def test_a_writer_that_goes_on_is_cut_off_and_what_it_wrote_is_on_disk(program, tmp_path):
    options = write(tmp_path, some_packets(), network())[2:]
    running = Recording(program, *options, "--log-destination", tmp_path / "out")
    running.process.stdin.write((tmp_path / "capture.pcap").read_bytes()[:-7])
    running.process.stdin.flush()
    os.killpg(running.process.pid, signal.SIGTERM)
    status, said = running.end()
    assert status == 130 and "weir: interrupted; what was read until then is recorded\n" in said
    assert "standard input: 29 packets read" in said and "ends in the middle" not in said
    assert [path.suffix for path in objects(tmp_path / "out")] == [".gz"]
    assert sum(int(r["packets"]) for r in records(tmp_path / "out")) == 29


def test_a_second_signal_ends_it_at_once(program, tmp_path):
    running = Recording(program, *write(tmp_path, [], network())[2:], "--output", "csv")
    running.process.send_signal(signal.SIGINT)
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(timeout=60) == -signal.SIGTERM


@pytest.mark.parametrize("options, message", [
    (["--log-format", "${srcadr}"], "did you mean ${srcaddr}?"),
    (["--log-format", "${tgw-id}"], "transit gateway"),
    (["--max-aggregation-interval", "300"], "300"),
    (["--traffic-type", "DROP"], "DROP"),
    (["--interface", "eni-none"], "eni-none is not described"),
    (["--log-destination", "out", "--flow-log-id", "../etc"], "is no flow log id"),
    (["--flow-log-id", "fl-1234abcd"], "--flow-log-id: is about objects, and none are written"),
    (["--file-format", "parquet"], "--file-format: is about objects, and none are written"),
    (["--hive-compatible-partitions"], "--hive-compatible-partitions: is about objects"),
    (["--per-hour-partition"], "--per-hour-partition: is about objects"),
    (["--output", "table"], "--output: At Most 1"),
    (["--interface", ""], "--interface: is empty"),
    (["--region", ""], "--region: is empty"),
    (["--log-destination", "s3://ab"], "names no bucket"),
    (["--log-destination", "s3://bucket/AWSLogs"], "is reserved"),
    (["--log-destination", "arn:aws:sns:eu-west-1:1:topic"], "names no bucket"),
    (["--region", "a/b"], "is no region"),
    (["--frobnicate"], "frobnicate")])
def test_usage_errors_end_with_2(weir, tmp_path, options, message):
    done = weir("record", *write(tmp_path, some_packets(), network()), "--output", "csv", *options, status=2)
    assert message in done.stderr + done.stdout


def test_packets_are_told_by_the_interfaces_of_the_capture(weir, tmp_path):
    def block(kind, body):
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
    def interface(link, name):
        return block(1, struct.pack("<HHIHH4sI", link, 0, 0, 2, 4, name, 0))
    def enhanced(number, seconds, data):
        return block(6, struct.pack("<5I", number, *divmod(seconds * 10**6, 2**32), len(data), len(data)) + data)
    options = write(tmp_path, [], network())
    raw = packet("203.0.113.1", ADDRESS, TCP, 60, 1, 80, SYN)
    (tmp_path / "capture.pcap").write_bytes(
        block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + interface(101, b"tun0") + interface(1, b"eth0")
        + enhanced(0, START, raw) + enhanced(1, START, bytes(12) + b"\x08\x06" + bytes(30))
        + enhanced(1, START, bytes(12) + b"\x08\x00" + raw + bytes(2)))
    done = weir("record", *options, "--output", "csv")
    assert "3 packets read: 1 on tun0, 2 on eth0\n" in done.stderr
    assert ",2,120," in done.stdout, "both are of one flow, the padding not counted"


def several_networks():
    """Two VPCs of two accounts and regions with the same addresses."""
    other = json.dumps(network()).replace("123456789010", "210987654321").replace("us-east-1", "eu-west-2")
    for name in ("vpc-", "subnet-", "eni-", "sg-", "acl-"):
        other = other.replace(name, name + "b")
    return {kind: objects + json.loads(other)[kind] for kind, objects in network().items()}


def test_an_interface_of_one_of_several_overlapping_networks(weir, tmp_path):
    packets = some_packets(2) + [(START + 2, packet(ADDRESS, "203.0.113.7", TCP, 60, 80, 1000, SYN)),
                                 (START + 3, packet("192.0.2.1", "192.0.2.2", TCP, 60, 1, 80, SYN))]
    options = write(tmp_path, packets, several_networks())
    eni = "eni-b1235b8ca123456789"
    done = weir("record", *options, "--interface", eni, "--log-destination", tmp_path / "out",
                "--log-format", "${interface-id} ${srcaddr} ${flow-direction} ${region} ${account-id}")
    (path,) = objects(tmp_path / "out")
    assert path.name.startswith("210987654321_vpcflowlogs_eu-west-2_")
    assert gzip.decompress(path.read_bytes()).decode().splitlines()[1:] == [
        f"{eni} {source} {direction} eu-west-2 210987654321" for source, direction in (
            ("203.0.113.0", "ingress"), ("203.0.113.1", "ingress"), (ADDRESS, "egress"), ("192.0.2.1", "ingress"))]
    assert f"note: 1 packet with no address of {eni}" in done.stderr
    assert "belongs to another account" in weir("record", *options, "--output", "csv", status=2).stderr
    whole = json.loads((tmp_path / "vpc.json").read_text().replace("210987654321", "123456789010"))
    (tmp_path / "vpc.json").write_text(json.dumps(whole))
    assert "in us-east-1, subnet-baaaaaaaa012345678 in eu-west-2" in weir(
        "record", *options, "--output", "csv", status=2).stderr
    done = weir("record", *options, "--output", "csv", "--region", "us-east-1", status=1)
    assert f"{ADDRESS}: belongs to eni-1235b8ca123456789 and to {eni}" in done.stderr


def test_a_destination_that_is_a_file_is_refused(weir, tmp_path):
    options = write(tmp_path, some_packets(), network())
    done = weir("record", *options, "--log-destination", tmp_path / "vpc.json", status=1)
    assert "Not a directory; choose another --log-destination" in done.stderr


@pytest.mark.parametrize("command", ["record", "fields"])
def test_an_output_that_cannot_be_written_is_an_error(program, tmp_path, command):
    options = ["fields"] if command == "fields" else [
        "record", *map(str, write(tmp_path, some_packets(), network())), "--output", "csv"]
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([program, *options], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1 and "weir: standard output: cannot be written" in done.stderr
