"""`--from s3://`: the answers of the same objects in a folder, from a real server; from a scripted one, what is
asked for at all, and what becomes of an object that cannot be had."""

import gzip
import json
import random
import re
import subprocess
import time
import urllib.parse

import flow_logs
import pytest
from peak import peak_of
from scripted import CLEAN
from test_query import CONDITIONS, COUNT, DEFAULT, TOTALS, WIDE, month, put, put_parquet, records, text
from test_s3 import CAPTURE, NETWORK, client
from waiting import until

import scripted_s3

__all__ = ["month"]  # a fixture

BOUND_MB = 250  # less than all the objects of the test together
ACCOUNT, REGION = "123456789012", "ap-northeast-1"
SELECT = ("SELECT log_account, log_region, log_date, log_hour, count(*) AS n, sum(bytes) AS bytes, min(start_time) AS "
          "first FROM flow_logs GROUP BY ALL ORDER BY ALL")


@pytest.fixture
def bucket(server, request):
    name = f"read.me-{abs(hash(request.node.name)) % 10**10}"
    client(server).create_bucket(Bucket=name)
    return name


@pytest.fixture
def holding(serve):
    """Starts a scripted server that has these objects in the bucket `logs`, and faults."""

    def start(objects, **faults):
        started = serve(objects={f"/logs/{key}": body for key, body in objects.items()})
        started.faults = faults
        return started

    return start


def run(server, program, *arguments, status=0, timeout=60, **variables):
    user = {"user": "owner"} if hasattr(server, "fsid") else {}
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=timeout, check=False,
                          env={**CLEAN, **server.environment(**user), **variables})
    assert done.returncode == status, f"{done.args}\n{done.stdout}{done.stderr}"
    assert "SECRETOF" not in done.stdout + done.stderr and scripted_s3.SECRET not in done.stdout + done.stderr
    return done


def upload(server, bucket, folder, prefix=""):
    for path in folder.rglob("*"):
        if path.is_file():
            client(server).put_object(Bucket=bucket, Key=prefix + str(path.relative_to(folder)), Body=path.read_bytes())


