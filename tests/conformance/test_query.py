"""`weir query`: what it reads, counted again by Python; what SQL may do; what becomes of damage."""

import gzip
import json
import os
import pathlib
import pty
import random
import re
import signal
import subprocess
import time

import pytest
from peak import peak_of
from waiting import until_caught

DEFAULT = ("version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end "
           "action log-status").split()
WIDE = ("account-id action az-id bytes dstaddr dstport end flow-direction instance-id interface-id log-status "
        "packets pkt-dst-aws-service pkt-dstaddr pkt-src-aws-service pkt-srcaddr protocol region srcaddr srcport "
        "start sublocation-id sublocation-type subnet-id tcp-flags traffic-path type version vpc-id").split()
ODD = "bytes weir-reject-cause log-status brand-new-field interface-type action end start packets".split()
NUMBERS = {"version", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end", "tcp-flags",
           "traffic-path"}
STAMP = 1529511600  # 2018-06-20T16:20:00Z
TOTALS = "SELECT action, count(*) AS n, sum(bytes) AS bytes, sum(packets) AS packets FROM flow_logs GROUP BY 1"
COUNT = "SELECT count(*) AS n, sum(bytes) AS bytes FROM flow_logs"


def records(count, seed, end=STAMP):
    """Random records: a dictionary of a field's text each; every twentieth has no flow."""
    chance = random.Random(seed)
    out = []
    for number in range(count):
        record = {name: "-" for name in {*DEFAULT, *WIDE, *ODD}}
        record |= {"version": "5", "account-id": "123456789010", "interface-id": f"eni-{chance.randrange(9)}",
                   "start": str(end - 60), "end": str(end + number % 300), "log-status": "NODATA"}
        if number % 20:
            record |= {"srcaddr": f"10.0.{chance.randrange(9)}.{chance.randrange(256)}", "dstaddr": "2001:db8::1",
                       "srcport": str(chance.randrange(65536)), "dstport": chance.choice(["22", "443", "53"]),
                       "protocol": "6", "packets": str(chance.randrange(1, 99)), "log-status": "OK",
                       "bytes": str(chance.randrange(40, 10**chance.randrange(2, 12))),
                       "action": chance.choice(["ACCEPT", "ACCEPT", "REJECT"]), "brand-new-field": "7up"}
        out.append(record)
    return out


def text(rows, fields, header=True, end="\n"):
    lines = ([" ".join(fields)] if header else []) + [" ".join(row[name] for name in fields) for row in rows]
    return "".join(line + end for line in lines).encode()


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def put_parquet(path, rows, fields, number_types=None):
    """As AWS writes it: `_` in names, numbers with NULL, text with `-`."""
    pa = pytest.importorskip("pyarrow")
    columns = {}
    for name in fields:
        values = [row[name] for row in rows]
        if name in NUMBERS and number_types != "text":
            kind = pa.int64() if name in ("packets", "bytes", "start", "end") else pa.int32()
            columns[name.replace("-", "_")] = pa.array([None if v == "-" else int(v) for v in values], kind)
        else:
            columns[name.replace("-", "_")] = pa.array(values, pa.string())
    path.parent.mkdir(parents=True, exist_ok=True)
    import pyarrow.parquet
    pyarrow.parquet.write_table(pa.table(columns), path, compression="gzip")
    return path


def totals(rows):
    """The independent count."""
    out = {}
    for row in rows:
        known = out.setdefault(None if row["action"] == "-" else row["action"], [0, 0, 0])
        known[0] += 1
        known[1] += 0 if row["bytes"] == "-" else int(row["bytes"])
        known[2] += 0 if row["packets"] == "-" else int(row["packets"])
    return {key: tuple(value) for key, value in out.items()}


@pytest.fixture
def ask(weir):
    """The rows of a query, as dictionaries."""
    def run(sql, *sources, options=(), status=0, stdin=None):
        done = weir("query", *options, "--output", "json", "--from", *sources, "--", sql, status=status, stdin=stdin)
        return json.loads(done.stdout) if done.stdout else done.stderr
    return run


def asked_totals(ask, *sources, **options):
    return {row["action"]: (row["n"], row["bytes"] or 0, row["packets"] or 0)
            for row in ask(TOTALS, *sources, **options)}


