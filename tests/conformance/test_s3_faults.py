"""`weir record` to a server that checks signatures with botocore and fails as it is told: each
object is there once in the end, or kept and told of."""

import datetime
import gzip
import json
import pathlib
import random
import signal
import socket
import subprocess

import pytest

import scripted
import scripted_s3
from deliverer import capture_of_windows
from scripted import CLEAN
from waiting import until, until_caught

TREE = pathlib.Path(__file__).resolve().parent.parent.parent
CAPTURE, NETWORK = TREE / "demo" / "three-hosts.pcap", TREE / "demo" / "vpc.json"


def record(server, program, destination="s3://logs", *more, status=0, **variables):
    done = subprocess.run([program, "record", "--read", CAPTURE, "--vpc", NETWORK,
                           "--log-destination", destination, *more], capture_output=True, text=True,
                          timeout=120, check=False,
                          env={**CLEAN, **server.environment(), **variables})
    assert done.returncode == status, done.stderr
    assert scripted_s3.SECRET not in done.stdout + done.stderr
    return done


def in_folder(program, folder):
    return folder_of(program, ["--read", CAPTURE, "--vpc", NETWORK], folder)


def folder_of(program, options, folder):
    """What the bucket has to hold: the files that the same recording leaves in a folder."""
    subprocess.run([program, "record", *options, "--log-destination", folder], check=True, capture_output=True)
    return {f"/logs/{path.relative_to(folder)}": path.read_bytes()
            for path in folder.rglob("*") if path.is_file()}


def test_botocore_signs_the_same_for_random_keys(serve, program):
    server = serve()
    chosen = random.Random(5)
    letters = [chr(code) for code in range(0x20, 0x7f) if chr(code) != "/"] + list("é漢😀")
    for _ in range(40):
        prefix = "/".join("".join(chosen.choices(letters, k=chosen.randint(1, 12)))
                          for _ in range(chosen.randint(1, 3)))
        if all(part.strip(".") for part in prefix.split("/")):
            record(server, program, f"s3://logs/{prefix}", AWS_MAX_ATTEMPTS="1")
            assert any(key.startswith(f"/logs/{prefix}/AWSLogs/") for key in server.objects), prefix
    assert not server.refused
    assert len(server.objects) > 30


def test_a_session_token_is_signed(serve, program):
    server = serve()
    record(server, program, AWS_SESSION_TOKEN="to/ken+=")
    assert not server.refused


@pytest.mark.parametrize("plan", [
    [503, 503, "ok"], [500, "ok"], ["reset", "ok"], ["lost"], ["half"], [503, "lost", 500],
    ["reset", "half", 503]], ids=str)
def test_each_object_arrives_once_whatever_fails_on_the_way(serve, program, tmp_path, plan):
    server = serve(*plan)
    record(server, program, "s3://logs", "--no-attach-bucket-policy")
    assert server.objects == in_folder(program, tmp_path)


@pytest.mark.parametrize("days", [-40, 40])
def test_a_clock_that_is_wrong_is_set_by_the_server(serve, program, tmp_path, days):
    server = serve(ahead=datetime.timedelta(days=days))
    record(server, program, "s3://logs", "--no-attach-bucket-policy")
    assert server.objects == in_folder(program, tmp_path)
    assert len(server.requests) == 2
    print(f"{days:+} days: {len(server.objects)} object there after {len(server.requests)} requests")


