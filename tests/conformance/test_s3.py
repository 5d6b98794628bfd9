"""`weir record` to a real S3 server, and the bucket's policy there; read by boto3."""

import json
import pathlib
import subprocess

import boto3
import botocore.config
import botocore.exceptions
import pytest

from scripted import CLEAN

TREE = pathlib.Path(__file__).resolve().parent.parent.parent
CAPTURE, NETWORK = TREE / "demo" / "three-hosts.pcap", TREE / "demo" / "vpc.json"
ACCOUNT, REGION = "123456789012", "ap-northeast-1"
DELIVERY = "arn:aws:iam:::user/delivery"


def client(server, user="owner"):
    made = boto3.client(
        "s3", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id=f"AKID{user}",
        aws_secret_access_key=f"SECRETOF{user}",
        config=botocore.config.Config(retries={"max_attempts": 1}))
    # The gateway and boto3 wait for each other after a 403 (ceph/ceph#49642).
    made.meta.events.register_last(
        "before-call.s3", lambda params, **_: params["headers"].pop("Expect", None) and None)
    return made


@pytest.fixture
def bucket(server, request):
    name = f"logs-{abs(hash(request.node.name)) % 10**10}"
    client(server).create_bucket(Bucket=name)
    return name


def run(server, program, *arguments, user="owner", status=0, **variables):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True,
                          timeout=120, check=False,
                          env={**CLEAN, **server.environment(user), **variables})
    assert done.returncode == status, f"{done.args}\n{done.stdout}{done.stderr}"
    assert "SECRETOF" not in done.stdout + done.stderr
    return done


def record(server, program, destination, *more, **how):
    return run(server, program, "record", "--read", CAPTURE, "--vpc", NETWORK, "--log-destination",
               destination, *more, **how)


def objects(server, bucket):
    s3 = client(server)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def standings(server, program, *where, status=1):
    """What `check` tells of the two statements."""
    said = run(server, program, "bucket-policy", "check", *where, "--output", "json", status=status)
    return [each["standing"] for each in json.loads(said.stdout)]


def policy_of(server, bucket):
    return json.loads(client(server).get_bucket_policy(Bucket=bucket)["Policy"])


@pytest.mark.parametrize("options", [[], ["--file-format", "parquet"],
                                     ["--hive-compatible-partitions", "--per-hour-partition"]])
@pytest.mark.parametrize("prefix", ["", "/a/b", "/käse = 漢字+1/(x)'*!~"])
def test_the_bucket_holds_what_a_folder_would(server, bucket, program, tmp_path, prefix, options):
    run(server, program, "record", "--read", CAPTURE, "--vpc", NETWORK, "--log-destination", tmp_path,
        *options)
    record(server, program, f"s3://{bucket}{prefix}/", *options)
    above = f"{prefix[1:]}/" if prefix else ""
    expected = {above + str(path.relative_to(tmp_path)): path.read_bytes()
                for path in tmp_path.rglob("*") if path.is_file()}
    assert expected
    assert objects(server, bucket) == expected


def test_recording_twice_changes_nothing(server, bucket, program):
    record(server, program, f"s3://{bucket}")
    before = client(server).list_objects_v2(Bucket=bucket)["Contents"]
    policy = policy_of(server, bucket)
    done = record(server, program, f"s3://{bucket}")
    assert client(server).list_objects_v2(Bucket=bucket)["Contents"] == before
    assert policy_of(server, bucket) == policy
    assert "policy" not in done.stderr.replace(str(TREE), "")


def test_the_policy_that_aws_attaches_is_attached_and_told(server, bucket, program):
    done = record(server, program, f"s3://{bucket}")
    assert "a resource-based policy was created and attached to the target bucket" in done.stderr
    condition = {"StringEquals": {"aws:SourceAccount": ACCOUNT},
                 "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:*"}}
    writing = {"StringEquals": {**condition["StringEquals"],
                                "s3:x-amz-acl": "bucket-owner-full-control"},
               "ArnLike": condition["ArnLike"]}
    service = {"Service": "delivery.logs.amazonaws.com"}
    assert policy_of(server, bucket) == {
        "Version": "2012-10-17", "Id": "AWSLogDeliveryWrite20150319", "Statement": [
            {"Sid": "AWSLogDeliveryWrite1", "Effect": "Allow", "Principal": service,
             "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/AWSLogs/{ACCOUNT}/*",
             "Condition": writing},
            {"Sid": "AWSLogDeliveryAclCheck1", "Effect": "Allow", "Principal": service,
             "Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{bucket}",
             "Condition": condition}]}


