"""`weir up` delivers to CloudWatch Logs and Data Firehose through its spool: real packets on a device, and a
server that checks signatures, holds to AWS's limits and fails as it is told."""

import collections
import json
import re

from test_events import client, cloud, environment
from test_up_s3 import SOURCE_PORTS, host, send_for, up
from waiting import until

import scripted_events

__all__ = ["cloud", "host", "up"]  # fixtures

REGION, ACCOUNT = "us-east-1", "123456789010"
GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/weir/flow"
STREAM = f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/flow"


def in_group(server):
    return [message for _, _, message in server.events("/weir/flow")] if server.groups else []


def in_stream(server):
    return [json.loads(each)["message"] for call in server.streams.get("flow", []) for each in call]


def recorded(lines):
    """How often each packet was recorded, by its number."""
    counts = collections.Counter()
    for line in lines:
        port, dport, packets, *_, status = line.split()
        if status == "OK":
            counts[(int(dport) - 9) * SOURCE_PORTS + int(port) - 1000] += int(packets)
    return counts


def records_kept(spool):
    """Of packets, in the segments that wait."""
    return sum(path.read_bytes().count(b" OK\n") for path in spool.rglob("*.segment"))


def test_each_record_becomes_an_event_whatever_the_services_refuse(host, up, serve_events):
    server = serve_events("throttled", "denied", 503, 500, "reset", "throttled")
    weir = up(server.environment(), STREAM, destination=GROUP, spool="retry-interval = 1")
    weir.start()
    end = send_for(host, 3, 0)
    until(lambda: not server.plan and weir.waiting() == 0)  # at its end it waits for nothing that has just failed
    weir.end()
    assert weir.waiting() == 0, weir.said()
    sent = {number: 1 for number in range(end)}
    assert recorded(in_group(server)) == sent
    assert recorded(in_stream(server)) == sent
    assert set(server.groups["/weir/flow"]) == {"eni-1235b8ca123456789-all"}
    assert not server.refused
    assert "delivery works again" in weir.said()
    assert scripted_events.SECRET not in weir.said()


def test_what_is_refused_for_ever_is_told_at_the_end(host, up, serve_events, weir, tmp_path):
    server = serve_events(*["expired"] * 1000)
    running = up(server.environment(), destination=GROUP)
    running.start()
    send_for(host, 1.5, 0)
    until(lambda: server.calls.count("PutLogEvents") != 0)
    config = tmp_path / "weir.toml"
    until(lambda: "refuses them for ever" in weir("status", "--config", config).stdout)
    running.end()
    said = running.said()
    kept = [int(records) for records in re.findall(r"\((\d+) records, \d+ bytes\) is kept for delivery", said)]
    assert f"; {sum(kept)} records in 0 objects and {len(kept)} batches of events\n" in said
    assert f"\n{sum(kept)} records are lost: their service refuses them for ever" in said
    assert f"{GROUP}: {len(kept)} batches of events delivered, 0 wait" in said
    assert in_group(server) == []


def test_what_waits_when_it_is_killed_is_delivered_by_the_next(host, up, serve_events, weir, tmp_path):
    """At least once: neither service knows an event again."""
    server = serve_events(*["denied"] * 1000)
    running = up(server.environment(), destination=GROUP, spool="retry-interval = 1")
    running.start()
    end = send_for(host, 2, 0)
    until(lambda: running.waiting() >= 2)
    config = tmp_path / "weir.toml"


    def flow_log():
        (told,) = json.loads(weir("status", "--config", config, "--output", "json").stdout)["FlowLogs"]
        return told if told["DeliverLogsStatus"] == "FAILED" else None
    told = until(flow_log)
    assert told["LogDestination"] == GROUP
    assert told["DeliverLogsErrorMessage"].startswith("Access error: log group /weir/flow")
    until(lambda: records_kept(tmp_path / "spool") == end)
    running.kill()
    assert not in_group(server)
    server.plan.clear()
    running.start()
    until(lambda: running.waiting() == 0)
    running.end()
    assert recorded(in_group(server)) == {number: 1 for number in range(end)}


def test_boto3_reads_what_moto_has(host, up, cloud):
    weir = up(environment(cloud), destination=GROUP, spool="retry-interval = 1")
    weir.start()
    end = send_for(host, 1.5, 0)
    logs = client(cloud, "logs")

    def there():
        if not logs.describe_log_groups(logGroupNamePrefix="/weir/flow")["logGroups"]:
            return []
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName="/weir/flow")
        return [event for page in pages for event in page["events"]]
    until(lambda: sum(recorded(event["message"] for event in there()).values()) >= end)
    weir.end()
    assert weir.waiting() == 0, weir.said()
    events = there()
    assert {event["logStreamName"] for event in events} == {"eni-1235b8ca123456789-all"}
    assert recorded(event["message"] for event in events) == {number: 1 for number in range(end)}
    for event in events:
        assert event["timestamp"] == 1000 * int(event["message"].split()[5])
