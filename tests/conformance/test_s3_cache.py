"""`--cache`: what was fetched once is not asked for again, as the server counts it; the answer is S3's, whatever
becomes of the folder."""

import gzip
import os
import pathlib
import random
import re
import subprocess

import pytest
from scripted import CLEAN
from test_query import COUNT, DEFAULT, STAMP, WIDE, records, text
from test_s3_parquet import WRITERS, table, written
from test_s3_reading import count, fetched, holding, listed, run

import scripted_s3

__all__ = ["holding"]  # a fixture

PIECE = 4 << 20
LOGS = "123456789012_vpcflowlogs_us-east-1_fl-0123_20180620T16"
FRONT = f"{LOGS}04Z_00000004.log.gz"  # looked at for its header, and so short that this is all of it
SUMS = "SELECT action, count(*), sum(bytes) FROM flow_logs GROUP BY ALL ORDER BY ALL"


def log_of(size):
    block = text(records(2000, 8), DEFAULT, header=False)
    return text([], DEFAULT) + block * (size // len(block) + 1)


OBJECTS = {
    **{f"{LOGS}{number:02}Z_{number:08x}.log.gz": gzip.compress(text(records(50, number, STAMP), WIDE), mtime=0)
       for number in range(5)},
    "a.log": log_of(PIECE),  # and so of more than one
    "b.parquet": written(WRITERS["snappy"], table(6000), 2000),
    "c.parquet": written(WRITERS["plain"], table(100)),
}


def query(program, server, cache, sql=SUMS, command="query", **how):
    ask = ["--output", "csv", "--", sql] if command == "query" else []
    return run(server, program, command, "--stats", "--from", "s3://logs", "--cache", cache, *ask, **how)


def parts(done):
    return tuple(map(int, re.search(r"found (\d+) parts? of objects in the cache: (\d+) byte", done.stderr).groups()))


def kept_in(cache):
    return sorted(path for path in pathlib.Path(cache).iterdir() if path.name.endswith(".weir-cache"))


def test_the_second_time_nothing_is_asked_for_but_what_there_is(holding, program, tmp_path):
    server = holding(OBJECTS)
    cache = tmp_path / "cache"
    without = run(server, program, "query", "--from", "s3://logs", "--output", "csv", "--", SUMS)
    server.requests.clear(), server.sent.clear()
    first = query(program, server, cache)
    asked, came = len(fetched(server)), sum(size for _, _, size in server.sent)
    assert asked > len(OBJECTS) and parts(first) == (1, len(OBJECTS[FRONT]))
    server.requests.clear()
    second = query(program, server, cache)
    assert first.stdout == second.stdout == without.stdout and len(without.stdout.splitlines()) > 2
    assert len(server.requests) == len(listed(server)) == 1
    assert parts(second) == (asked + 1, came + len(OBJECTS[FRONT]))
    assert len(kept_in(cache)) == asked
    assert "asked S3 1 time: " in second.stderr
    assert cache.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in kept_in(cache)} == {0o600}
    everything = b"".join(path.name.encode() + path.read_bytes() for path in kept_in(cache))
    assert scripted_s3.SECRET.encode() not in everything and scripted_s3.KEY.encode() not in everything
    # Another question: what it needs of an object and nobody fetched comes, and nothing else.
    query(program, server, cache, "SELECT sum(dstport) FROM flow_logs")
    assert set(fetched(server)) == {"/logs/b.parquet"}


def test_what_has_changed_is_asked_for_anew_and_the_rest_is_not(holding, program, tmp_path):
    server = holding(OBJECTS)
    before = query(program, server, tmp_path / "cache")
    there = server.objects["/logs/a.log"]
    middle = len(there) // 2 // 1000 * 1000
    changes = {"/logs/a.log": there[:middle] + there[middle:].replace(b" ACCEPT ", b" REJECT ", 1),  # of the same length
               f"/logs/{LOGS}02Z_00000002.log.gz": gzip.compress(text(records(51, 2, STAMP), WIDE), mtime=0)}
    server.objects.update(changes)
    server.requests.clear()
    after = query(program, server, tmp_path / "cache")
    assert set(fetched(server)) == set(changes)
    without = run(server, program, "query", "--from", "s3://logs", "--output", "csv", "--", SUMS)
    assert after.stdout == without.stdout != before.stdout


def test_what_has_no_etag_is_not_kept(holding, program, tmp_path, monkeypatch):
    class Nothing:
        @staticmethod
        def hexdigest():
            return ""

    server = holding({"a.log": text(records(5, 1), DEFAULT)})
    monkeypatch.setattr(scripted_s3.hashlib, "md5", lambda _: Nothing)
    query(program, server, tmp_path / "cache", COUNT)
    server.objects["/logs/a.log"] = text(records(5, 2), DEFAULT)
    server.requests.clear()
    query(program, server, tmp_path / "cache", COUNT)
    assert fetched(server) and not kept_in(tmp_path / "cache")