def test_no_policy_is_attached_when_told_so(server, bucket, program):
    record(server, program, f"s3://{bucket}", "--no-attach-bucket-policy")
    with pytest.raises(botocore.exceptions.ClientError, match="NoSuchBucketPolicy"):
        client(server).get_bucket_policy(Bucket=bucket)


def test_what_stands_in_the_policy_stays(server, bucket, program):
    mine = {"Sid": "Mine", "Effect": "Allow", "Principal": {"AWS": [DELIVERY]},
            "Action": ["s3:GetObject"], "Resource": [f"arn:aws:s3:::{bucket}/*"]}
    client(server).put_bucket_policy(Bucket=bucket, Policy=json.dumps(
        {"Version": "2012-10-17", "Statement": [mine]}))
    record(server, program, f"s3://{bucket}")
    assert [each["Sid"] for each in policy_of(server, bucket)["Statement"]] == [
        "Mine", "AWSLogDeliveryWrite1", "AWSLogDeliveryAclCheck1"]
    assert policy_of(server, bucket)["Statement"][0] == mine
    where = ["--log-destination", f"s3://{bucket}", "--account-id", ACCOUNT, "--region", REGION]
    assert standings(server, program, *where) == ["unclear", "unclear"]
    run(server, program, "bucket-policy", "detach", *where)
    assert policy_of(server, bucket)["Statement"] == [mine]
    assert standings(server, program, *where) == ["missing", "missing"]


def test_a_full_policy_is_found_before_anything_is_to_be_added(server, bucket, program):
    full = [{"Sid": f"Mine{number}", "Effect": "Allow", "Principal": {"AWS": DELIVERY}, "Action": "s3:GetObject",
             "Resource": f"arn:aws:s3:::{bucket}/{'x' * 900}{number}"} for number in range(19)]
    policy = json.dumps({"Version": "2012-10-17", "Statement": full}, separators=(",", ":"))
    assert 19_000 < len(policy) < 20_480
    client(server).put_bucket_policy(Bucket=bucket, Policy=policy)
    where = ["--log-destination", f"s3://{bucket}", "--account-id", ACCOUNT, "--region", REGION]
    said = run(server, program, "bucket-policy", "check", *where, status=1).stderr
    assert "S3 takes 20480" in said
    assert "`weir bucket-policy attach` cannot add what is missing" in said
    said = run(server, program, "bucket-policy", "attach", *where, status=1).stderr
    assert "LogDestinationPermissionIssueException" in said and "S3 takes 20480" in said
    assert policy_of(server, bucket)["Statement"] == full


def test_another_user_delivers_by_the_policy_only(server, bucket, program):
    """The gateway knows no service principals: the delivering user takes the service's place."""
    destination = f"s3://{bucket}/net"
    done = record(server, program, destination, user="delivery", status=1)
    assert "AccessDenied" in done.stderr
    where = ["--log-destination", destination, "--account-id", ACCOUNT, "--region", REGION]
    said = run(server, program, "bucket-policy", "attach", *where).stderr
    assert "may know no service principals" in said and "--delivery-principal" in said
    assert standings(server, program, *where) == ["unclear", "unclear"], "it was accepted, and matches nobody"
    said = run(server, program, "bucket-policy", "check", *where, status=1).stderr
    assert "whether delivery works is unclear: `weir bucket-policy check --probe` as who delivers" in said
    assert "--delivery-principal" in said
    said = record(server, program, destination, "--no-attach-bucket-policy", user="delivery", status=1).stderr
    assert "--delivery-principal" in said
    probing = ["bucket-policy", "check", "--probe", *where]
    run(server, program, *probing, user="owner")
    run(server, program, *probing, user="delivery", status=1)
    by_principal = ["--delivery-principal", DELIVERY]
    said = run(server, program, "bucket-policy", "attach", *where, *by_principal).stderr
    assert said.startswith(f"a resource-based policy was created and attached to the target bucket s3://{bucket}: ")
    assert f"lets {DELIVERY} put objects under net/AWSLogs/{ACCOUNT}/ (AWSLogDeliveryWrite)" in said
    assert "takes the place of delivery.logs.amazonaws.com, and the conditions aws:SourceAccount and aws:SourceArn " \
        "are left out: a server that knows no service principals would match neither" in said
    added = policy_of(server, bucket)["Statement"][2:]
    assert [each["Principal"] for each in added] == [{"AWS": DELIVERY}] * 2
    assert "aws:Source" not in json.dumps(added)
    assert standings(server, program, *where, *by_principal, status=0) == ["allowed", "allowed"]
    assert "delivery works" in run(server, program, *probing, user="delivery").stderr
    said = record(server, program, destination, *by_principal, user="delivery").stderr
    assert f"the bucket policy of s3://{bucket} cannot be looked at: AccessDenied (HTTP 403); delivery works\n" in said
    (key,) = (key for key in objects(server, bucket) if not key.endswith("/WeirDeliveryTestFile"))
    grants = client(server).get_object_acl(Bucket=bucket, Key=key)["Grants"]
    assert any(grant["Grantee"].get("ID") == "owner" and grant["Permission"] == "FULL_CONTROL"
               for grant in grants)
    record(server, program, f"s3://{bucket}/elsewhere", "--no-attach-bucket-policy",
           user="delivery", status=1)


