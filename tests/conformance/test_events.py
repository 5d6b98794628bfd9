"""`weir record` to CloudWatch Logs and Data Firehose. moto is the service that boto3 reads back from; the
scripted server checks signatures, holds to AWS's limits and fails as it is told. What is expected is what
the same capture gives in a folder."""

import collections
import gzip
import json
import random
import subprocess
import time

import boto3
import moto.server
import pytest

import network
import scripted
import scripted_events

REGION, ACCOUNT = "us-east-1", "123456789010"
GROUP = "/weir/flow"
FIREHOSE = f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/flow"
DEFAULT_FIELDS = ("version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end "
                  "action log-status").split()


@pytest.fixture(scope="module")
def cloud():
    """Where moto listens."""
    server = moto.server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def client(cloud, service):
    return boto3.client(service, endpoint_url=cloud, region_name=REGION, aws_access_key_id="any",
                        aws_secret_access_key="any")


def environment(cloud):
    return scripted.environment(cloud, "any", "any")


def run(program, *arguments, variables=(), status=0):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=120,
                          check=False, env={**scripted.CLEAN, **dict(variables)})
    assert done.returncode == status, f"{done.args}\n{done.stdout}{done.stderr}"
    assert scripted_events.SECRET not in done.stdout + done.stderr
    return done


def write(folder, flows, start=None, span=1500):
    """A capture of so many flows between two interfaces and the world, over `span` seconds, the last of them
    a minute ago; some are refused. Returns the options that name it."""
    chance = random.Random(7)
    start = start or int(time.time()) - span - 60
    packets = []
    for i in range(flows):
        host = chance.choice(["10.0.0.10", "10.0.0.11"])
        port = chance.choice([443, 22, 9000])
        packets.append((start + i * span // flows + chance.random(), network.packet(
            f"198.51.100.{chance.randrange(1, 250)}", host, network.TCP, 60, 1024 + i % 60000, port, network.SYN)))
    packets.sort(key=lambda each: each[0])
    described = network.description(
        "10.0.0.10", "10.0.0.0/16", ingress=[network.permission("tcp", (443, 443))],
        more=[("eni-2235b8ca123456789", "10.0.0.11")])
    return network.write(folder, packets, described)


def in_folder(program, folder, options):
    """The records that a folder has: lists of fields, by line."""
    run(program, "record", *options, "--log-destination", folder)
    lines = []
    for path in sorted(folder.rglob("*.log.gz")):
        header, *rest = gzip.decompress(path.read_bytes()).decode().splitlines()
        lines += [(line, dict(zip(header.split(), line.split()))) for line in rest]
    assert lines
    return lines


def expected_events(records):
    return collections.Counter((f"{fields['interface-id']}-all", int(fields["start"]) * 1000, line)
                               for line, fields in records)


def events_of(cloud, group):
    logs = client(cloud, "logs")
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
    return [each for page in pages for each in page["events"]]


def as_counter(events):
    return collections.Counter((each["logStreamName"], each["timestamp"], each["message"]) for each in events)


@pytest.mark.parametrize("interval", [60, 600])
def test_every_record_is_an_event_of_its_interface_at_its_start(program, cloud, tmp_path, request, interval):
    options = [*write(tmp_path, 900), "--max-aggregation-interval", interval]
    group = f"/weir/{interval}"
    done = run(program, "record", *options, "--log-destination-type", "cloud-watch-logs", "--log-group-name", group,
               variables=environment(cloud))
    records = in_folder(program, tmp_path / "folder", options)
    assert f"{len(records)} records in log group {group}" in done.stderr
    events = events_of(cloud, group)
    assert as_counter(events) == expected_events(records)
    streams = client(cloud, "logs").describe_log_streams(logGroupName=group)["logStreams"]
    assert sorted(each["logStreamName"] for each in streams) == [
        "eni-1235b8ca123456789-all", "eni-2235b8ca123456789-all"]
    for each in streams:
        got = client(cloud, "logs").get_log_events(logGroupName=group, logStreamName=each["logStreamName"],
                                                   startFromHead=True)["events"]
        assert [one["timestamp"] for one in got] == sorted(one["timestamp"] for one in got)


