"""What is asked for of a bucket's folders: no more than a query needs, and in as few requests as can be."""

import gzip
import re

import pytest
from test_query import COUNT, DEFAULT, STAMP, records, text
from test_s3_reading import ACCOUNT, GOOD, REGION, count, fetched, holding, listed, run

__all__ = ["holding"]  # a fixture


def year():
    """An object a day of two accounts, and beside them CloudTrail's, of one and of an organization."""
    objects = {f"AWSLogs/{owner}/CloudTrail/us-east-1/2018/06/20/trail.json.gz": b"no"
               for owner in ("111111111111", "o-exampleorgid/111111111111")}
    for account in ("111111111111", "222222222222"):
        for month in range(1, 13):
            for day in range(1, 28):
                end = STAMP + (month - 6) * 86400 * 30
                name = f"{account}_vpcflowlogs_us-east-1_fl-0123_2018{month:02}{day:02}T1620Z_00000000.log.gz"
                folder = f"AWSLogs/{account}/vpcflowlogs/us-east-1/2018/{month:02}/{day:02}/"
                objects[folder + name] = gzip.compress(text(records(2, day, end), DEFAULT), mtime=0)
    return objects


@pytest.mark.parametrize("options, condition, days, at_most", [
    # The root, AWSLogs, the organization and its account, an account each, its regions, years, months, and the days.
    ([], "log_date = '2018-06-20'", 2, 1 + 1 + 2 + 2 * 5 + 2),
    ([], "log_date = '2018-06-20' AND log_account = '222222222222'", 1, 3 + 5 + 1),
    ([], "log_region = 'eu-west-1'", 0, 4 + 2),
    (["--since", "2018-06-20T16:00", "--until", "2018-06-20T17:00"], "true", 2, 4 + 2 * 5 + 2),
    (["--since", "2018-06-20T00:30", "--until", "2018-06-20T01:00"], "true", 0, 4 + 2 * 5 + 4),
    ([], "log_date BETWEEN '2018-06-20' AND '2018-07-02'", 2 * (8 + 2), 4 + 2 * 6 + 20)])
def test_what_a_query_rules_out_is_never_listed(holding, program, options, condition, days, at_most):
    server = holding(year())
    done = run(server, program, "query", "--stats", *options, "--from", "s3://logs", "--output", "csv", "--",
               f"SELECT count(*) FROM flow_logs WHERE {condition}")
    assert len(listed(server)) <= at_most, listed(server)
    assert not [prefix for prefix in listed(server) if "CloudTrail" in prefix]
    opened = int(re.search(r"opened (\d+)", done.stderr)[1])
    assert opened == days
    # One front a flow log, and each object once.
    accounts = 0 if not days else 1 if "log_account" in condition else 2
    assert len(fetched(server)) <= days + accounts
    assert f"asked S3 {len(server.requests)} times" in done.stderr


@pytest.mark.parametrize("page_size", [1000, 100])
def test_what_is_needed_wholly_is_asked_for_at_once_and_by_folders_if_it_is_large(holding, program, page_size):
    server = holding(year())
    server.page_size = page_size
    done = run(server, program, "query", "--from", "s3://logs", "--output", "csv", "--", COUNT)
    assert count(done) == 2 * 2 * 12 * 27
    accounts = [f"AWSLogs/{account}/vpcflowlogs/" for account in ("111111111111", "222222222222")]
    folders = {f"{account}us-east-1/{rest}" for account in accounts for rest in (
        "", "2018/", *(f"2018/{month:02}/" for month in range(1, 13)),
        *(f"2018/{month:02}/{day:02}/" for month in range(1, 13) for day in range(1, 28)))}
    below = [prefix for prefix in listed(server) if prefix.startswith(tuple(accounts))]
    assert sorted(below) == sorted(accounts if page_size == 1000 else 2 * accounts + list(folders))
    assert not [prefix for prefix in listed(server) if "CloudTrail" in prefix]


