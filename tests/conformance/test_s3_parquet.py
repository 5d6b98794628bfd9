"""Parquet in S3: the answers of the same files in a folder, whoever wrote them, from a part of their bytes. What is
fetched is counted by the server."""

import io
import random
import re
import struct
import subprocess

import pytest
from scripted import CLEAN
from test_query import DEFAULT, records, text
from test_s3 import client
from test_s3_reading import bucket, count, holding, run, upload
import waiting

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

__all__ = ["bucket", "holding"]  # fixtures

ROWS, GROUP = 12_000, 5_000  # so that there are three groups of rows, the last one short
PAYLOAD = 80  # bytes: a group's are too many to be fetched because they lie in between


def table(rows=ROWS):
    """AWS's columns in an order of their own, another's among them: nested, of a name with a comma, of bytes."""
    chance = random.Random(1)
    many = range(rows)
    columns = {
        "version": pa.array([5] * rows, pa.int32()),
        "srcaddr": pa.array([f"10.{chance.randrange(256)}.{chance.randrange(9)}.7" for _ in many]),
        "tags": pa.array([[{"key": str(each), "value": chance.randrange(99)}] * (each % 3) for each in many]),
        "bytes": pa.array([None if each % 20 == 0 else chance.randrange(10**9) for each in many], pa.int64()),
        "srcaddr, too": pa.array([chance.randrange(9) for _ in many], pa.int64()),
        "unread": pa.array([chance.randbytes(PAYLOAD) for _ in many], pa.binary()),
        "action": pa.array([chance.choice(["ACCEPT", "ACCEPT", "REJECT", "-"]) for _ in many]),
        "payload": pa.array([chance.randbytes(PAYLOAD) for _ in many], pa.binary()),
        "start": pa.array([1529511600 + each // 100 for each in many], pa.int64()),
        "end": pa.array([1529511660 + each // 100 for each in many], pa.int64()),
        "log_status": pa.array(["OK"] * rows),
        "place": pa.array([{"x": each, "deep": {"y": [each] * (each % 2)}} for each in many]),
        "dstport": pa.array([chance.choice([22, 443, 53, 60_000 + each % 99]) for each in many], pa.int32())}
    return pa.table(columns)


TABLE = table()
WRITERS = {
    "plain": {"compression": "none", "use_dictionary": False},
    "snappy": {"compression": "snappy"},
    "zstd": {"compression": "zstd", "write_page_index": True, "data_page_size": 4096},
    "gzip": {"compression": "gzip", "use_dictionary": ["action"], "data_page_version": "2.0"},
    "lz4": {"compression": "lz4", "write_statistics": False, "column_encoding": {"bytes": "DELTA_BINARY_PACKED"},
            "use_dictionary": False},
    "bloom": {"compression": "snappy", "bloom_filter_options": {"action": {}, "dstport": {}}},
}


def written(options, rows=TABLE, group=GROUP):
    out = io.BytesIO()
    parquet.write_table(rows, out, row_group_size=group, **options)
    return out.getvalue()


@pytest.fixture(scope="module")
def files():
    """Each writer's file, as it is needed."""
    made = {}

    def file(writer):
        if writer not in made:
            made[writer] = written(WRITERS[writer])
        return made[writer]

    return file


LOG = text(records(50, 3), DEFAULT)

QUERIES = [
    "SELECT count(*) FROM flow_logs",
    "SELECT action, count(*), sum(bytes) FROM flow_logs GROUP BY ALL ORDER BY ALL",
    "SELECT count(*), sum(bytes) FROM flow_logs WHERE dstport = 443 AND action = 'REJECT'",
    "SELECT count(*) FROM flow_logs WHERE dstport = 1",
    "SELECT count(*) FROM flow_logs WHERE action = 'NONE' OR start_time > '2018-06-20 16:22'",
    "SELECT min(start_time), max(end_time), count(log_date) FROM flow_logs",
    "SELECT tags, place FROM flow_logs WHERE srcaddr LIKE '10.7.%' ORDER BY bytes, tags, place",
    'SELECT sum("srcaddr, too"::INT), max(payload) FROM flow_logs WHERE bytes > 9e8',
    "SELECT a.dstport, count(*) FROM flow_logs a JOIN flow_logs b ON a.bytes = b.bytes AND b.action IS NULL GROUP BY 1 "
    "ORDER BY 1, 2",
    "SELECT * FROM flow_logs ORDER BY ALL LIMIT 30",
    "SELECT COLUMNS('src.*') FROM flow_logs ORDER BY ALL LIMIT 9",
    "WITH top AS (SELECT srcaddr, sum(bytes) AS b FROM flow_logs GROUP BY 1 ORDER BY b DESC, 1 LIMIT 3) SELECT f.srcaddr, "
    "count(*) FROM flow_logs f JOIN top USING (srcaddr) GROUP BY 1 ORDER BY 1",
    "SELECT count(*) FROM (SUMMARIZE flow_logs)",
]


HARD = [QUERIES[number] for number in (2, 4, 6)]


class Here:
    @staticmethod
    def environment():
        return {}


def answer(program, place, sql, server=Here, status=0, **variables):
    return run(server, program, "query", "--stats", "--from", place, "--output", "csv", "--", sql, status=status,
               **variables)


@pytest.fixture(scope="module")
def here(program, tmp_path_factory, files):
    """The answers of a folder: all writers wrote the same rows."""
    folder = tmp_path_factory.mktemp("here")
    (folder / "a.parquet").write_bytes(files("plain"))
    (folder / "b.log").write_bytes(LOG)
    return {sql: answer(program, folder, sql).stdout for sql in QUERIES}


@pytest.mark.parametrize("writer", WRITERS)
def test_every_writers_files_are_read_as_in_a_folder(holding, program, files, here, writer):
    server = holding({"a.parquet": files(writer), "b.log": LOG})
    for sql in QUERIES if writer == "bloom" else HARD:
        there = answer(program, "s3://logs", sql, server)
        assert there.stdout == here[sql], sql
        assert len(there.stdout.splitlines()) > 1


def test_a_real_server_gives_what_is_asked_for(server, bucket, program, tmp_path, files, here):
    (tmp_path / "a.parquet").write_bytes(files("zstd"))
    (tmp_path / "b.log").write_bytes(LOG)
    upload(server, bucket, tmp_path)
    for sql in HARD:
        there = answer(program, f"s3://{bucket}", sql, server)
        assert there.stdout == here[sql], sql
    assert int(re.search(r"took (\d+) bytes", there.stderr)[1]) < len(files("zstd")) / 2


def sent(server):
    return sum(count for _, _, count in server.sent)


@pytest.mark.parametrize("sql, share", [
    ("SELECT count(*) FROM flow_logs", 0.05), ("SELECT sum(bytes) FROM flow_logs WHERE action = 'REJECT'", 0.3),
    ("SELECT no_such_column FROM flow_logs", 0.05), ("DESCRIBE flow_logs", 0.05),
    ("SELECT 1 FROM flow_logs WHERE false", 0.05), ("SELECT count(payload) FROM flow_logs", 0.6),
    ("SELECT * FROM flow_logs LIMIT 1", 1.0)])
def test_no_more_comes_than_is_needed(holding, program, files, sql, share):
    body = files("snappy")
    server = holding({f"{name}.parquet": body for name in "ab"})
    done = answer(program, "s3://logs", sql, server, status="no_such" in sql)
    assert sent(server) <= share * 2 * len(body)
    assert f"asked S3 {len(server.requests)} times" in done.stderr
    if not done.returncode:
        assert f"opened 2 objects of Parquet ({2 * len(body)} bytes), took {sent(server)} bytes of them" in done.stderr


def test_a_long_footer_comes_whole(holding, program):
    rows = pa.table({f"column_{number}": pa.array(range(900)) for number in range(300)} |
                    {"payload": pa.array([random.randbytes(900) for _ in range(900)])})
    body = written({"compression": "none"}, rows, 100)
    length = struct.unpack("<I", body[-8:-4])[0]
    assert length > 100_000
    server = holding({"a.parquet": body})
    done = answer(program, "s3://logs", "SELECT max(column_7::INT) FROM flow_logs", server)
    assert done.stdout.split()[-1] == "899"
    assert sent(server) < length + len(body) / 3


@pytest.mark.parametrize("steps, said", [
    ([404] * 9, "NoSuchKey"), (["ok"] + [403] * 19, "AccessDenied"), (["ok", "ok"] + [503] * 29, "SlowDown")], ids=str)
def test_an_object_that_cannot_be_had_is_told_and_the_others_count(holding, program, files, steps, said):
    server = holding({"a.parquet": files("snappy"), "b.log": LOG}, **{"/logs/a.parquet": steps})
    done = answer(program, "s3://logs", "SELECT count(*), sum(bytes) FROM flow_logs", server, status=3,
                  AWS_MAX_ATTEMPTS="2")
    assert count(done) == 50
    assert "a.parquet: " in done.stderr and said in done.stderr and "1 object could not be read" in done.stderr


@pytest.mark.parametrize("steps", [["cut", "ok", 503, "reset"], ["whole"] * 99, ["ok"] + ["whole"] * 99], ids=str)
def test_what_passes_is_tried_again_and_ranges_may_be_unknown(holding, program, files, here, steps):
    server = holding({"a.parquet": files("snappy"), "b.log": LOG}, **{"/logs/a.parquet": steps})
    assert answer(program, "s3://logs", QUERIES[2], server).stdout == here[QUERIES[2]]


def test_an_object_that_is_replaced_meanwhile_is_never_half_of_each(holding, program, files):
    server = holding({"a.parquet": files("snappy"), "b.log": LOG})

    class Replacing(list):
        def pop(self, _):
            server.objects["/logs/a.parquet"] = files("zstd")
            return list.pop(self, 0)

    server.faults["/logs/a.parquet"] = Replacing(["ok"])
    done = answer(program, "s3://logs", "SELECT count(*), sum(bytes) FROM flow_logs", server, status=3)
    assert "a.parquet: is another object by now" in done.stderr
    assert count(done) == 50


def spoilt(good):
    """Files that are damaged, each in a way of its own, and what becomes of them."""
    length = struct.unpack("<I", good[-8:-4])[0]
    footer = len(good) - 8 - length
    for said in (0, 1, length - 1, length + 1, len(good) - 8, len(good), 2**32 - 1):
        yield good[:-8] + struct.pack("<I", said) + b"PAR1"
    yield good[:-4] + b"PAR2"
    for kept in (280_000, len(good) // 2, len(good) - 1):
        yield good[:kept]
    chance = random.Random(11)
    for _ in range(20):
        bad = bytearray(good)
        for _ in range(chance.choice([1, 2, 5])):
            bad[footer + chance.randrange(length)] = chance.randrange(256)
        yield bytes(bad)
    for _ in range(9):
        bad = bytearray(good)
        for _ in range(40):
            bad[chance.randrange(footer)] ^= 1 << chance.randrange(8)
        yield bytes(bad)


@pytest.mark.parametrize("sums", ["", "sum(bytes), max(action), sum(dstport), "])
def test_what_is_damaged_is_told_and_has_no_rows_but_those_that_it_has_in_a_folder(holding, program, tmp_path, sums):
    sql = f"SELECT log_account, {sums}count(*) FROM flow_logs GROUP BY ALL ORDER BY ALL"
    good = written(WRITERS["plain"], table(2000), 900)
    objects = {}
    for number, body in enumerate([good, *spoilt(good)]):
        objects[f"AWSLogs/{number:012}/vpcflowlogs/us-east-1/2018/06/20/x.parquet"] = body
    for key, body in objects.items():
        (tmp_path / key).parent.mkdir(parents=True)
        (tmp_path / key).write_bytes(body)
    server = holding(objects)
    in_folder = answer(program, tmp_path, sql, status=3)
    in_bucket = answer(program, "s3://logs", sql, server, status=3)
    assert in_bucket.stdout == in_folder.stdout
    assert 1 < len(in_folder.stdout.splitlines()) < len(objects)


def test_parts_lie_in_holes_of_the_temporary_folder_and_nothing_stays(holding, program, tmp_path, files):
    server = holding({"a.parquet": files("snappy"), "b.parquet": files("plain")})
    server.faults["/logs/b.parquet"] = ["ok", "hang"]
    child = subprocess.Popen([program, "query", "--from", "s3://logs", "SELECT sum(bytes) FROM flow_logs"],
                             env={**CLEAN, **server.environment(), "TMPDIR": str(tmp_path)}, stderr=subprocess.PIPE)
    waiting.until(lambda: len(server.requests) > 6)
    used = sum(path.stat().st_blocks * 512 for path in tmp_path.rglob("*.parquet"))
    assert len(list(tmp_path.rglob("*.parquet"))) == 2
    assert 0 < used <= sent(server) + 4096 * 2 * len(server.sent)
    server.hangs.set()
    child.communicate(timeout=30)
    assert not list(tmp_path.iterdir())