def bytes_below(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("options", [[], ["--file-format", "parquet"],
                                     ["--hive-compatible-partitions", "--per-hour-partition"]])
@pytest.mark.parametrize("prefix", ["", "net/a/", "käse = 漢字+1/(x)'*!~/b/c/d/"])
def test_a_bucket_is_read_like_a_folder(server, bucket, program, tmp_path, prefix, options):
    run(server, program, "record", "--read", CAPTURE, "--vpc", NETWORK, "--log-format", "all", "--log-destination",
        tmp_path, *options)
    upload(server, bucket, tmp_path, prefix)
    for command in (["query", "--output", "csv", SELECT], ["query", "--output", "json", "SELECT * FROM flow_logs "
                    "ORDER BY ALL"], ["report", "top-talkers", "--output", "csv"], ["report", "conversations"],
                    ["explain", "--vpc", NETWORK], ["explain", "--output", "json"], ["unused-rules", "--vpc", NETWORK]):
        from_folder = run(server, program, command[0], "--from", tmp_path, *command[1:], status=0)
        from_bucket = run(server, program, command[0], "--from", f"s3://{bucket}/{prefix}", *command[1:], status=0)
        assert from_bucket.stdout == from_folder.stdout
        assert len(from_bucket.stdout) > 40


@pytest.mark.parametrize("condition, opened, rows", CONDITIONS)
def test_conditions_choose_the_same_objects_as_in_a_folder(server, month, program, condition, opened, rows):
    if not client(server).list_buckets().get("Buckets") or "month" not in [
            each["Name"] for each in client(server).list_buckets()["Buckets"]]:
        client(server).create_bucket(Bucket="month")
        upload(server, "month", month)
    done = run(server, program, "query", "--stats", "--from", "s3://month", "--output", "csv", "--",
               f"SELECT count(*) FROM flow_logs WHERE {condition}")
    assert int(done.stdout.split()[1]) == rows
    assert int(re.search(r"opened (\d+)", done.stderr)[1]) == opened


def test_text_parquet_formats_and_folders_are_united(server, bucket, program, tmp_path):
    rows = records(200, 3)
    put(tmp_path / "a" / "x.log.gz", text(rows[:50], DEFAULT))
    put_parquet(tmp_path / "a" / "y.parquet", rows[50:120], WIDE)
    upload(server, bucket, tmp_path)
    put(tmp_path / "here" / "z.log", text(rows[120:], WIDE))
    in_folder = run(server, program, "query", "--from", tmp_path, "--output", "csv", TOTALS + " ORDER BY 1")
    both = run(server, program, "query", "--from", f"s3://{bucket}", "--from", tmp_path / "here", "--output", "csv",
               TOTALS + " ORDER BY 1")
    assert both.stdout == in_folder.stdout


def count(done):
    return int(done.stdout.split()[1].split(",")[0])


def test_a_prefix_is_what_keys_begin_with(server, bucket, program, tmp_path):
    for name in ("logs/a.log", "logs2/b.log", "logs/deep/er/and/deeper/c.log", "other/d.log", "logs/README.md"):
        put(tmp_path / name, text(records(10, 1), DEFAULT))
    upload(server, bucket, tmp_path)
    client(server).put_object(Bucket=bucket, Key="logs/", Body=b"")  # as the console makes folders
    for prefix, rows in (("", 40), ("/", 40), ("/logs", 30), ("/logs/", 20), ("/logs/a.log", 10), ("/l", 30), ("/logs/README.md", 10),
                         ("/logs/deep/er/and", 10)):
        done = run(server, program, "query", "--from", f"s3://{bucket}{prefix}", "--output", "csv", COUNT)
        assert count(done) == rows, prefix
    done = run(server, program, "query", "--from", f"s3://{bucket}/logs", f"s3://{bucket}/logs/deep/", "--output",
               "csv", COUNT)
    assert count(done) == 30, "each once"
    done = run(server, program, "query", "--from", f"s3://{bucket}/none", COUNT, status=1)
    assert f"s3://{bucket}/none: has no flow-log object; " in done.stderr


@pytest.mark.parametrize("variables, said", [
    ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "SignatureDoesNotMatch"),
    ({"AWS_ACCESS_KEY_ID": "nobody"}, "InvalidAccessKeyId"),
    ({"AWS_ACCESS_KEY_ID": "AKIDdelivery", "AWS_SECRET_ACCESS_KEY": "SECRETOFdelivery"}, "AccessDenied"),
    ({"AWS_ACCESS_KEY_ID": ""}, "there are no AWS credentials"),
    ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}, "127.0.0.1:1"),
    ({"AWS_ENDPOINT_URL": "127.0.0.1"}, "AWS_ENDPOINT_URL: is no URL"),
    ({"AWS_PROFILE": "none"}, "there is no profile 'none'")])
def test_bad_surroundings_are_named_with_a_next_step(server, bucket, program, variables, said):
    client(server).put_object(Bucket=bucket, Key="a.log", Body=text(records(10, 1), DEFAULT))
    for command in (["query", COUNT], ["report", "top-talkers"], ["explain"]):
        done = run(server, program, command[0], "--from", f"s3://{bucket}", *command[1:], status=1, **variables)
        assert said in done.stderr
        assert "; " in done.stderr.splitlines()[-1]
        assert not done.stdout


def test_bad_names_are_told(server, program):
    done = run(server, program, "query", "--from", "s3://no-such-bucket/x", COUNT, status=1)
    assert "NoSuchBucket" in done.stderr and "; " in done.stderr
    done = run(server, program, "query", "--from", "s3://b", COUNT, status=2)
    assert "--from: 's3://b' names no bucket" in done.stderr


def test_memory_is_bounded_whatever_is_read(server, bucket, program, tmp_path):
    """Objects of which one alone is larger than all that may be held."""
    block = text(records(20_000, 8), DEFAULT, header=False)
    many = 100_000_000 // len(block)
    for name in ("a.log", "b.log", "c.log"):
        client(server).put_object(Bucket=bucket, Key=name, Body=text([], DEFAULT) + block * many)
    peak, said = peak_of(tmp_path, [program, "query", "--from", f"s3://{bucket}", "--output", "csv",
                                    "SELECT count(*) FROM flow_logs WHERE srcport > 0"],
                         env={**CLEAN, **server.environment("owner")})
    assert int(said.split()[1]) > 2.5 * many * 20_000
    assert peak < BOUND_MB << 20


# --- the scripted server -----------------------------------------------------------------------------------------


def listed(server):
    return [urllib.parse.unquote(path.partition("prefix=")[2].partition("&")[0])
            for method, path in server.requests if "list-type" in path]


def fetched(server):
    return [path for method, path in server.requests if "list-type" not in path]


