"""Large files to a real S3 server: in one piece, in parts, and what stays of what fails."""

import json
import os
import pathlib
import signal
import subprocess

import pytest

from peak import peak_of
from scripted import CLEAN
from test_s3 import bucket, client, objects  # noqa: F401 (a fixture)
from waiting import until

MB = 1 << 20
DELIVERY = "arn:aws:iam:::user/delivery"


@pytest.fixture
def putter(program):
    path = pathlib.Path(program).parent / "put_file"
    if not os.access(path, os.X_OK):
        pytest.skip(f"{path} is not built: `tools/build release` builds it")
    return path


def a_file(folder, size):
    (folder / "file").write_bytes(os.urandom(size))
    return folder / "file"


def put(server, putter, *arguments, user="owner", status=0):
    done = subprocess.run([putter, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False,
                          env={**CLEAN, **server.environment(user)})
    assert done.returncode == status, done.stderr
    return done.stderr


def test_a_large_object_goes_in_one_piece_that_is_never_in_memory(server, bucket, putter, tmp_path):
    """The policy demands the ACL, which the gateway does not see where an upload in parts begins."""
    client(server).put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": DELIVERY}, "Action": "s3:PutObject",
         "Resource": f"arn:aws:s3:::{bucket}/*",
         "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}}]}))
    file = a_file(tmp_path, 33 * MB)
    environment = {**CLEAN, **server.environment("delivery")}
    peak, _ = peak_of(tmp_path, [putter, file, f"s3://{bucket}/large"], env=environment)
    there = client(server).get_object(Bucket=bucket, Key="large")
    assert there["Body"].read() == file.read_bytes()
    assert "-" not in there["ETag"]
    if not any(name in putter.read_bytes() for name in (b"__asan_init", b"__tsan_init")):
        assert peak < 24 * MB, "it is not in memory"


def test_a_larger_file_goes_in_parts(server, bucket, putter, tmp_path):
    file = a_file(tmp_path, 11 * MB)
    put(server, putter, file, f"s3://{bucket}/large", 5 * MB)
    there = client(server).get_object(Bucket=bucket, Key="large")
    assert there["Body"].read() == file.read_bytes()
    assert there["ETag"].endswith('-3"'), "of three parts"


def test_no_parts_stay_of_an_upload_that_fails(server, bucket, putter, tmp_path):
    said = put(server, putter, a_file(tmp_path, 3 * MB), f"s3://{bucket}/large", MB, status=1)
    assert "EntityTooSmall" in said, "S3 takes parts of 5 MB and more"
    assert not client(server).list_multipart_uploads(Bucket=bucket).get("Uploads")
    assert not client(server).list_objects_v2(Bucket=bucket).get("Contents")


def test_a_kill_between_parts_leaves_nothing_under_the_key_and_the_next_attempt_puts_it(server, bucket, putter, tmp_path):
    s3, parts = client(server), 16
    file = tmp_path / "file"
    with open(file, "wb") as out:
        out.truncate(parts * 5 * MB - 1)
    arguments = [file, f"s3://{bucket}/large", str(5 * MB)]

    def unfinished():
        return s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])

    def sent(upload):
        return len(s3.list_parts(Bucket=bucket, Key="large", UploadId=upload["UploadId"]).get("Parts", []))

    putting = subprocess.Popen([putter, *arguments], env={**CLEAN, **server.environment("owner")})
    try:
        upload = until(unfinished, "its upload", every=0.001)[0]
        until(lambda: sent(upload), "a part", every=0.001)
    finally:
        putting.kill()
        putting.wait()
    assert putting.returncode == -signal.SIGKILL and 0 < sent(upload) < parts, "it was between two parts"
    assert objects(server, bucket) == {}

    put(server, putter, *arguments)
    assert {key: there == file.read_bytes() for key, there in objects(server, bucket).items()} == {"large": True}
    assert [each["UploadId"] for each in unfinished()] == [upload["UploadId"]], "its parts are for the bucket's rule"