def test_a_format_without_interface_or_start_has_them_in_the_event_all_the_same(program, cloud, tmp_path):
    options = write(tmp_path, 200)
    wanted = expected_events(in_folder(program, tmp_path / "folder", options))
    run(program, "record", *options, "--log-group-name", "/weir/short", "--log-format", "${dstport} ${action}",
        variables=environment(cloud))
    events = events_of(cloud, "/weir/short")
    assert {each["message"] for each in events} <= {f"{p} {a}" for p in (443, 22, 9000, "-")
                                                    for a in ("ACCEPT", "REJECT", "-")}
    assert collections.Counter((stream, start) for stream, start, _ in wanted.elements()) == collections.Counter(
        (each["logStreamName"], each["timestamp"]) for each in events)


def test_an_arn_names_the_group_and_its_region(program, cloud, tmp_path):
    options = write(tmp_path, 20)
    run(program, "record", *options, "--log-destination", f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:far",
        variables=environment(cloud))
    far = boto3.client("logs", endpoint_url=cloud, region_name="eu-west-1", aws_access_key_id="any",
                       aws_secret_access_key="any")
    assert as_counter(far.filter_log_events(logGroupName="far")["events"]) == expected_events(
        in_folder(program, tmp_path / "folder", options))


def make_delivery_stream(cloud):
    s3, firehose, iam = client(cloud, "s3"), client(cloud, "firehose"), client(cloud, "iam")
    s3.create_bucket(Bucket="flow-bucket")
    firehose.create_delivery_stream(
        DeliveryStreamName="flow", DeliveryStreamType="DirectPut", ExtendedS3DestinationConfiguration={
            "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/any", "BucketARN": "arn:aws:s3:::flow-bucket"})
    return s3


@pytest.fixture(scope="module")
def delivered(program, cloud, tmp_path_factory):
    """One capture in a folder, a log group (as boto3 exports it) and through Firehose (as its objects lie in S3)."""
    above = tmp_path_factory.mktemp("delivered")
    options = write(above, 1200)
    records = in_folder(program, above / "folder", options)
    run(program, "record", *options, "--log-group-name", "/weir/export", variables=environment(cloud))
    (above / "logs").mkdir()
    (above / "logs" / "events.log").write_text(json.dumps({"events": events_of(cloud, "/weir/export")}))
    s3 = make_delivery_stream(cloud)
    run(program, "record", *options, "--log-destination-type", "kinesis-data-firehose", "--log-destination", FIREHOSE,
        variables=environment(cloud))
    (above / "firehose").mkdir()
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="flow-bucket"):
        for each in page["Contents"]:
            body = s3.get_object(Bucket="flow-bucket", Key=each["Key"])["Body"].read()
            (above / "firehose" / each["Key"].replace("/", "-")).write_bytes(body)
    return above, records


def test_firehose_delivers_each_record_as_a_message(delivered):
    above, records = delivered
    lines = [line for path in (above / "firehose").iterdir() for line in path.read_text().splitlines()]
    messages = [json.loads(line) for line in lines]
    assert all(list(each) == ["message"] for each in messages)
    assert collections.Counter(each["message"] for each in messages) == collections.Counter(
        line for line, _ in records)


@pytest.mark.parametrize("through", ["logs", "firehose"])
@pytest.mark.parametrize("command", [
    ["query", "--output", "json", "SELECT version, account_id, interface_id, srcaddr, dstaddr, srcport, dstport, protocol, "
     "packets, bytes, start, \"end\", action, log_status FROM flow_logs ORDER BY ALL"],
    ["report", "traffic-over-time", "--output", "json"], ["explain", "--output", "json"]], ids=lambda each: each[0])