KEY = "123456789010_vpcflowlogs_us-east-1_fl-1234abcd_20180620T{hour:02}20Z_{number:08x}.log.gz"
LAYOUTS = {
    "daily": "AWSLogs/123456789010/vpcflowlogs/us-east-1/2018/06/20/",
    "hourly": "AWSLogs/123456789010/vpcflowlogs/us-east-1/2018/06/20/{hour:02}/",
    "hive-daily": "AWSLogs/aws-account-id=123456789010/aws-service=vpcflowlogs/aws-region=us-east-1/year=2018/month=06"
                  "/day=20/",
    "hive-hourly": "AWSLogs/aws-account-id=123456789010/aws-service=vpcflowlogs/aws-region=us-east-1/year=2018"
                   "/month=06/day=20/hour={hour:02}/",
    "flat": "",
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("fields", [DEFAULT, WIDE, ODD], ids=["default", "wide", "odd"])
def test_totals_are_those_that_python_counts_in_each_layout_and_format(ask, tmp_path, layout, fields):
    rows = []
    for number, hour in enumerate((15, 16, 23)):
        some = records(700, number)
        rows += some
        put(tmp_path / "p" / (layout + KEY).format(hour=hour, number=number), text(some, fields))
    assert asked_totals(ask, tmp_path) == totals(rows)
    one = ask("SELECT count(*) AS n, min(log_account) AS a, min(log_region) AS r FROM flow_logs "
              "WHERE log_date = '2018-06-20' AND log_hour = 16", tmp_path)
    assert one == [{"n": 700, "a": "123456789010", "r": "us-east-1"}]


def test_no_layout_has_no_key(ask, tmp_path):
    put(tmp_path / "a.log", text(records(10, 1), DEFAULT))
    assert ask("SELECT DISTINCT log_account, log_region, log_date, log_hour FROM flow_logs", tmp_path) == [
        {"log_account": None, "log_region": None, "log_date": None, "log_hour": None}]


def test_formats_and_kinds_of_file_are_united_by_name(ask, tmp_path):
    parts = [records(300, seed) for seed in range(6)]
    put(tmp_path / "a.log.gz", text(parts[0], DEFAULT))
    put(tmp_path / "b.log", text(parts[1], WIDE))
    put_parquet(tmp_path / "c.log.parquet", parts[2], WIDE)
    put(tmp_path / "d.txt", text(parts[3], ODD))
    put_parquet(tmp_path / "e.parquet", parts[4], ODD)
    put_parquet(tmp_path / "f.parquet", parts[5], DEFAULT, number_types="text")
    (tmp_path / "notes.md").write_text("no log")
    assert asked_totals(ask, tmp_path) == totals(sum(parts, []))
    flows = sum(row["action"] != "-" for row in parts[3] + parts[4])
    assert ask("SELECT count(brand_new_field) AS n, count(weir_reject_cause) AS w, count(srcaddr) AS s, "
               "count(ecs_task_id) AS e FROM flow_logs", tmp_path) == [
        {"n": flows, "w": 0, "s": sum(row["action"] != "-" for i in (0, 1, 2, 5) for row in parts[i]), "e": 0}]
    names = set(ask("SELECT * FROM flow_logs LIMIT 1", tmp_path)[0])
    assert names == {name.replace("-", "_") for name in {*DEFAULT, *WIDE, *ODD}} | {
        "start_time", "end_time", "log_account", "log_region", "log_date", "log_hour"}


def test_parquet_has_nulls_and_aws_types(ask, tmp_path):
    put_parquet(tmp_path / "a.parquet", records(41, 3), WIDE)
    assert ask("SELECT count(*) AS n, count(srcaddr) AS s, count(dstport) AS d, typeof(any_value(bytes)) AS b, "
               "typeof(any_value(dstport)) AS p, count(end_time) AS t FROM flow_logs WHERE srcaddr IS NULL OR "
               "cidr_contains('10.0.0.0/8', srcaddr)", tmp_path) == [
        {"n": 41, "s": 38, "d": 38, "b": "BIGINT", "p": "INTEGER", "t": 41}]


def test_lists_of_files_globs_and_the_same_file_twice(ask, tmp_path):
    paths = [put(tmp_path / f"{name}.log", text(records(10, 1), DEFAULT)) for name in "abc"]
    assert ask(COUNT, *paths[:2])[0]["n"] == 20
    assert ask(COUNT, tmp_path / "[ab].log")[0]["n"] == 20
    assert ask(COUNT, paths[0], tmp_path, tmp_path / "a*")[0]["n"] == 30


@pytest.mark.parametrize("kind", ["text", "gzip", "parquet"])
def test_standard_input_is_read_like_a_file(program, tmp_path, kind):
    rows = records(500, 5)
    path = tmp_path / "x"
    if kind == "parquet":
        put_parquet(path, rows, DEFAULT)
    else:
        path.write_bytes(gzip.compress(text(rows, DEFAULT)) if kind == "gzip" else text(rows, DEFAULT))
    for source, given in (("-", path.read_bytes()), (path, None)):
        done = subprocess.run([program, "query", "--from", source, "--output", "csv", "--", COUNT], input=given,
                              capture_output=True, check=True, env={**os.environ, "TMPDIR": str(tmp_path)})
        assert done.stdout.decode().split()[1] == f"500,{sum(v[1] for v in totals(rows).values())}"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]  # nothing is left behind


def test_crlf_empty_lines_no_last_newline_and_members_with_headers(ask, tmp_path):
    rows = [records(50, seed) for seed in range(5)]
    put(tmp_path / "crlf.log", text(rows[0], DEFAULT, end="\r\n"))
    put(tmp_path / "gaps.log", b"\n\n" + text(rows[1], DEFAULT).replace(b"OK\n", b"OK\n\n"))
    put(tmp_path / "last.log", text(rows[2], DEFAULT)[:-1])
    (tmp_path / "two.log.gz").write_bytes(gzip.compress(text(rows[3], WIDE)) + gzip.compress(text(rows[4], DEFAULT)))
    assert asked_totals(ask, tmp_path) == totals(sum(rows, []))


def test_a_header_of_as_many_other_fields_in_the_middle_is_no_record(ask, tmp_path):
    turned = DEFAULT[::-1]
    rows = [records(50, seed) for seed in range(2)]
    put(tmp_path / "a.log", text(rows[0], DEFAULT) + text(rows[1], turned))
    assert asked_totals(ask, tmp_path) == totals(sum(rows, []))


@pytest.mark.parametrize("written", ["${%s}", "%s"], ids=["format", "header"])
def test_without_a_header_the_format_is_aws_default_or_named(ask, tmp_path, written):
    rows = records(50, 1)
    put(tmp_path / "a.log", text(rows, DEFAULT, header=False))
    assert asked_totals(ask, tmp_path) == totals(rows)
    put(tmp_path / "a.log", text(rows, ODD, header=False))
    named = " ".join(written % name for name in ODD)
    assert asked_totals(ask, tmp_path, options=["--log-format", named]) == totals(rows)
    assert ask("SELECT DISTINCT brand_new_field AS b FROM flow_logs WHERE action IS NOT NULL", tmp_path,
               options=["--log-format", named]) == [{"b": "7up"}]


