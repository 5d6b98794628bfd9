"""Large files to a real S3 server: in one piece, in parts, and what stays of what fails."""

import json
import os
import pathlib
import subprocess

import pytest

from peak import peak_of
from scripted import CLEAN
from test_s3 import bucket, client  # noqa: F401 (a fixture)

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