def test_a_tree_within_an_account_is_one_of_its_own(holding, program):
    objects = {key: body for key, body in year().items() if "/2018/06/2" in key and "222222222222" in key}
    copy = {f"AWSLogs/222222222222/vpcflowlogs/us-east-1/{key}": body for key, body in year().items()
            if "/2018/06/20/" in key and "o-exampleorgid" not in key}
    assert [key for key in copy if "CloudTrail" in key]
    server = holding({**objects, **copy})
    done = run(server, program, "query", "--from", "s3://logs", "--output", "csv", "--", COUNT)
    assert count(done) == 2 * (len(objects) + 2), "and no line of CloudTrail's is told of as one that does not fit"


def test_a_listing_that_fails_is_asked_for_once(holding, program):
    account = "AWSLogs/222222222222/vpcflowlogs/"
    server = holding(year(), **{f"/logs?{account}": [403] * 9})
    done = run(server, program, "query", "--from", "s3://logs", "--output", "csv", "--", COUNT, status=3)
    assert count(done) == 2 * 12 * 27 and f"s3://logs/{account}: AccessDenied" in done.stderr
    assert listed(server).count(account) == 1


def test_hours_have_folders_too(holding, program):
    objects = {}
    for hour in range(24):
        end = STAMP + (hour - 16) * 3600
        name = f"{ACCOUNT}_vpcflowlogs_{REGION}_fl-0123_20180620T{hour:02}20Z_00000000.log.gz"
        folder = (f"AWSLogs/aws-account-id={ACCOUNT}/aws-service=vpcflowlogs/aws-region={REGION}/year=2018/month=06/"
                  f"day=20/hour={hour:02}/")
        objects[folder + name] = gzip.compress(text(records(10, hour, end), DEFAULT))
    server = holding(objects)
    done = run(server, program, "query", "--from", "s3://logs", "--output", "csv",
               "SELECT count(*) FROM flow_logs WHERE log_hour IN (3, 4)")
    assert count(done) == 20
    assert len([prefix for prefix in listed(server) if "hour" in prefix]) == 2
    done = run(server, program, "query", "--from", "s3://logs", "--since", "2018-06-20T05:20", "--until",
               "2018-06-20T05:30", "--output", "csv", "SELECT count(*) FROM flow_logs")
    assert count(done) == 10


def test_pages_of_a_listing_are_followed(holding, program):
    server = holding({f"x/{number:03}.log": text(records(1, number), DEFAULT) for number in range(57)})
    server.page_size = 10
    for url in ("s3://logs", "s3://logs/x/0"):
        done = run(server, program, "query", "--from", url, "--output", "csv", COUNT)
        assert count(done) == 57


def test_a_page_that_is_longer_than_pages_can_be_is_refused(holding, program):
    server = holding({f"{'k' * 900}{number}.log": b"" for number in range(17_000)})
    server.page_size = len(server.objects)
    done = run(server, program, "query", "--from", "s3://logs", COUNT, status=1)
    assert "s3://logs: the answer is longer than what was asked for can be" in done.stderr


def test_a_folder_that_cannot_be_listed_is_told(holding, program):
    objects = {"a/x.log.gz": GOOD, "b/y.log.gz": GOOD}
    server = holding(objects, **{"/logs?b/": [403] * 9})
    done = run(server, program, "query", "--from", "s3://logs", "--output", "csv", COUNT, status=3)
    assert count(done) == 10
    assert "s3://logs/b/: AccessDenied" in done.stderr


@pytest.mark.parametrize("prefix", ["a/b/c", "a/", "a"])
def test_aws_folders_are_found_up_to_two_above_them(holding, program, prefix):
    server = holding({f"a/b/c/{key}": body for key, body in year().items() if "/2018/06/" in key})
    done = run(server, program, "query", "--from", f"s3://logs/{prefix}", "--output", "csv", "--",
               "SELECT count(*) FROM flow_logs WHERE log_date = '2018-06-20'")
    assert count(done) == 4
    days = [prefix for prefix in listed(server) if re.search("2018/06/\\d\\d", prefix)]
    assert len(days) == 2, listed(server)