LINES = [
    "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK",
    "2 123456789010 eni-1235b8ca123456789 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 1418530010 1418530070 REJECT OK",
    "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA",
    "2 123456789010 eni-11111111aaaaaaaaa - - - - - - - 1431280876 1431280934 - SKIPDATA",
    "2 123456789010 eni-1235b8ca123456789 2001:db8:1234:a100:8d6e:3477:df66:f105 "
    "2001:db8:1234:a102:3304:8879:34cf:4071 34892 22 6 54 8855 1477913708 1477913820 ACCEPT OK",
]
MESSAGES = [{"id": "1", "timestamp": 1418530010000, "message": line} for line in LINES]
WRAPPED = {
    "lines": "".join(line + "\n" for line in LINES),
    "firehose": "".join(json.dumps({"message": line}) + "\n" for line in LINES),
    "firehose without newlines": "".join(json.dumps({"message": line + "\n"}) for line in LINES),
    "export to S3": "".join(f"2014-12-14T04:06:50.000Z {line}\n" for line in LINES),
    "aws logs tail": "".join(f"2014-12-14T04:06:50+00:00 eni-1235b8ca123456789-all {line}\n" for line in LINES),
    "aws logs tail --format short": "".join(f"2014-12-14T04:06:50 {line}\n" for line in LINES),
    "filter-log-events": json.dumps({"events": MESSAGES, "searchedLogStreams": []}, indent=4),
    "subscription": json.dumps({"messageType": "CONTROL_MESSAGE", "logEvents": [
        {"id": "", "message": "CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}) + json.dumps(
        {"messageType": "DATA_MESSAGE", "owner": "123456789010", "logEvents": MESSAGES}),
}


@pytest.mark.parametrize("content", WRAPPED.values(), ids=WRAPPED)
@pytest.mark.parametrize("packed", [0, 1, 2], ids=["plain", "gzip", "gzip in gzip"])
def test_what_other_services_put_around_a_record_is_taken_off(ask, tmp_path, content, packed):
    data = content.encode()
    for _ in range(packed):
        data = gzip.compress(data)
    (tmp_path / "stream-1-2026-11-23-14-05-09-0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f").write_bytes(data)
    assert ask("SELECT log_status, count(*) AS n, sum(bytes) AS b, max(end_time) AS e, min(length(srcaddr)) AS s "
               "FROM flow_logs GROUP BY 1 ORDER BY 1", tmp_path) == [
        {"log_status": "NODATA", "n": 1, "b": None, "e": "2015-05-10 18:02:14", "s": None},
        {"log_status": "OK", "n": 3, "b": 17353, "e": "2016-10-31 11:37:00", "s": 11},
        {"log_status": "SKIPDATA", "n": 1, "b": None, "e": "2015-05-10 18:02:14", "s": None}]


# AWS's documented records of versions 3, 5 and 11's kind, with their formats.
DOCUMENTED = {
    "tcp-flags": ("version vpc-id subnet-id instance-id interface-id account-id type srcaddr dstaddr srcport dstport "
                  "pkt-srcaddr pkt-dstaddr protocol bytes packets start end action tcp-flags log-status",
                  "3 vpc-abcdefab012345678 subnet-aaaaaaaa012345678 i-01234567890123456 eni-1235b8ca123456789 "
                  "123456789010 IPv4 52.213.180.42 10.0.0.62 43416 5001 52.213.180.42 10.0.0.62 6 568 8 1566848875 "
                  "1566848933 ACCEPT 2 OK", {"tcp_flags": 2, "bytes": 568, "type": "IPv4", "dstport": 5001}),
    "service": ("version srcaddr dstaddr srcport dstport protocol start end type packets bytes account-id vpc-id "
                "subnet-id instance-id interface-id region az-id sublocation-type sublocation-id action tcp-flags "
                "pkt-srcaddr pkt-dstaddr pkt-src-aws-service pkt-dst-aws-service traffic-path flow-direction log-status",
                "5 10.0.0.71 52.95.128.179 34210 443 6 1616729292 1616729349 IPv4 14 15044 123456789012 "
                "vpc-abcdefab012345678 subnet-aaaaaaaa012345678 i-0c50d5961bcb2d47b eni-1235b8ca123456789 "
                "ap-southeast-2 apse2-az3 - - ACCEPT 3 10.0.0.71 52.95.128.179 - S3 8 egress OK",
                {"pkt_dst_aws_service": "S3", "traffic_path": 8, "sublocation_id": None, "az_id": "apse2-az3"}),
    "newer": ("version reject-reason resource-id encryption-status instance-tag next-hop-az-id ecs-task-id action end",
              "11 BPA - 1 web%20server apse2-az3 - REJECT 1616729349",
              {"encryption_status": 1, "instance_tag": "web%20server", "reject_reason": "BPA", "ecs_task_id": None}),
    "transit gateway": ("version resource-type tgw-id srcaddr packets packets-lost-blackhole log-status",
                        "6 TransitGateway tgw-1 10.0.0.1 4 0 OK",
                        {"tgw_id": "tgw-1", "packets_lost_blackhole": "0", "packets": 4}),
}


@pytest.mark.parametrize("header, line, expected", DOCUMENTED.values(), ids=DOCUMENTED)
def test_documented_records_of_every_version(ask, tmp_path, header, line, expected):
    put(tmp_path / "a.log.gz", f"{header}\n{line}\n".encode())
    row = ask("SELECT * FROM flow_logs", tmp_path)[0]
    assert {name: row[name] for name in expected} == expected


def test_a_line_that_does_not_fit_is_told_with_file_and_line(weir, tmp_path):
    rows = records(9, 1)
    lines = text(rows, DEFAULT).splitlines(keepends=True)
    lines[3:3] = [b"too short\n"]
    lines[5:5] = [b"2 caf\xe9 eni - - - - - - - 1 2 - NODATA\n"]
    lines.append(b"2 1 eni 10.0.0.1 10.0.0.2 http 22 6 1 5 1 2 ACCEPT OK\n")
    put(tmp_path / "a.log", b"".join(lines))
    for sql in (COUNT.replace("n,", "n, count(srcport) AS p,"),
                "SELECT count(*) AS n FROM flow_logs a JOIN flow_logs b USING (srcport)"):
        done = weir("query", "--from", tmp_path, "--", sql)
        assert f"{tmp_path}/a.log:4: has 2 fields instead of 14" in done.stderr
        assert f"{tmp_path}/a.log:6: is not UTF-8" in done.stderr
        assert f"{tmp_path}/a.log:13: srcport is no number" in done.stderr
        assert "3 lines did not fit" in done.stderr
    strict = weir("query", "--strict", "--from", tmp_path, "--", COUNT, status=1)
    assert strict.stdout == "" and "3 lines did not fit" in strict.stderr
    # What is left out by an equality is told all the same.
    assert "a.log:13" in weir("query", "--from", tmp_path, "--", COUNT + " WHERE srcport = 22").stderr


def test_a_bad_first_line_does_not_hide_the_others(weir, tmp_path):
    put(tmp_path / "a.log", b"# copied by hand\n" + text(records(9, 1), DEFAULT, header=False))
    done = weir("query", "--from", tmp_path, "--", COUNT)
    assert done.stdout.split()[2] == "9"
    assert "a.log:1: has 4 fields" in done.stderr


def damaged(name, good):
    """A damaged object, and the least of its 20,000 records that must be read."""
    packed = gzip.compress(good)
    return {
        "truncated": (packed[:len(packed) // 2], 5000),
        "wrong checksum": (packed[:-8] + bytes(4) + packed[-4:], 20000),
        "turned bit": (packed[:60000] + bytes([packed[60000] ^ 64]) + packed[60001:], 1000),
        "not gzip": (b"\x00\x01\x02 nothing", 0),
        "only the magic": (packed[:3], 0),
        "empty": (b"", 0),
        "another format": (b"a b c\n" * 20, 0),
        "truncated json": (b'{"message": "2 1 e', 0),
    }[name]


@pytest.mark.parametrize("name", ["truncated", "wrong checksum", "turned bit", "not gzip", "only the magic", "empty",
                                  "another format", "truncated json"])
def test_a_damaged_object_gives_what_can_be_read_a_warning_and_status_3(weir, tmp_path, name):
    good = put(tmp_path / "good.log.gz", text(records(100, 2), DEFAULT))
    bad = tmp_path / "bad.log.gz"
    content, least = damaged(name, text(records(20000, 1), DEFAULT))
    bad.write_bytes(content)
    done = weir("query", "--from", tmp_path, "--output", "csv", "--", COUNT, status=3)
    assert 100 + least <= int(done.stdout.split()[1].split(",")[0]) <= 20100
    assert f"weir: {bad}: " in done.stderr and "1 object could not be read" in done.stderr
    assert weir("query", "--from", good, "--", COUNT).stderr == ""


@pytest.mark.parametrize("spoil", ["cut", "empty", "data"])
def test_damaged_parquet_is_left_out_and_told(weir, tmp_path, spoil):
    put_parquet(tmp_path / "good.parquet", records(100, 1), DEFAULT)
    put(tmp_path / "text.log", text(records(50, 2), DEFAULT) + b"bad\n")
    bad = put_parquet(tmp_path / "bad.parquet", records(5000, 3), DEFAULT)
    content = bad.read_bytes()
    tail = 8 + int.from_bytes(content[-8:-4], "little")  # the footer says what there should be
    bad.write_bytes({"cut": content[:len(content) // 2], "empty": b"",
                     "data": content[:4] + b"\xff" * (len(content) - tail - 4) + content[-tail:]}[spoil])
    done = weir("query", "--from", tmp_path, "--output", "csv", "--", COUNT, status=3)
    assert done.stdout.split()[1].split(",")[0] == "150"
    assert str(bad) in done.stderr and "1 line did not fit" in done.stderr


def test_what_cannot_be_opened_or_listed_is_told(program, tmp_path):
    put(tmp_path / "good.log", text(records(10, 1), DEFAULT))
    put(tmp_path / "secret.log", text(records(10, 2), DEFAULT)).chmod(0)
    put(tmp_path / "locked" / "a.log", text(records(10, 3), DEFAULT))
    (tmp_path / "locked").chmod(0)
    as_nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
    for folder in (tmp_path, *tmp_path.parents):
        if as_nobody and folder.stat().st_uid == 0 and folder != pathlib.Path("/"):
            folder.chmod(folder.stat().st_mode | 0o5)
    try:
        done = subprocess.run([program, "query", "--from", tmp_path, "--output", "csv", "--", COUNT],
                              capture_output=True, text=True, check=False, **as_nobody)
    except PermissionError:
        pytest.skip("the program is where another user cannot run it")
    finally:
        (tmp_path / "locked").chmod(0o755)
    assert (done.returncode, done.stdout.split()[1].split(",")[0]) == (3, "10"), done.stderr
    assert "secret.log: cannot be opened" in done.stderr and "locked: cannot be listed" in done.stderr


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    """Two accounts, three days, four objects a day of ten records; one file has no key."""
    folder = tmp_path_factory.mktemp("month")
    for account in ("111111111111", "222222222222"):
        for day in (20, 21, 22):
            for hour in (0, 6, 12, 18):
                end = STAMP + (day - 20) * 86400 + (hour - 16) * 3600
                name = f"{account}_vpcflowlogs_us-east-1_fl-{account[:4]}abcd_201806{day}T{hour:02}20Z_00000000.log.gz"
                put(folder / f"AWSLogs/{account}/vpcflowlogs/us-east-1/2018/06/{day}" / name,
                    text(records(10, day * hour, end), DEFAULT))
    put(folder / "loose.log", text(records(10, 9), DEFAULT))
    return folder


AT_NOON = STAMP - 4 * 3600 + 86400  # 2018-06-21T12:20


# And how many objects may hold what it asks for, and rows.
CONDITIONS = [
    ("true", 25, 250),
    ("log_date = '2018-06-21'", 8, 80),
    ("log_date BETWEEN '2018-06-21' AND '2018-06-30'", 16, 160),
    ("log_date IN ('2018-06-20', '2018-06-22') AND log_hour > 6", 8, 80),
    ("log_date = '2018-06-21' OR log_hour = 0", 12, 120),
    ("NOT (log_date = '2018-06-21')", 16, 160),
    ("log_date IS NULL", 1, 10),
    ("log_account = '111111111111' AND log_region = 'us-east-1'", 12, 120),
    ("log_region = 'eu-west-1'", 0, 0),
    ("day(log_date) = 21 AND log_hour % 12 = 0", 4, 40),
    (f'"end" BETWEEN {AT_NOON} AND {AT_NOON + 9}', 3, 20),
    (f'"end" = {AT_NOON + 3}', 3, 2),
    (f'{AT_NOON} <= "end" AND {AT_NOON + 10} > "end"', 3, 20),
    ("end_time >= '2018-06-21 12:20:00' AND end_time < '2018-06-21 18:00:00'", 3, 20),
    (f"start >= {AT_NOON - 60} AND start <= {AT_NOON}", 3, 20),
    ("start_time > '2018-06-22 18:00:00'", 3, 20),
    (f'"end" > "end" % 7 + {AT_NOON + 86400 * 9}', 25, 0),
    ("action = 'x'' OR log_hour = 0 OR ''' AND log_hour = 0", 6, 0),
]


@pytest.mark.parametrize("condition, opened, rows", CONDITIONS)
def test_only_objects_that_a_condition_needs_are_opened(weir, month, condition, opened, rows):
    done = weir("query", "--stats", "--from", month, "--output", "csv", "--",
                f"SELECT count(*) FROM flow_logs WHERE {condition}")
    assert int(done.stdout.split()[1]) == rows
    assert int(re.search(r"opened (\d+)", done.stderr)[1]) == opened
    assert "listed 25 objects" in done.stderr


@pytest.mark.parametrize("sql, opened, rows", [
    ("WITH a AS (SELECT * FROM flow_logs WHERE log_hour = 0) SELECT count(*) FROM a WHERE log_date = '2018-06-21'", 2, 20),
    ("SELECT count(*) FROM (SELECT * FROM flow_logs) WHERE log_hour = 6", 6, 60),
    ("SELECT count(DISTINCT a.log_date) FROM flow_logs a JOIN flow_logs b ON a.log_date = b.log_date WHERE "
     "a.log_hour = 0 AND b.log_hour = 6", None, 3),
    ("SELECT (SELECT count(*) FROM flow_logs WHERE log_hour = 0) + (SELECT count(*) FROM flow_logs WHERE log_hour = 6)",
     None, 120),
    ("SELECT count(*) FROM flow_logs WHERE log_date = '2018-06-21' AND srcaddr IN (SELECT srcaddr FROM flow_logs "
     "WHERE log_date = '2018-06-22')", None, None),
])
def test_objects_are_chosen_through_subqueries_and_joins(weir, month, sql, opened, rows):
    done = weir("query", "--stats", "--from", month, "--output", "csv", "--", sql)
    if rows is not None:
        assert int(done.stdout.splitlines()[1]) == rows
    needed = int(re.search(r"needed (\d+)", done.stderr)[1])
    assert needed == opened if opened is not None else needed < 25


def test_since_and_until_choose_by_the_end(weir, month):
    done = weir("query", "--stats", "--since", "2018-06-21T12:20", "--until", "2018-06-21T18:20:05", "--from", month,
                "--output", "csv", "--", "SELECT count(*), min(end_time), max(end_time) FROM flow_logs")
    assert done.stdout.splitlines()[1] == "30,2018-06-21 12:20:00,2018-06-21 18:20:04"
    assert "opened 5 of text" in done.stderr


def test_since_needs_the_field_end(weir, tmp_path):
    put(tmp_path / "a.log", text(records(5, 1), ["srcaddr", "bytes", "action"]))
    assert "has no field end" in weir("query", "--since", "2018-06-21", "--from", tmp_path, "--", COUNT, status=1).stderr


@pytest.mark.parametrize("condition, expected", [
    ("dstport = 22", 4), ("22 = dstport", 4), ("dstport = '22'", 4), ("dstport = 22.0", 4), ("dstport IS NULL", 1),
    ("dstport = 22 AND srcaddr = '10.0.0.1'", 4), ("srcaddr = '-'", 0), ("srcaddr IS NULL", 1),
    ("account_id = '007'", 2), ("account_id = '7'", 3), ("account_id::INT = 7", 5), ("action = 'accept'", 0),
    ("lower(action) = 'accept'", 4), ("action = 'accept' COLLATE NOCASE", 4), ("bytes = 5 OR dstport = 22", 4),
    ("dstaddr = '2001:db8::1'", 3), ("cidr_contains('2001:db8::1/128', dstaddr)", 4), ("ecs_task_id = 'x'", 0),
    ("bytes = 99999999999999999999", 0), ("dstport IS NOT DISTINCT FROM NULL", 1),
])
def test_equalities_that_are_pushed_down_lose_no_row(ask, tmp_path, condition, expected):
    put(tmp_path / "a.log", b"account-id srcaddr dstaddr dstport bytes action\n"
        b"007 10.0.0.1 2001:db8::1 22 5 ACCEPT\n007 10.0.0.1 2001:db8::1 022 5 ACCEPT\n"
        b"7 10.0.0.1 2001:db8::1 22 5 ACCEPT\n7 10.0.0.1 2001:DB8:0:0::1 22 5 ACCEPT\n7 - - - - -\n")
    assert ask(f"SELECT count(*) AS n FROM flow_logs WHERE {condition}", tmp_path) == [{"n": expected}]


ATTACKS = """
SELECT * FROM read_csv('{file}')
SELECT * FROM read_text('{file}')
SELECT * FROM read_blob('{file}')
SELECT * FROM read_json('{file}')
SELECT * FROM read_parquet('{file}')
SELECT * FROM READ_TEXT('{file}')
SELECT * FROM system.main.read_text('{file}')
SELECT * FROM main.read_text('{file}')
SELECT * FROM parquet_metadata('{file}')
SELECT * FROM sniff_csv('{file}')
SELECT * FROM glob('/*')
SELECT * FROM '{file}'
SELECT * FROM "{file}"
SELECT (SELECT max(content) FROM read_text('{file}')) FROM flow_logs
SELECT count(*) FROM flow_logs WHERE srcaddr IN (SELECT content FROM read_text('{file}'))
WITH a AS (SELECT * FROM read_text('{file}')) SELECT * FROM a
SELECT * FROM query('SELECT * FROM read_text(''{file}'')')
SELECT * FROM query('SELECT 1')
SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM read_text(''{file}'')'))
SELECT * FROM flow_logs, LATERAL read_text('{file}')
DESCRIBE SELECT * FROM read_text('{file}')
SUMMARIZE SELECT * FROM read_text('{file}')
EXPLAIN ANALYZE SELECT * FROM read_text('{file}')
EXPLAIN ANALYZE COPY (SELECT 1) TO '{out}'
COPY (SELECT 1) TO '{out}'
COPY flow_logs TO '{out}' (FORMAT csv)
EXPORT DATABASE '{out}'
IMPORT DATABASE '{out}'
ATTACH '{out}'
ATTACH ':memory:' AS other
DETACH memory
USE memory
INSTALL httpfs
LOAD httpfs
LOAD '{out}'
SELECT * FROM read_csv('https://127.0.0.1/x.csv')
SET threads = 1
SET enable_external_access = true
RESET threads
SET VARIABLE x = 1
PRAGMA threads = 1
PRAGMA enable_external_access
CALL enable_logging(storage = 'file', storage_path = '{out}')
SELECT * FROM enable_logging(storage = 'file', storage_path = '{out}')
SELECT * FROM enable_profiling(save_location = '{out}')
SELECT * FROM truncate_duckdb_logs()
SELECT * FROM which_secret('s3://x', 's3')
SELECT * FROM duckdb_secrets()
SELECT * FROM force_checkpoint()
SELECT getenv('HOME')
CREATE TABLE x AS SELECT 1
CREATE OR REPLACE TEMP VIEW flow_logs AS SELECT 1
CREATE MACRO f() AS TABLE SELECT 1
CREATE SECRET (TYPE s3)
CREATE TYPE mood AS ENUM ('a')
DROP VIEW flow_logs
ALTER VIEW flow_logs RENAME TO x
COMMENT ON VIEW flow_logs IS 'x'
INSERT INTO weir_objects VALUES (1)
DELETE FROM weir_objects
UPDATE weir_objects SET number = 1
TRUNCATE weir_objects
WITH a AS (INSERT INTO weir_objects VALUES (1) RETURNING 1) SELECT * FROM a
MERGE INTO weir_objects USING weir_objects ON true WHEN MATCHED THEN DELETE
PREPARE v AS SELECT 1
EXECUTE v
BEGIN
CHECKPOINT
VACUUM
SELECT 1; SELECT 2
SELECT 1; COPY (SELECT 1) TO '{out}'
SELECT 1) TO '{out}'; --
SELECT 1) TO '{out}' (FORMAT csv) --
SELECT 1 -- ) TO '{out}'\\n) TO '{out}'; SELECT (1
SELECT 1 /* ) TO '{out}' */) TO '{out}' --
SELECT 1 /* unclosed
SELECT ')' AS a) TO '{out}' /*
;
-- nothing
""".strip().splitlines()


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_sql_cannot_do_anything_but_read_flow_logs(program, tmp_path, attack, form):
    secret = tmp_path / "secret.csv"
    secret.write_text("word\nxyzzy\n")
    put(tmp_path / "logs" / "a.log", text(records(5, 1), DEFAULT))
    sql = attack.replace("\\n", "\n").format(file=secret, out=tmp_path / "out")
    done = subprocess.run([program, "query", "--from", tmp_path / "logs", "--output", form, "--", sql],
                          capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1, done.stdout
    assert done.stdout == "" and "weir: " in done.stderr and "xyzzy" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logs", "secret.csv"]


@pytest.mark.parametrize("sql", [
    "SELECT 1 AS a; -- done", "SELECT 1 AS a -- done", "SELECT /* ) */ 1 AS a /* ( */", "VALUES (1)",
    "FROM flow_logs SELECT 1 LIMIT 1", "SELECT ';' AS a", "DESCRIBE flow_logs", "SUMMARIZE flow_logs",
    "SELECT * FROM range(3)", "SELECT unnest([1, 2])", "TABLE flow_logs",
    "PIVOT flow_logs ON action IN ('ACCEPT', 'REJECT') USING count(*) GROUP BY protocol", "SHOW TABLES",
    "WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a WHERE n < 5) SELECT max(n) FROM a",
    "SELECT 1 UNION SELECT 2", "(SELECT 1)",
])
def test_statements_that_read_are_run_in_both_ways(program, weir, tmp_path, sql):
    put(tmp_path / "a.log", text(records(5, 1), DEFAULT))
    rows = json.loads(weir("query", "--from", tmp_path, "--output", "json", "--", sql).stdout)
    assert rows
    done = subprocess.run([program, "query", "--from", tmp_path, "--output", "parquet", "--", sql],
                          capture_output=True, check=True)
    table = pytest.importorskip("pyarrow.parquet").read_table(__import__("io").BytesIO(done.stdout))
    assert table.num_rows == len(rows)


TYPES = """SELECT 1::DOUBLE / 0 AS inf, 'nan'::DOUBLE AS nan, 1.50::DECIMAL(10, 2) AS d, '\\xAA'::BLOB AS b,
INTERVAL 3 DAYS AS i, [1, 2] AS l, {'a': 1, 'b': 'x "y'} AS s, MAP {'k': [NULL]} AS m,
TIMESTAMP '2020-01-01 00:00:00.123' AS ts, TIMESTAMPTZ '2020-01-01 00:00:00+02' AS tz, DATE '2020-01-01' AS da,
TIME '10:00' AS t, true AS bo, NULL AS nu, 170141183460469231731687303715884105727::HUGEINT AS h, 1e300 AS big,
'a"b' AS "q""uo, te", 1 AS a, 2 AS a, 3 AS a_1, '☃' AS snow, [['x']] AS n, json_object('j', 1) AS j, ['inf'::FLOAT] AS li
"""


def test_json_is_valid_and_exact_whatever_the_types(weir, tmp_path):
    put(tmp_path / "a.log", text(records(1, 1), DEFAULT))
    said = weir("query", "--from", tmp_path, "--output", "json", "--", TYPES).stdout
    assert '"d":1.50,' in said and '"h":170141183460469231731687303715884105727,' in said
    assert json.loads(said, parse_constant=lambda name: pytest.fail(name)) == [{
        "inf": "inf", "nan": "nan", "d": 1.5, "b": "\\xAA", "i": "3 days", "l": [1, 2], "s": {"a": 1, "b": 'x "y'},
        "m": {"k": [None]}, "ts": "2020-01-01 00:00:00.123", "tz": "2019-12-31 22:00:00+00", "da": "2020-01-01",
        "t": "10:00:00", "bo": True, "nu": None, "h": 170141183460469231731687303715884105727, "big": 1e300,
        'q"uo, te': 'a"b', "a": 1, "a_1": 2, "a_1_1": 3, "snow": "☃", "n": [["x"]], "j": {"j": 1},
        "li": json.loads(said)[0]["li"]}]


def test_csv_markdown_and_table_have_the_same_values(weir, tmp_path):
    put(tmp_path / "a.log", text(records(1, 1), DEFAULT))
    sql = "SELECT 1.50 AS d, [1, 2] AS l, NULL AS n, 'a|b,c' AS \"q\"\"x\", 7 AS d"
    forms = {form: weir("query", "--from", tmp_path, "--output", form, "--", sql).stdout
             for form in ("csv", "markdown", "table")}
    assert forms["csv"] == 'd,l,n,"q""x",d\n1.50,"[1,2]",,"a|b,c",7\n'
    assert forms["table"] == '   d  l      n  q"x    d\n1.50  [1,2]  -  a|b,c  7\n'
    assert forms["markdown"].splitlines()[2] == "| 1.50 | [1,2] | - | a\\|b,c | 7 |"


def test_parquet_has_the_types_of_the_query(program, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    put(tmp_path / "a.log", text(records(100, 1), WIDE))
    with open(tmp_path / "out.parquet", "wb") as out:
        subprocess.run([program, "query", "--from", tmp_path / "a.log", "--output", "parquet", "--",
                        "SELECT * FROM flow_logs"], stdout=out, check=True)
    table = parquet.read_table(tmp_path / "out.parquet")
    assert (table.num_rows, str(table.schema.field("bytes").type)) == (100, "int64")
    again = subprocess.run([program, "query", "--from", tmp_path / "out.parquet", "--output", "json", "--", TOTALS],
                           capture_output=True, check=True)
    assert {row["action"]: (row["n"], row["bytes"] or 0, row["packets"] or 0)
            for row in json.loads(again.stdout)} == totals(records(100, 1))


def test_tables_of_the_user_are_joined(ask, weir, tmp_path):
    put(tmp_path / "logs" / "a.log", text(records(200, 1), DEFAULT))
    (tmp_path / "names.csv").write_text("port,name\n22,ssh\n443,web\n")
    (tmp_path / "names.json").write_text('[{"port": 22, "name": "ssh"}, {"port": 443, "name": "web"}]')
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet
    pyarrow.parquet.write_table(pa.table({"port": [22, 443], "name": ["ssh", "web"]}), tmp_path / "names.parquet")
    wanted = sum(row["dstport"] == "443" for row in records(200, 1))
    for ending in ("csv", "json", "parquet"):
        assert ask("SELECT count(*) AS n FROM flow_logs JOIN names ON dstport = port WHERE name = 'web'",
                   tmp_path / "logs", options=["--table", f"names={tmp_path}/names.{ending}"]) == [{"n": wanted}]
    (tmp_path / "bad.parquet").write_text("no parquet")
    for table, said in ((f"x={tmp_path}/nosuch.csv", "nosuch.csv"), (f"x={tmp_path}/bad.parquet", "bad.parquet"),
                        ("x", "is not name=file"), (f"flow_logs={tmp_path}/names.csv", "the name is taken")):
        status = 1 if table.startswith("x=") else 2
        assert said in weir("query", "--table", table, "--from", tmp_path / "logs", "--", COUNT, status=status).stderr


def test_helpers(ask, weir, tmp_path):
    put(tmp_path / "a.log", text(records(1, 1), DEFAULT))
    assert ask("SELECT protocol_name(6) AS a, protocol_name(253) AS b, port_name(443) AS c, port_name(50000) AS d, "
               "cidr_contains('10.0.0.0/8', '10.1.2.3') AS e, cidr_contains('2001:db8::/32', '2001:db9::1') AS f, "
               "cidr_contains('10.0.0.0/8', NULL) AS g, is_private('172.16.0.1') AS h, is_private('8.8.8.8') AS i, "
               "is_private('fd00::1') AS j, cidr_contains('10.0.0.0/8', 'x') AS k", tmp_path) == [
        {"a": "TCP", "b": "253", "c": "https", "d": "50000", "e": True, "f": False, "g": None, "h": True, "i": False,
         "j": True, "k": None}]
    assert "is no block of addresses" in weir("query", "--from", tmp_path, "--",
                                              "SELECT cidr_contains('10.0.0.0/33', '10.0.0.1')", status=1).stderr


@pytest.mark.parametrize("sql, said", [
    ("SELECT nosuch FROM flow_logs", "nosuch"), ("SELEC 1", "syntax error"), ("SELECT 1 FROM nosuch", "nosuch"),
    ("SELECT 'x'::INT", "Conversion Error"), ("SELECT $1", "parameter"),
])
def test_errors_of_the_query_are_said_in_its_own_words(weir, tmp_path, sql, said):
    put(tmp_path / "a.log", text(records(1, 1), DEFAULT))
    done = weir("query", "--from", tmp_path, "--", sql, status=1)
    assert said in done.stderr and "EXPLAIN" not in done.stderr and done.stdout == ""


def test_a_full_disk_is_an_error(program, tmp_path):
    put(tmp_path / "a.log", text(records(1, 1), DEFAULT))
    with open("/dev/full", "wb") as full:
        done = subprocess.run([program, "query", "--from", tmp_path, "--", COUNT], stdout=full, stderr=subprocess.PIPE,
                              check=False)
    assert done.returncode == 1 and b"cannot be written" in done.stderr


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """A million records in twenty objects."""
    folder = tmp_path_factory.mktemp("big")
    for number in range(20):
        chance = random.Random(number)
        lines = [" ".join(DEFAULT)]
        lines += [f"2 123456789010 eni-{i % 50:017x} 10.{i % 7}.{chance.randrange(256)}.{chance.randrange(256)} "
                  f"10.200.{chance.randrange(256)}.{i % 256} {chance.randrange(1024, 65536)} 443 6 {i % 90 + 1} "
                  f"{i * 11 % 99999} {STAMP - 60} {STAMP + i % 300} {'REJECT' if i % 8 == 0 else 'ACCEPT'} OK"
                  for i in range(50_000)]
        (folder / f"{number:02}.log.gz").write_bytes(gzip.compress("\n".join(lines).encode() + b"\n", 1))
    return folder


SLOW = "SELECT count(*) FROM flow_logs a JOIN flow_logs b ON a.bytes % 10 = b.bytes % 10 WHERE a.srcport > b.srcport"


def interrupt_when_it_can_be(child):
    """Sends Ctrl-C once the program watches for it, which is before it reads the first object."""
    until_caught(child, signal.SIGINT)
    child.send_signal(signal.SIGINT)


@pytest.mark.parametrize("sql", [SLOW, "SELECT sum(bytes) FROM flow_logs, range(100000) WHERE action != 'none'",
                                 SLOW + " AND a.srcaddr = 'none'"])
def test_ctrl_c_ends_a_query_at_once_with_130(program, big, sql):
    with subprocess.Popen([program, "query", "--from", big, "--", sql], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as child:
        interrupt_when_it_can_be(child)
        started = time.monotonic()
        out, err = child.communicate(timeout=60)
        assert time.monotonic() - started < 30
    assert (child.returncode, out) == (130, "") and "interrupted" in err


def test_ctrl_c_while_standard_input_is_awaited(program, tmp_path):
    with subprocess.Popen([program, "query", "--from", "-", "--", COUNT], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)},
                          text=True) as child:
        interrupt_when_it_can_be(child)
        child.wait(timeout=30)
        assert child.returncode == 130
    assert list(tmp_path.iterdir()) == []


def test_progress_is_shown_on_a_terminal_only(program, big):
    sql = SLOW + " LIMIT 1"
    ours, theirs = pty.openpty()
    with subprocess.Popen([program, "query", "--from", big, "--", sql], stdout=subprocess.DEVNULL, stderr=theirs,
                          close_fds=True) as child:
        os.close(theirs)
        shown = b""
        while b"lines" not in shown:  # an OSError, if the program ends without it
            shown += os.read(ours, 4096)
        child.send_signal(signal.SIGINT)
        child.wait(timeout=60)
    os.close(ours)
    assert re.search(rb"\r\x1b\[K\d+ lines, \d+ of \d+ MB", shown)
    with subprocess.Popen([program, "query", "--from", big, "--", sql], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE) as child:
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(timeout=2)
        interrupt_when_it_can_be(child)
        assert child.communicate(timeout=60)[1] == b"weir: interrupted\n"


@pytest.mark.parametrize("sql, form, threads", [
    ("SELECT * FROM flow_logs", "table", 2),
    ("SELECT * FROM flow_logs ORDER BY bytes, srcaddr", "csv", 5),  # more than the 208 MB of two are enough for
    ("SELECT srcaddr, dstaddr, srcport, count(*), sum(bytes) FROM flow_logs GROUP BY ALL", "json", 2),
    ("SELECT * FROM flow_logs ORDER BY srcaddr", "parquet", 2),
])
def test_memory_is_bounded_whatever_is_asked(program, big, tmp_path, sql, form, threads):
    if any(name in pathlib.Path(program).read_bytes() for name in (b"__asan_init", b"__tsan_init")):
        pytest.skip("a sanitizer's build takes memory of its own")
    with open(tmp_path / "out", "wb") as out:
        peak, _ = peak_of(tmp_path, [program, "query", "--threads", str(threads), "--from", big, "--output", form, "--", sql],
                          stdout=out)
    assert peak <= 400_000_000 + (threads - 2) * 105_000_000, f"{peak / 1e6:.0f} MB"