def test_explaining_reads_thrice_and_fetches_once(holding, program, tmp_path):
    objects = {f"{LOGS}{number:02}Z_{number:08x}.log": text(records(2000, number, STAMP), WIDE) for number in range(6)}
    server = holding(objects)
    without = run(server, program, "explain", "--from", "s3://logs")
    reads = 1 + 3 * len(objects)  # the front of one tells the format of all
    assert len(fetched(server)) == reads
    server.requests.clear()
    with_cache = query(program, server, tmp_path / "cache", command="explain")
    assert sorted(fetched(server)) == sorted([f"/logs/{key}" for key in objects] + [f"/logs/{max(objects)}"])
    server.requests.clear()
    again = query(program, server, tmp_path / "cache", command="explain")
    assert not fetched(server) and parts(again)[0] == reads
    assert with_cache.stdout == again.stdout == without.stdout and "REJECT" in without.stdout


@pytest.mark.parametrize("command", ["query", "explain", "report", "what-if", "unused-rules"])
def test_all_that_ask_of_a_bucket_take_it(weir, command):
    assert "--cache DIR" in weir(command, "--help").stdout


def test_what_was_damaged_or_put_there_by_others_is_no_answer(holding, program, tmp_path):
    server = holding(OBJECTS)
    cache = tmp_path / "cache"
    good = query(program, server, cache)
    chance = random.Random(3)
    kept = kept_in(cache)
    for number, path in enumerate(kept):
        body = bytearray(path.read_bytes())
        if number % 3 == 0:
            body[chance.randrange(len(body))] ^= 1
        elif number % 3 == 1:
            del body[chance.randrange(len(body)):]
        else:
            body[:] = kept[0].read_bytes()
        path.write_bytes(body)
    (cache / "README").write_text("mine")
    (cache / "folder.weir-cache").mkdir()
    server.requests.clear()
    again = query(program, server, cache)
    assert again.stdout == good.stdout and parts(again) == (1, len(OBJECTS[FRONT])), "its front was fetched just before"
    assert len(fetched(server)) == len(kept)
    server.requests.clear()
    assert query(program, server, cache).stdout == good.stdout
    assert not fetched(server)
    assert (cache / "README").read_text() == "mine"


def test_the_folder_keeps_to_its_size_and_answers_stay_whole(holding, program, tmp_path):
    server = holding({f"{number}.log": log_of(2 * PIECE) for number in range(2)})
    done = run(server, program, "query", "--from", "s3://logs", "--cache", tmp_path / "cache", "--cache-size", "16MB",
               "--output", "csv", COUNT)
    lines = sum(body.count(b"\n") - 1 for body in server.objects.values())
    assert count(done) == lines and "warning" not in done.stderr
    assert 8 << 20 < sum(path.stat().st_blocks * 512 for path in kept_in(tmp_path / "cache")) <= 16 << 20


def test_programs_share_a_folder(holding, program, tmp_path):
    server = holding(OBJECTS)
    command = [program, "query", "--from", "s3://logs", "--cache", str(tmp_path / "cache"), "--output", "csv", SUMS]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**CLEAN, **server.environment()})
                for _ in range(3)]
    answers = [child.communicate(timeout=60)[0] for child in children]
    assert len(set(answers)) == 1 and answers[0]
    server.requests.clear()
    assert query(program, server, tmp_path / "cache").stdout == answers[0]
    assert not fetched(server)


@pytest.mark.parametrize("options, said", [("size=64k", "No space left on device"), ("ro", "Read-only file system")])
def test_a_folder_that_takes_nothing_is_a_warning(holding, program, tmp_path, options, said):
    server = holding({key: body for key, body in OBJECTS.items() if len(body) < PIECE})
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", tmp_path], capture_output=True, check=False)
    if mount.returncode:
        pytest.skip(f"tmpfs cannot be mounted: {mount.stderr.decode().strip()}")
    try:
        done = query(program, server, tmp_path)
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert done.stdout == run(server, program, "query", "--from", "s3://logs", "--output", "csv", SUMS).stdout
    assert f"weir: warning: not all was kept in the cache: {tmp_path}: cannot be written: {said}" in done.stderr


def test_wrong_usage_is_told_before_anything_is_asked_for(holding, program, tmp_path):
    server = holding(OBJECTS)
    (tmp_path / "file").write_text("mine")
    for cache in (tmp_path / "file", tmp_path / "file" / "below"):
        done = query(program, server, cache, status=1)
        assert f"weir: {cache}: cannot be made: " in done.stderr and not done.stdout
    for size in ("10", "GB", "-1GB", "1.5GB", "15MB", "1kB", "0GB", "10 GB", "18446744073709551617GB"):
        done = run(server, program, "query", "--from", "s3://logs", "--cache", tmp_path / "cache", f"--cache-size={size}",
                   COUNT, status=2)
        assert "--cache-size" in done.stderr and "10GB" in done.stderr, size
    done = run(server, program, "query", "--from", "s3://logs", "--cache-size", "1GB", COUNT, status=2)
    assert "--cache-size requires --cache" in done.stderr
    assert not server.requests and os.listdir(tmp_path) == ["file"]


def test_no_folder_is_made_for_what_lies_here(program, weir, tmp_path):
    (tmp_path / "a.log").write_bytes(text(records(5, 1), DEFAULT))
    done = weir("query", "--from", tmp_path / "a.log", "--cache", tmp_path / "cache", "--output", "csv", COUNT)
    assert count(done) == 5
    assert not (tmp_path / "cache").exists()