GOOD = gzip.compress(text(records(10, 1), DEFAULT), mtime=0)
LONG = text(records(60_000, 2), DEFAULT)  # more than one piece


@pytest.mark.parametrize("steps", [[503, 503], [500], ["reset"], ["cut"], ["cut", 503]], ids=str)
def test_what_passes_is_tried_again(holding, program, steps):
    server = holding({"a.log.gz": GOOD, "b.log": LONG}, **{"/logs/a.log.gz": list(steps), "/logs/b.log": list(steps),
                                                         "/logs?": list(steps)})
    done = run(server, program, "query", "--from", "s3://logs", "--output", "csv", COUNT)
    assert count(done) == 60_010
    assert not server.refused


@pytest.mark.parametrize("steps, said", [
    ([404] * 9, "b.log: NoSuchKey"), ([403] * 9, "b.log: AccessDenied"), ([503] * 9, "b.log: SlowDown"),
    (["whole"] * 9, "b.log: the answer is longer than what was asked for"), (["ok", 404], "b.log: NoSuchKey"), (["ok", "ok", 403, 403], "b.log: AccessDenied")], ids=str)
def test_an_object_that_cannot_be_had_is_told_and_the_others_count(holding, program, steps, said):
    server = holding({"a.log.gz": GOOD, "b.log": LONG}, **{"/logs/b.log": steps})
    done = run(server, program, "query", "--from", "s3://logs", "--output", "csv", COUNT, status=3, AWS_MAX_ATTEMPTS="2")
    assert 10 <= count(done) < 60_010
    assert said in done.stderr and "1 object could not be read" in done.stderr


def test_an_object_that_changes_in_between_is_never_half_of_each(holding, program):
    server = holding({"b.log": LONG})

    class Changing(list):
        def pop(self, _):
            if len(self) == 1:
                server.objects["/logs/b.log"] = text(records(60_000, 3), DEFAULT)
            return list.pop(self, 0)

    server.faults["/logs/b.log"] = Changing(["ok", "ok"])
    done = run(server, program, "query", "--from", "s3://logs", "--output", "csv", COUNT, status=3)
    assert "b.log: is another object by now" in done.stderr


def test_what_was_stored_damaged_is_told(holding, program, monkeypatch):
    server = holding({"a.log.gz": GOOD, "b.log": text(records(5, 2), DEFAULT)})
    run(server, program, "query", "--from", "s3://logs", COUNT)
    digest = scripted_s3.hashlib.md5
    monkeypatch.setattr(scripted_s3.hashlib, "md5", lambda body: digest(body if body == GOOD else b"something else"))
    done = run(server, program, "query", "--from", "s3://logs", "--output", "csv", COUNT, status=3)
    assert count(done) == 10
    assert "b.log: what arrives is not what the object's checksum says" in done.stderr


@pytest.mark.parametrize("faults, said", [
    ({"/logs?": [403] * 9}, "s3://logs/: AccessDenied"),
    ({"/logs/a.log.gz": [403] * 9}, "AccessDenied"),
    ({"/logs/a.log.gz": ["ok"] + [400] * 9}, "ExpiredToken"),
    ({"/logs/a.log.gz": ["reset"] * 9}, "after 2 attempts")], ids=str)
def test_what_keeps_all_from_being_read_ends_the_query(holding, program, faults, said):
    server = holding({"a.log.gz": GOOD}, **faults)
    done = run(server, program, "query", "--from", "s3://logs", "--output", "csv", COUNT, status=1, AWS_MAX_ATTEMPTS="2")
    assert said in done.stderr
    assert "; " in done.stderr or "attempts" in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("fields, times", [(DEFAULT, 2), (flow_logs.CUSTOM, 3)])
def test_explain_fetches_text_for_what_was_refused_for_all_of_it_and_for_subnets_if_any(holding, program, fields, times):
    draw, here = random.Random(1), "AWSLogs/123456789012/vpcflowlogs/us-east-1/2023/11/14"
    objects = {f"{here}/123456789012_vpcflowlogs_us-east-1_fl-0123_20231114T22{5 * n:02}Z_{n:08x}.log.gz":
               gzip.compress(flow_logs.text([flow_logs.record(draw) for _ in range(20)], fields).encode()) for n in range(6)}
    server = holding(objects)
    assert "REJECT" in run(server, program, "explain", "--from", "s3://logs", "--output", "json").stdout
    assert len(fetched(server)) == times * len(objects) + 1, "and one look at the format"


