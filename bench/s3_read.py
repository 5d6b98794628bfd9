#!/usr/bin/env python3
"""Measures `weir query --from s3://` beside what else answers from a bucket: one set of logs, one server, in turn.

usage: bench/s3_read.py [--rounds 5] [--objects 182] [--records 100000] [--folder FOLDER]

Prints seconds, peak memory and ratios as a Markdown table, everything with two threads. All answers must be equal. The
peers: `aws s3 cp` to a folder and `weir query` there; DuckDB with httpfs; and `curl`, sixteen connections and nobody who
looks at what arrives, which is the time that the bytes take.
"""

import argparse
import pathlib
import shutil
import sys
import tempfile

import s3_server
from measuring import TREE, measure, medians
from query import DAY, DAYS, ONE_DAY, QUERIES, THREADS, answer, generate, weir

URL = f"s3://{s3_server.BUCKET}"
QUERY = "count by action"


def weir_query(where, sql):
    return weir("--from", where, "--output", "csv", "--", sql)


def commands(server, work, prefix, query):
    """Of each tool, one after the other, for one query; `prefix` is all that the others fetch for it."""
    sql, sql_of_weir, _ = query
    sql_of_weir = sql_of_weir or sql
    down = work / "down"
    yield "weir", [weir_query(URL, sql_of_weir)]
    yield "aws s3 cp, weir", [
        [s3_server.PEERS / "aws", "s3", "cp", "--recursive", "--only-show-errors", URL + prefix, down],
        weir_query(down, sql_of_weir)]
    yield "duckdb, httpfs", [[s3_server.PEERS / "python", TREE / "bench" / "duckdb_s3.py", URL + prefix, THREADS, sql]]
    if not prefix:
        yield "curl", [server.curl("s3:GetObject", work, dict.fromkeys(server.holds(), 'output = "/dev/null"'))]
        yield "weir, a folder", [weir_query(server.folder, sql_of_weir)]


def compare(server, work, name, prefix, query, rounds):
    """Prints the table of one query."""
    tools, results, answers = dict(commands(server, work, prefix, query)), {}, {}
    for turn in range(rounds):
        for tool, steps in tools.items():
            print(f"{name}: round {turn + 1} of {rounds}: {tool}", file=sys.stderr)
            before = server.cpu()
            taken = [measure(step, server.environment) for step in steps]
            shutil.rmtree(work / "down", ignore_errors=True)
            seconds, cpu, memory, output = zip(*taken)
            results.setdefault(tool, []).append((sum(seconds), sum(cpu), max(memory), server.cpu() - before))
            if tool != "curl":
                answers[tool] = answer("weir" if "weir" in tool else tool, output[-1])
    for tool, rows in answers.items():
        if rows != answers["weir"]:
            sys.exit(f"{name}: {tool} answers {rows}\nweir answers {answers['weir']}")
    median = {tool: medians(figures) for tool, figures in results.items()}
    for tool, (seconds, cpu, memory, cpu_of_server) in median.items():
        print(f"| {name} | {tool} | {seconds:.2f} | {cpu:.2f} | {cpu_of_server:.2f} | {memory:.0f} | "
              f"{seconds / median['weir'][0]:.2f} |", flush=True)


def fill(server, folder):
    server.aws("s3", "cp", "--recursive", "--only-show-errors", folder, URL)
    server.folder = folder


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--objects", type=int, default=182)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--folder", type=pathlib.Path, default=TREE / "build" / "bench-data")
    asked = parser.parse_args()
    logs, days = asked.folder / "objects", asked.folder / "days"
    asked.folder.mkdir(parents=True, exist_ok=True)
    generate(logs, asked.objects, asked.records, 1)
    generate(days, 10 * DAYS, 2000, DAYS)
    day = next(str(path.relative_to(days)) for path in days.rglob(DAY.replace("-", "/")))
    print("| query | tool | wall s | CPU s | server's CPU s | peak MB | times weir's |")
    print("|---|---|---|---|---|---|---|")
    for folder, prefix, queries in ((logs, "", {QUERY: QUERIES[QUERY]}), (days, "/" + day, ONE_DAY)):
        with s3_server.running() as server, tempfile.TemporaryDirectory(dir=asked.folder) as work:
            fill(server, folder)
            for name, query in queries.items():
                compare(server, pathlib.Path(work), name, prefix, query, asked.rounds)


if __name__ == "__main__":
    main()
