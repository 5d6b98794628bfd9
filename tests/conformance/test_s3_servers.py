"""What S3 servers differ in: buckets as hosts, other regions, other owners, encryption of their own."""

import subprocess

import boto3
import moto.server
import pytest

from scripted import CLEAN, environment
from test_s3 import ACCOUNT, CAPTURE, NETWORK, REGION, bucket, objects  # noqa: F401 (a fixture)
from test_s3_faults import in_folder

WHERE = ["--log-destination", "s3://logs", "--account-id", ACCOUNT, "--region", REGION]


def run(program, variables, *arguments, status=0):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False,
                          env={**CLEAN, **variables})
    assert done.returncode == status, f"{done.args}\n{done.stdout}{done.stderr}"
    return done.stderr


def record(program, variables, destination="s3://logs", *more, status=0):
    return run(program, variables, "record", "--read", CAPTURE, "--vpc", NETWORK, "--log-destination", destination,
               *more, status=status)


def test_a_bucket_is_a_host_where_the_profile_says_so(server, bucket, program, tmp_path):
    """The gateway knows buckets below `localhost`, and takes the Host header for a part of what is signed."""
    (tmp_path / "config").write_text("[default]\ns3 =\n  addressing_style = virtual\n")
    (tmp_path / "there").mkdir()
    variables = {**server.environment("owner"), "AWS_CONFIG_FILE": str(tmp_path / "config"),
                 "AWS_ENDPOINT_URL": f"http://localhost:{server.port}"}
    record(program, variables, f"s3://{bucket}")
    assert {f"/logs/{key}": there for key, there in objects(server, bucket).items()} == \
        in_folder(program, tmp_path / "there")
    variables |= {"AWS_ENDPOINT_URL": "http://localhost:1", "AWS_MAX_ATTEMPTS": "1"}
    assert f" at http://{bucket}.localhost:1: " in record(program, variables, f"s3://{bucket}", status=1)


@pytest.mark.parametrize("where", ["header", "body"])
def test_a_bucket_of_another_region_is_followed_there(serve, program, tmp_path, where):
    server = serve()
    server.region, server.names_region_in = "eu-west-1", where
    record(program, server.environment())
    assert server.objects == in_folder(program, tmp_path)
    first, *rest = server.signed_for
    assert first == "us-east-1"
    assert set(rest) == {"eu-west-1"}, "it is learned once"
    assert not server.refused


def test_the_server_encrypts_with_the_key_that_is_asked_for(program):
    """The gateway ignores AES256; moto tells what it was asked for."""
    cloud = moto.server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    cloud.start()
    try:
        url = "http://{}:{}".format(*cloud.get_host_and_port())
        s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="any",
                          aws_secret_access_key="any")
        s3.create_bucket(Bucket="logs")
        for prefix, method in ("a", "AES256"), ("b", "aws:kms"):
            record(program, environment(url, "any", "any"), f"s3://logs/{prefix}", "--sse", method)
            (there,) = s3.list_objects_v2(Bucket="logs", Prefix=prefix)["Contents"]
            assert s3.head_object(Bucket="logs", Key=there["Key"])["ServerSideEncryption"] == method
    finally:
        cloud.stop()


def test_the_policy_of_anothers_bucket_is_for_its_owner_to_attach(serve, program, tmp_path):
    """S3 says 405 then, whatever the policy allows, and it may allow delivery."""
    server = serve()
    server.is_anothers = True
    for what in ("attach", "detach", "check"):
        said = run(program, server.environment(), "bucket-policy", what, *WHERE, status=1)
        assert "MethodNotAllowed" in said
        assert "another account owns the bucket: its owner has to attach what `weir bucket-policy print` prints" in said
    assert "`weir bucket-policy check --probe` as who delivers" in said
    said = record(program, server.environment())
    assert "the bucket policy of s3://logs cannot be looked at: MethodNotAllowed" in said
    assert server.objects == in_folder(program, tmp_path)
    said = run(program, server.environment(), "bucket-policy", "check", "--probe", *WHERE)
    assert "the bucket policy cannot be looked at" in said