def test_what_was_delivered_is_read_as_from_the_folder(program, delivered, through, command):
    above, _ = delivered
    said = {where: json.loads(run(program, *command[:1], *command[1:], "--from", above / where).stdout)
            for where in ("folder", through)}
    assert said[through] == said["folder"]
    assert said["folder"]


# From here on the server is scripted.


def window():
    """The start of one that is over."""
    return (int(time.time()) // 600 - 1) * 600


def record(program, server, folder, flows=300, status=0, to=("--log-group-name", GROUP), **how):
    options = write(folder, flows, **how)
    done = run(program, "record", *options, *to, status=status,
               variables={**server.environment(), "TMPDIR": str(folder), "AWS_MAX_ATTEMPTS": "4"})
    assert not server.refused, "a signature was wrong"
    return done, in_folder(program, folder / "folder", options)


@pytest.mark.parametrize("plan, twice", [
    (["throttled"], False), ([503, 503], False), (["reset"], True), ([500], True), (["lost"], True), (["half"], True),
    (["ok", "lost", "throttled", "lost"], True)], ids=str)
def test_each_event_is_there_whatever_fails_and_what_may_be_twice_is_told(program, serve_events, tmp_path, plan, twice):
    server = serve_events("ok", *plan)  # the first finds no log group
    done, records = record(program, server, tmp_path)
    came = collections.Counter(server.events(GROUP))
    wanted = expected_events(records)
    assert came.keys() == wanted.keys()
    surplus = sum((came - wanted).values())
    assert surplus == 0 or "lost" in plan or "half" in plan
    told = [line for line in done.stderr.splitlines() if "may be there twice" in line]
    assert bool(told) == twice
    if twice:
        assert int(told[0].split()[2]) >= surplus
    assert not list(tmp_path.glob("weir-*")), "what was delivered leaves nothing"


@pytest.mark.parametrize("plan, again", [([[0, 7, 199]], 3), ([[3], [0], "throttled"], 2), ([list(range(500))], 500)],
                         ids=["three", "one twice", "all"])
def test_firehose_gets_again_only_what_it_refused(program, serve_events, tmp_path, plan, again):
    server = serve_events(*plan)
    done, records = record(program, server, tmp_path, 700, to=("--log-destination", FIREHOSE), start=window(), span=590)
    messages = [json.loads(each)["message"] for call in server.streams["flow"] for each in call]
    assert collections.Counter(messages) == collections.Counter(line for line, _ in records)
    assert len(records) > 500
    assert server.offered == len(records) + again
    assert "twice" not in done.stderr
    print(f"{len(records)} records, of which {again} were refused: {server.offered} sent, each there once")


def test_a_group_that_is_deleted_in_between_is_made_again(program, serve_events, tmp_path):
    server = serve_events("ok", "ok", "deleted")
    _, records = record(program, server, tmp_path)
    assert server.calls.count("CreateLogGroup") == 2
    wanted = expected_events(records)
    came = collections.Counter(server.events(GROUP))
    assert came and not came - wanted, "what came after it was deleted is there, once"


def test_calls_keep_to_the_limits_where_there_is_more(program, serve_events, tmp_path):
    server = serve_events()
    _, records = record(program, server, tmp_path, 24_000, start=window(), span=590,
                        to=("--log-group-name", GROUP, "--log-format", "${srcport}"))
    calls = [call for stream in server.groups[GROUP].values() for call in stream]
    assert max(map(len, calls)) == 10_000
    assert collections.Counter(message for call in calls for _, message in call) == collections.Counter(
        fields["srcport"] for _, fields in records)


@pytest.mark.parametrize("to", [("--log-group-name", GROUP), ("--log-destination", FIREHOSE)], ids=["logs", "firehose"])
@pytest.mark.parametrize("plan, status", [("denied", "Access error"), ("throttled", "Rate limited"),
                                          (500, "Unknown error")])
def test_what_cannot_be_delivered_is_kept_whole_and_told_in_aws_words(program, serve_events, tmp_path, to, plan, status):
    server = serve_events(*[plan] * 1000)
    done, records = record(program, server, tmp_path, status=1, to=to)
    assert f": {status}: " in done.stderr.splitlines()[-1]
    assert f"0 records in {'log group' if to[1] == GROUP else 'delivery stream'}" in done.stderr
    assert f"{len(records)} records not delivered" in done.stderr
    (kept,) = tmp_path.glob("weir-*")
    read = run(program, "query", "--from", kept, "--output", "json", "SELECT count(*) AS n, sum(bytes) AS b FROM flow_logs")
    assert json.loads(read.stdout) == [{"n": len(records), "b": sum(
        int(fields["bytes"]) for _, fields in records if fields["bytes"] != "-")}]


@pytest.mark.parametrize("days, why", [(-20, "older than 14 days"), (2, "more than two hours ahead")])
def test_events_that_are_refused_for_ever_are_counted_and_told(program, serve_events, tmp_path, days, why):
    server = serve_events()
    start = int(time.time()) + days * 86400
    done, records = record(program, server, tmp_path, 50, status=1, start=start)
    assert f"{len(records)} records refused for ever: {why}" in done.stderr
    assert f"0 records in log group {GROUP}" in done.stderr


def test_the_service_decides_what_is_too_old_event_by_event(program, serve_events, tmp_path):
    server = serve_events()
    start = int(time.time()) - 14 * 86400 - 600  # half of them lie behind the limit
    done, records = record(program, server, tmp_path, 200, status=1, start=start, span=1200)
    taken = len(server.events(GROUP))
    assert 0 < taken < len(records)
    assert f"{taken} records in log group {GROUP}" in done.stderr
    assert f"{len(records) - taken} records refused for ever" in done.stderr


def test_a_role_delivers_if_one_is_given(program, serve_events, tmp_path):
    server = serve_events()
    role = f"arn:aws:iam::{ACCOUNT}:role/flow-logs"
    record(program, server, tmp_path, to=("--log-group-name", GROUP, "--deliver-logs-permission-arn", role))
    assert server.roles == [role]
    assert server.signers[0] == scripted_events.KEY
    assert set(server.signers[1:]) == {scripted_events.ROLE_KEY}


@pytest.mark.parametrize("to, variable", [(("--log-group-name", GROUP), "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"),
                                          (("--log-destination", FIREHOSE), "AWS_ENDPOINT_URL_FIREHOSE"),
                                          (("--log-group-name", GROUP), None)])
def test_the_endpoint_is_found_as_the_cli_finds_it(program, serve_events, tmp_path, to, variable):
    server = serve_events()
    variables = {**server.environment(), "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}
    options = [*write(tmp_path, 20), *to]
    if variable:
        variables[variable] = server.url
    else:
        options += ["--endpoint-url", server.url]
    run(program, "record", *options, variables=variables)
    assert server.calls


@pytest.mark.parametrize("options, said", [
    (["--log-group-name", "g", "--file-format", "parquet"], "--file-format"),
    (["--log-group-name", "g", "--per-hour-partition"], "--per-hour-partition"),
    (["--log-destination", FIREHOSE, "--hive-compatible-partitions"], "--hive-compatible-partitions"),
    (["--log-group-name", "g", "--sse", "AES256"], "--sse"),
    (["--log-destination-type", "cloud-watch-logs"], "LogDestination can't be empty"),
    (["--log-destination-type", "s3", "--log-destination", "s3://bucket", "--log-group-name", "g"],
     "LogDestination type must be cloud-watch-logs"),
    (["--log-destination-type", "kinesis-data-firehose", "--log-destination", "flow"], "no delivery stream's ARN"),
    (["--log-destination", "s3://bucket", "--deliver-logs-permission-arn", "arn:aws:iam::1:role/r"],
     "not applicable for s3")])
def test_what_aws_refuses_is_wrong_usage(program, tmp_path, options, said):
    done = run(program, "record", *write(tmp_path, 1), *options, status=2)
    assert said in done.stderr