def test_a_server_that_stays_down_leaves_the_object_in_its_file(serve, program, tmp_path):
    server = serve(*[503] * 20)
    done = record(server, program, "s3://logs", "--no-attach-bucket-policy", status=1,
                  TMPDIR=str(tmp_path), AWS_MAX_ATTEMPTS="2")
    assert "SlowDown: as told (HTTP 503) (after 2 attempts)" in done.stderr
    (kept,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept.name.endswith(".log.gz")


AT_ONCE = 8  # so many objects are under way
WINDOWS = AT_ONCE + 2  # with an object each, two of which wait
HANGING = ["hang"] * AT_ONCE


def record_meanwhile(server, program, folder, meanwhile, is_interrupted=False):
    """Records so many windows to a server that hangs at the first objects; when all wait, `meanwhile` gets their files, the
    oldest first, and the server goes on, or the program is interrupted. Returns what the failing program says."""
    options = capture_of_windows(folder, WINDOWS)
    told = folder / "told"
    with told.open("w") as stderr:
        recording = subprocess.Popen([program, "record", *options, "--log-destination", "s3://logs",
                                      "--no-attach-bucket-policy"], stderr=stderr,
                                     env={**CLEAN, **server.environment(), "TMPDIR": str(folder)})
    until(lambda: len(list(folder.rglob("*.segment"))) == WINDOWS, "all objects in the spool")
    meanwhile(sorted(folder.rglob("*.segment")))
    if is_interrupted:
        interrupt(recording, told)
    else:
        server.hangs.set()
    recording.wait(timeout=60)
    assert recording.returncode == (130 if is_interrupted else 1), told.read_text()
    return told.read_text()


def interrupt(recording, told):
    """If it was still reading, that ends reading, and it says that another one ends the delivery."""
    recording.send_signal(signal.SIGINT)
    until(lambda: recording.poll() is not None or "interrupted again" in told.read_text(), "the end of reading")
    recording.send_signal(signal.SIGINT)


def test_what_the_disk_damaged_while_it_waited_is_no_success(serve, program, tmp_path):
    server = serve(*HANGING)

    def damage(waiting):
        with waiting[AT_ONCE].open("r+b") as file:
            file.write(b"no gzip")

    said = record_meanwhile(server, program, tmp_path, damage)
    assert len(server.objects) == WINDOWS - 1
    (kept,) = [path for path in tmp_path.glob("weir-*/**/*") if path.is_file() and path.name.endswith(".segment")]
    assert kept.read_bytes().startswith(b"no gzip") and str(kept.parent) in said
    assert "had 1 file of records that were not delivered; check the disk" in said
    assert f"{WINDOWS} records in {WINDOWS} objects" not in said


def test_ctrl_c_ends_an_upload_that_hangs_and_keeps_what_waits(serve, program, tmp_path):
    server = serve(*HANGING)
    said = record_meanwhile(server, program, tmp_path, lambda waiting: None, is_interrupted=True)
    kept = list(tmp_path.glob("weir-*/undelivered/**/*.log.gz"))
    assert len(kept) == WINDOWS and not server.objects
    assert f"{WINDOWS} objects could not be delivered and are kept: `aws s3 cp " in said
    assert sum(gzip.decompress(path.read_bytes()).count(b"\n") for path in kept) == 2 * WINDOWS


def test_ctrl_c_while_it_reads_ends_the_input_and_the_next_one_the_delivery(serve, program, tmp_path):
    server = serve(*HANGING)
    _, capture, *others = capture_of_windows(tmp_path, WINDOWS)
    told = tmp_path / "told"
    with told.open("w") as stderr:
        recording = subprocess.Popen([program, "record", "--read", "-", *others, "--log-destination", "s3://logs",
                                      "--no-attach-bucket-policy"], stdin=subprocess.PIPE, stderr=stderr,
                                     env={**CLEAN, **server.environment(), "TMPDIR": str(tmp_path)})
    recording.stdin.write(pathlib.Path(capture).read_bytes())
    recording.stdin.flush()
    until_caught(recording, signal.SIGINT)
    interrupt(recording, told)
    assert recording.wait(timeout=60) == 130 and "interrupted again" in told.read_text()
    recording.stdin.close()
    assert len(list(tmp_path.glob("weir-*/undelivered/**/*.log.gz"))) == WINDOWS and not server.objects


def test_ctrl_c_ends_it_before_anything_is_recorded_if_the_server_never_answers(program, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        recording = subprocess.Popen(
            [program, "record", *capture_of_windows(tmp_path, 1), "--log-destination", "s3://logs"], text=True,
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
            env={**CLEAN, **scripted.environment(endpoint, "any", "any")})
        connection, _ = silent.accept()
        recording.send_signal(signal.SIGINT)
        _, said = recording.communicate(timeout=30)  # half of what a request may hang
        connection.close()
    assert recording.returncode == 130
    assert "the request was cancelled" in said


def test_what_somebody_removed_while_it_waited_is_no_success(serve, program, tmp_path):
    server = serve(*HANGING)
    said = record_meanwhile(server, program, tmp_path, lambda waiting: waiting[AT_ONCE].unlink())
    assert len(server.objects) == WINDOWS - 1
    assert "1 file of records gone from there" in said
    assert "had 1 file of records that were not delivered" in said
    assert f"{WINDOWS} records in {WINDOWS} objects" not in said


def test_what_can_be_neither_delivered_nor_made_a_file_stays_in_the_spool(serve, program, tmp_path):
    server = serve(*HANGING, *[403] * 20)

    def stand_in_the_way(waiting):
        (waiting[0].parent.parent / "undelivered").write_text("no folder")

    said = record_meanwhile(server, program, tmp_path, stand_in_the_way)
    assert not server.objects
    kept = sorted(tmp_path.glob("weir-*/**/*.segment"))
    assert len(kept) == WINDOWS and str(kept[0].parent) in said
    assert "Access error: " in said and "Not a directory" in said
    for path in kept:
        *_, described, _, _ = path.read_bytes().split(b"\n")
        described = json.loads(described)
        assert gzip.decompress(path.read_bytes()[:described["bytes"]]).count(b"\n") == 1 + described["records"]


def test_another_object_under_the_key_is_not_overwritten(serve, program, tmp_path):
    server = serve()
    (key,) = in_folder(program, tmp_path)
    server.objects[key] = b"somebody else's"
    done = record(server, program, "s3://logs", "--no-attach-bucket-policy", status=1)
    assert "is another object" in done.stderr
    assert server.objects[key] == b"somebody else's"


def test_the_policy_is_read_back(serve, program):
    server = serve()
    record(server, program)
    asked = [command for command, path in server.requests if "policy" in path]
    assert asked == ["GET", "PUT", "GET"]
