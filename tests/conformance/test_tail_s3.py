"""`weir tail --from s3://`: what a real server shows when objects come; of a scripted one, what is asked for and
what becomes of records while it fails."""

import datetime
import signal
import time

import pytest
from flow_logs import CUSTOM, DEFAULT, text
from scripted import CLEAN
from test_s3 import client
from test_s3_reading import bucket, holding, listed, run, upload
from test_tail import move_in, numbered, numbers, packed, tail
from waiting import until

__all__ = ["bucket", "holding", "tail"]  # fixtures

ACCOUNT, REGION = "123456789012", "us-east-1"
# Yesterday, should midnight pass meanwhile: its objects are looked at as today's are.
TODAY = datetime.datetime.now(datetime.timezone.utc)


def day(ago=0):
    return TODAY - datetime.timedelta(days=ago)


def key(number, ago=0, hour=None):
    """Where AWS puts an object; plain, or with folders of hours."""
    when = day(ago)
    name = f"{ACCOUNT}_vpcflowlogs_{REGION}_fl-0123_{when:%Y%m%d}T{hour or 0:02}{number % 12 * 5:02}Z_{number:08x}.log.gz"
    if hour is None:
        return f"AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/{when:%Y/%m/%d}/{name}"
    return (f"AWSLogs/aws-account-id={ACCOUNT}/aws-service=vpcflowlogs/aws-region={REGION}/year={when:%Y}/month={when:%m}/"
            f"day={when:%d}/hour={hour:02}/{name}")


@pytest.fixture
def follow(tail):
    def start(server, *arguments, interval=1, **variables):
        user = {"user": "owner"} if hasattr(server, "fsid") else {}
        return tail(*arguments, "--interval", interval,
                    environment={**CLEAN, **server.environment(**user), **variables})
    return start


def has_listed(server, more=1):
    """Waits for whole listings from now on."""
    begun = len(server.requests)
    until(lambda: sum("list-type" in path for _, path in server.requests[begun:]) > more, "a listing")


def test_what_comes_into_a_bucket_is_shown_once(server, bucket, follow):
    s3 = client(server)
    s3.put_object(Bucket=bucket, Key="net/" + key(1), Body=packed(numbered(1, 3)))
    running = follow(server, "--from", f"s3://{bucket}/net/", "--lines", "2")
    assert numbers(running.next_records(2)) == [2, 3]
    s3.put_object(Bucket=bucket, Key="net/" + key(2), Body=packed(numbered(11, 2), CUSTOM))
    assert numbers(running.next_records(2)) == [11, 12]
    s3.put_object(Bucket=bucket, Key="net/" + key(3, hour=23), Body=packed(numbered(21, 2)))
    assert numbers(running.next_records(2)) == [21, 22]
    s3.put_object(Bucket=bucket, Key="net/odd/plain.log", Body=text(numbered(31, 2), DEFAULT))
    assert numbers(running.next_records(2)) == [31, 32]
    # Another text under a key that says nothing of its content; the same once more says nothing new.
    s3.put_object(Bucket=bucket, Key="net/" + key(2), Body=packed(numbered(11, 2), CUSTOM))
    s3.put_object(Bucket=bucket, Key="net/odd/plain.log", Body=text(numbered(41, 1), DEFAULT))
    assert numbers(running.next_records()) == [41]
    s3.put_object(Bucket=bucket, Key="net/x.parquet", Body=b"PAR1")
    assert "x.parquet: is Parquet, and left out" in running.errors.get(timeout=60)
    assert running.stop() == ([], [], 0)


def test_the_last_records_are_those_of_the_same_folder(server, bucket, program, tmp_path):
    for number in range(6):
        path = tmp_path / key(number, ago=-(number % 2))
        path.parent.mkdir(parents=True, exist_ok=True)
        move_in(path, packed(numbered(10 * number, 7)))
    upload(server, bucket, tmp_path)
    for options in (["--lines", "3"], ["--lines", "1000", "--action", "REJECT", "--output", "json"],
                    ["--lines", "1000", "--port", "443", "--address", "10.0.0.0/16", "--output", "csv"]):
        from_bucket = run(server, program, "tail", "--no-follow", "--from", f"s3://{bucket}", *options)
        from_folder = run(server, program, "tail", "--no-follow", "--from", tmp_path, *options)
        assert from_bucket.stdout == from_folder.stdout
        assert len(from_bucket.stdout.splitlines()) > 2