def test_explain_fetches_what_aws_did_not_name_four_times_behind_its_front(holding, program):
    """For its fields, too, and for subnets whatever its front has."""
    draw = random.Random(1)
    default, custom = (flow_logs.text([flow_logs.record(draw) for _ in range(20)], fields).encode()
                       for fields in (DEFAULT, flow_logs.CUSTOM))
    objects = {f"{number}.log": default for number in range(5)} | {"5.log": default + custom}
    server = holding(objects)
    assert "REJECT" in run(server, program, "explain", "--from", "s3://logs", "--output", "json").stdout
    assert len(fetched(server)) == (1 + 4) * len(objects)


@pytest.mark.parametrize("lines", [3000, 10])
@pytest.mark.parametrize("threads, answering", [(1, 20), (4, 1)])
def test_a_limit_ends_a_query_whatever_hangs(holding, program, threads, answering, lines):
    objects = {f"{number:03}.log": text(records(lines, number), DEFAULT) for number in range(40)}
    server = holding(objects, **{f"/logs/{number:03}.log": ["ok", "hang"] for number in range(answering, 40)})
    begun = time.monotonic()
    done = run(server, program, "query", "--from", "s3://logs", "--threads", threads, "--output", "csv",
               "SELECT bytes FROM flow_logs LIMIT 5")
    assert len(done.stdout.splitlines()) == 6
    assert time.monotonic() - begun < 30, "half of what a request may hang"
    assert len(fetched(server)) < 2 * len(objects)


def test_ctrl_c_ends_a_listing_and_a_fetch_that_hang(holding, program):
    for fault in ("/logs?", "/logs/a.log.gz"):
        server = holding({"a.log.gz": GOOD}, **{fault: ["hang"]})
        child = subprocess.Popen([program, "query", "--from", "s3://logs", COUNT], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True, env={**CLEAN, **server.environment()})
        asked = "a.log.gz" if "a.log" in fault else "list-type"
        until(lambda asked=asked, server=server: any(asked in path for _, path in server.requests))
        child.send_signal(2)
        _, said = child.communicate(timeout=30)  # half of what a request may hang
        assert (child.returncode, "interrupted" in said) == (130, True), said


def test_an_object_that_cannot_be_had_hides_no_other_of_its_flow_log(holding, program):
    """Some, its first and its last ones too, may lie where nobody may read them."""
    objects = {}
    for number in range(24):
        name = f"{ACCOUNT}_vpcflowlogs_{REGION}_fl-0123_20180620T16{number:02}Z_{number:08x}.log.gz"
        objects[f"AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/2018/06/20/{name}"] = gzip.compress(
            text(records(10, number), DEFAULT))
    keys = list(objects)
    refused = [*keys[:1], *keys[-9:]]
    server = holding(objects, **{f"/logs/{key}": [403] * 9 for key in refused})
    done = run(server, program, "query", "--from", "s3://logs", "--output", "csv", COUNT, status=3)
    assert count(done) == 10 * 14
    assert "10 objects could not be read" in done.stderr and "AccessDenied" in done.stderr
    server = holding(objects, **{f"/logs/{key}": [403] * 9 for key in keys})
    done = run(server, program, "query", "--from", "s3://logs", COUNT, status=1)
    assert "AccessDenied" in done.stderr and len(fetched(server)) < 20


def test_a_front_is_read_once_for_each_flow_log(holding, program):
    objects = {}
    for number in range(30):
        name = f"{ACCOUNT}_vpcflowlogs_{REGION}_fl-{number % 3:04}_20180620T{number % 24:02}20Z_{number:08x}.log.gz"
        objects[f"AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/2018/06/20/{name}"] = gzip.compress(
            text(records(10, number), WIDE if number % 3 else DEFAULT))
    server = holding(objects)
    done = run(server, program, "query", "--from", "s3://logs", "--output", "json", "SELECT * FROM flow_logs")
    rows = json.loads(done.stdout)
    assert len(rows) == 300 and "flow_direction" in rows[0]
    assert len(fetched(server)) == 30 + 3


def test_nothing_stays_in_the_temporary_folder(server, bucket, program, tmp_path):
    put_parquet(tmp_path / "x.parquet", records(50, 4), WIDE)
    upload(server, bucket, tmp_path)
    (tmp_path / "tmp").mkdir()
    run(server, program, "query", "--from", f"s3://{bucket}", COUNT, TMPDIR=str(tmp_path / "tmp"))
    assert not list((tmp_path / "tmp").iterdir())