def test_another_user_delivers_to_hive_folders(server, bucket, program):
    """What may not look at the policy finds out whether it may deliver where it will."""
    hive = ["--hive-compatible-partitions", "--delivery-principal", DELIVERY]
    where = ["--log-destination", f"s3://{bucket}/net", "--account-id", ACCOUNT, "--region", REGION]
    run(server, program, "bucket-policy", "attach", *where, *hive)
    record(server, program, f"s3://{bucket}/net", *hive, user="delivery")
    run(server, program, "bucket-policy", "check", "--probe", *where, *hive, user="owner")
    counted = run(server, program, "query", "--from", f"s3://{bucket}/net", "SELECT count(*) > 0 AS any "
                  "FROM flow_logs", "--output", "json")
    assert json.loads(counted.stdout) == [{"any": True}]


def test_what_cannot_be_delivered_is_kept_and_told(server, bucket, program, tmp_path):
    done = record(server, program, f"s3://{bucket}", "--no-attach-bucket-policy", user="delivery",
                  status=1, TMPDIR=str(tmp_path))
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) == 1
    assert "1 object could not be delivered and is kept" in done.stderr
    assert str(kept[0].relative_to(tmp_path)).split("/")[0] in done.stderr


def test_nothing_stays_in_the_temporary_folder(server, bucket, program, tmp_path):
    record(server, program, f"s3://{bucket}", TMPDIR=str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_key_of_kms_encrypts(server, bucket, program):
    record(server, program, f"s3://{bucket}", "--sse", "aws:kms", "--sse-kms-key-id", "testkey-1")
    (key,) = objects(server, bucket)
    head = client(server).head_object(Bucket=bucket, Key=key)
    assert head["ServerSideEncryption"] == "aws:kms"
    assert head["SSEKMSKeyId"] == "testkey-1"


@pytest.mark.parametrize("variables, said", [
    ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "SignatureDoesNotMatch"),
    ({"AWS_ACCESS_KEY_ID": "nobody"}, "InvalidAccessKeyId"),
    ({"AWS_ACCESS_KEY_ID": ""}, "there are no AWS credentials"),
    ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}, "127.0.0.1:1"),
    ({"AWS_ENDPOINT_URL": "127.0.0.1"}, "AWS_ENDPOINT_URL: is no URL"),
    ({"AWS_PROFILE": "none"}, "there is no profile 'none'")])
def test_bad_surroundings_are_named_with_a_next_step(server, bucket, program, variables, said):
    done = record(server, program, f"s3://{bucket}", status=1, **variables)
    assert said in done.stderr
    assert "; " in done.stderr.splitlines()[-1]


def test_a_bucket_that_is_not_there(server, program):
    done = record(server, program, "s3://no-such-bucket", status=1)
    assert "NoSuchBucket" in done.stderr
    done = record(server, program, "s3://no-such-bucket", "--no-attach-bucket-policy", status=1)
    assert "NoSuchBucket" in done.stderr
