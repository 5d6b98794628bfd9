"""What `weir record` promises beyond single records: keys, formats, filters, counts, bad input."""

import collections
import datetime
import gzip
import json
import os
import re
import struct
import subprocess

import pytest
from network import ACK, SYN, TCP, capture, description, packet, permission, write

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


@pytest.mark.parametrize("options, message", [
    (["--log-format", "${srcadr}"], "did you mean ${srcaddr}?"),
    (["--log-format", "${tgw-id}"], "transit gateway"),
    (["--max-aggregation-interval", "300"], "300"),
    (["--traffic-type", "DROP"], "DROP"),
    (["--interface", "eni-none"], "eni-none is not described"),
    (["--flow-log-id", "../etc"], "is no flow log id"),
    (["--region", "a/b"], "is no region"),
    (["--frobnicate"], "frobnicate")])
def test_usage_errors_end_with_2(weir, tmp_path, options, message):
    done = weir("record", *write(tmp_path, some_packets(), network()), "--output", "csv", *options, status=2)
    assert message in done.stderr + done.stdout