def test_days_that_are_over_are_not_listed(holding, follow):
    days_ago = {1: -1, 2: 0, 3: 2, 4: 400}
    objects = {key(n, ago=ago): packed(numbered(n, 1)) for n, ago in days_ago.items()}
    objects[f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/2026/01/01/trail.json.gz"] = b"no"
    server = holding(objects)
    running = follow(server, "--from", "s3://logs")
    assert sorted(numbers(running.next_records(2))) == [1, 2]
    has_listed(server, 10)
    days = {prefix for prefix in listed(server) if prefix.count("/") == 7}
    assert {prefix[-11:-1] for prefix in days} == {f"{day(ago):%Y/%m/%d}" for ago in (-1, 0)}
    assert not [prefix for prefix in listed(server) if "CloudTrail" in prefix]
    assert running.stop() == ([], [], 0)


def test_keys_that_are_replaced_in_the_file_serve_from_then_on(holding, follow, tmp_path):
    server = holding({"a.log.gz": packed(numbered(1, 1))})
    shared = tmp_path / "credentials"

    def write(secret):
        shared.write_text(f"[default]\naws_access_key_id = {server.key}\naws_secret_access_key = {secret}\n")

    write(server.secret)
    running = follow(server, "--from", "s3://logs", AWS_SHARED_CREDENTIALS_FILE=str(shared), AWS_ACCESS_KEY_ID="",
                     AWS_SECRET_ACCESS_KEY="")
    assert numbers(running.next_records()) == [1]
    write("another/SECRET")
    server.secret = "another/SECRET"
    server.objects["/logs/b.log.gz"] = packed(numbered(11, 1))
    assert numbers(running.next_records()) == [11]
    assert running.stop() == ([], [], 0)


def test_each_record_is_shown_once_whatever_fails(holding, serve, follow):
    """An outage between listings; an object of several pieces of which one does not come; one that nobody may read; one
    whose transfer is cut off until then."""
    server = holding({"a.log.gz": packed(numbered(1, 1))})
    running = follow(server, "--from", "s3://logs", "--port", "53", AWS_MAX_ATTEMPTS="1")
    has_listed(server)
    many = [r | {"dstport": 53 if n % 1000 == 0 else 54, "srcport": 1} for n, r in enumerate(numbered(1000, 30_000))]
    assert len(text(many, CUSTOM)) > 4 << 20, "two pieces"
    server.faults.update({"/logs/c.log": ["ok", 503, "ok", "cut"], "/logs/b.log": [403] * 9,
                          "/logs/a.cut.log": ["cut"] * 999})
    server.objects["/logs/a.cut.log"] = text([many[0] | {"bytes": 6}], CUSTOM).encode()
    server.objects["/logs/b.log"] = text(numbered(5, 1), DEFAULT).encode()
    server.objects["/logs/c.log"] = text(many, CUSTOM).encode()
    assert numbers(running.next_records(30)) == list(range(1000, 31_000, 1000))
    server.stop()
    until(lambda: not running.errors.empty() and "asked again" in list(running.errors.queue)[-1] and
          "127.0.0.1" in list(running.errors.queue)[-1], "word of the outage")
    server.objects["/logs/d.log"] = text([many[0] | {"bytes": 7}], CUSTOM).encode()
    again = serve(port=server.server_port, objects=server.objects)
    assert sorted(numbers(running.next_records(2))) == [6, 7]
    has_listed(again)
    left, errors, code = running.stop()
    assert (left, code) == ([], 0)
    assert [("b.log: AccessDenied" in said, "c.log: SlowDown" in said, "a.cut.log" in said, "asked again" in said)
            for said in errors] == [(False, False, True, True), (True, False, False, False), (False, True, False, True),
                                    (False, False, False, True)], errors


def test_who_does_not_follow_is_told_each_object_that_cannot_be_had(holding, program):
    objects = {f"{name}.log": text(numbered(n, 1), DEFAULT).encode() for n, name in enumerate("abc")}
    server = holding(objects, **{"/logs/a.log": [503], "/logs/c.log": [503]})
    done = run(server, program, "tail", "--no-follow", "--from", "s3://logs", "--output", "json", status=3,
               AWS_MAX_ATTEMPTS="1")
    assert len(done.stdout.splitlines()) == 1
    assert [f"{name}.log: SlowDown" in done.stderr for name in "abc"] == [True, False, True]
    assert "asked again" not in done.stderr


@pytest.mark.parametrize("hangs, number", [("/logs?", signal.SIGINT), ("/logs/b.log", signal.SIGTERM)])
def test_it_ends_at_once_with_0_whatever_hangs(holding, follow, hangs, number):
    server = holding({"a.log": text(numbered(1, 1), DEFAULT).encode()})
    running = follow(server, "--from", "s3://logs")
    assert numbers(running.next_records()) == [1]
    server.faults[hangs] = ["hang"]
    server.objects["/logs/b.log"] = text(numbered(2, 1), DEFAULT).encode()
    until(lambda: not server.faults[hangs], "a request that hangs")
    begun = time.monotonic()
    assert running.stop(number) == ([], [], 0)
    assert time.monotonic() - begun < 30, "half of what a request may hang"


def test_ctrl_c_ends_the_first_listing(holding, follow):
    server = holding({"a.log": b""}, **{"/logs?": ["hang"]})
    running = follow(server, "--from", "s3://logs")
    until(lambda: server.requests, "the listing")
    assert running.stop() == ([], [], 0)


@pytest.mark.parametrize("fault, told", [(403, "s3://logs/b/: AccessDenied"), (500, "and is asked again"),
                                         ("reset", "and is asked again")])
def test_a_folder_that_cannot_be_listed_is_told_once_and_costs_no_other(holding, follow, fault, told):
    server = holding({"a/x.log": text(numbered(1, 1), DEFAULT).encode(), "b/y.log": text(numbered(2, 1), DEFAULT).encode()},
                     **{"/logs?b/": [fault] * 999})
    running = follow(server, "--from", "s3://logs", AWS_MAX_ATTEMPTS="1")
    assert numbers(running.next_records()) == [1]
    said = running.errors.get(timeout=60)
    assert "s3://logs/b/: " in said and told in said
    server.objects["/logs/a/z.log"] = text(numbered(3, 1), DEFAULT).encode()
    assert numbers(running.next_records()) == [3]
    server.faults["/logs?b/"].clear()
    assert numbers(running.next_records()) == [2], "once it may be listed"
    assert running.stop() == ([], [], 0)


def test_no_control_character_of_a_key_reaches_the_terminal(holding, program):
    server = holding({"a\x1b[31m.log": text(numbered(1, 1), DEFAULT).encode() + b"no record\n"})
    for command in (["tail", "--no-follow"], ["query", "SELECT count(*) FROM flow_logs"]):
        done = run(server, program, command[0], "--from", "s3://logs", *command[1:])
        assert "a.[31m.log:3: has 2 fields" in done.stderr
        assert "\x1b" not in done.stderr


def test_what_cannot_be_followed_is_told_with_a_next_step(holding, program, tmp_path):
    server = holding({key(1, ago=9): b"x"})
    done = run(server, program, "tail", "--from", "s3://logs", "--no-follow", status=1)
    assert "s3://logs: has no flow-log object in text; " in done.stderr and "yesterday" in done.stderr
    done = run(server, program, "tail", "--from", "s3://no-such/x", status=1)
    assert "s3://no-such/x: NoSuchBucket" in done.stderr and "; " in done.stderr
    done = run(server, program, "tail", "--from", "s3://logs", tmp_path, status=2)
    assert "--from: names places in S3 and others; " in done.stderr
    done = run(server, program, "tail", "--from", "s3://b", status=2)
    assert "names no bucket" in done.stderr
