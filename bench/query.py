#!/usr/bin/env python3
"""Measures `weir query` beside DuckDB's read_csv, `pigz | awk` and bare inflate: one set of logs, one run, in turn.

usage: bench/query.py [--rounds 5] [--objects 60] [--records 100000] [--folder FOLDER]

Prints, for each query, seconds, ratios and peak memory as a Markdown table, everything with two threads. Fails if
the answers differ, if one day's query opens an object of another day, or if a sort of all records takes more than
400 MB. The peers get what spares them work: DuckDB the columns' names and types, awk the columns' numbers.
"""

import argparse
import csv
import pathlib
import re
import shutil
import subprocess
import sys

from measuring import TREE, measure, medians, read_into_page_cache

BUILD = TREE / "build"
THREADS = 2
MOST_MB = 400
DAYS = 30
DAY = "2026-01-10"
DAY_START = 1_768_003_200

# For each: the SQL, what Weir is asked where that is not the same, and awk's program. NULL is an empty cell.
QUERIES = {
    "count by action": (
        "SELECT action, count(*) FROM flow_logs GROUP BY action", None,
        '{n[$13]++} END {for (k in n) print (k == "-" ? "" : k) "," n[k]}'),
    "top talkers": (
        "SELECT srcaddr, dstaddr, sum(bytes) AS b FROM flow_logs GROUP BY ALL ORDER BY b DESC LIMIT 10", None,
        '{n[$4 "," $5] += $10} END {for (k in n) printf "%s,%.0f\\n", k, n[k] | "sort -t, -k3,3nr | head"}'),
    "one port's rejects": (
        "SELECT count(*) FROM flow_logs WHERE action = 'REJECT' AND dstport = 22", None,
        '$13 == "REJECT" && $7 == 22 {n++} END {print n + 0}'),
}
ONE_DAY = {
    "one day of thirty": (
        f'SELECT count(*), sum(bytes) FROM flow_logs WHERE "end" >= {DAY_START} AND "end" < {DAY_START + 86400}',
        f"SELECT count(*), sum(bytes) FROM flow_logs WHERE log_date = '{DAY}'",
        f'$12 >= {DAY_START} && $12 < {DAY_START + 86400} {{n++; b += $10}} END {{printf "%.0f,%.0f\\n", n, b}}'),
}
SORT = 'SELECT * FROM flow_logs ORDER BY bytes, srcaddr, "end"'


def generate(folder, objects, records, days):
    """Makes the set, unless a run before has."""
    mark, made = folder.with_name(f"{folder.name}.made"), f"{objects} {records} {days}"
    if not mark.exists() or mark.read_text() != made:
        print(f"generating {objects} objects of {records} records in {folder}", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([BUILD / "generate_logs", folder, str(objects), str(records), str(days)], check=True)
        mark.write_text(made)
    paths = sorted(folder.rglob("*.log.gz"))
    for path in paths:
        read_into_page_cache(path)
    print(f"{len(paths)} objects, {sum(path.stat().st_size for path in paths) / 1e6:.0f} MB packed", file=sys.stderr)


def weir(*options):
    return [BUILD / "weir", "query", "--threads", THREADS, *options]


def commands(folder, query):
    """The command of each tool, for one query."""
    sql, sql_of_weir, awk = query
    files = f"find {folder} -name '*.log.gz' -print0 | sort -z | xargs -0 pigz -dc -p {THREADS}"
    out = {"weir": weir("--from", folder, "--output", "csv", "--", sql_of_weir or sql),
           "duckdb_csv": [BUILD / "duckdb_csv", folder, THREADS, sql]}
    if shutil.which("pigz"):
        out["pigz, awk"] = ["bash", "-c", f"{files} | awk '$1 == \"version\" {{next}} {awk}'"]
    out["inflate_only"] = [BUILD / "inflate_only", folder, THREADS]
    return out


def answer(tool, output):
    """Rows whose order the query leaves open, and without Weir's header."""
    rows = [tuple(row) for row in csv.reader(output.splitlines())]
    return sorted(rows[1:] if tool == "weir" else rows)


def compare(folder, queries, rounds):
    """Prints the table of one set."""
    for name, query in queries.items():
        results, answers = {}, {}
        for turn in range(rounds):
            for tool, command in commands(folder, query).items():
                print(f"{name}: round {turn + 1} of {rounds}: {tool}", file=sys.stderr)
                *figures, output = measure(command)
                results.setdefault(tool, []).append(figures)
                if tool != "inflate_only":
                    answers[tool] = answer(tool, output)
        for tool, rows in answers.items():
            if rows != answers["weir"]:
                sys.exit(f"{name}: {tool} answers {rows}\nweir answers {answers['weir']}")
        median = {tool: medians(figures) for tool, figures in results.items()}
        for tool, (seconds, cpu, memory) in median.items():
            print(f"| {name} | {tool} | {seconds:.2f} | {cpu:.2f} | {memory:.0f} | {seconds / median['weir'][0]:.2f} |",
                  flush=True)


def check_day(folder):
    """Only the objects of the day that is asked for may be opened."""
    *_, said = measure(weir("--stats", "--from", folder, "--", ONE_DAY["one day of thirty"][1]))
    stats = next(line for line in said.splitlines() if line.startswith("listed "))
    there = len([path for path in folder.rglob("*.log.gz") if DAY.replace("-", "/") in str(path)])
    print(f"\nOne day of thirty: {stats}.")
    if int(re.search(r"opened (\d+)", stats)[1]) != there:
        sys.exit(f"the day has {there} objects")


def check_memory(folder):
    """Sorting every record spills, and stays small."""
    seconds, _, memory, _ = measure(["bash", "-c", 'exec "$@" >/dev/null', "weir",
                                     *weir("--from", folder, "--output", "csv", "--", SORT)])
    print(f"\n`{SORT}`: {memory:.0f} MB at most, {seconds:.1f} s.")
    if memory > MOST_MB:
        sys.exit(f"more than {MOST_MB} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--objects", type=int, default=60)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--folder", type=pathlib.Path, default=BUILD / "bench-data")
    asked = parser.parse_args()
    logs, days = asked.folder / "logs", asked.folder / "days"
    generate(logs, asked.objects, asked.records, 1)
    generate(days, 10 * DAYS, 2000, DAYS)
    if not shutil.which("pigz"):
        print("pigz is not there: left out", file=sys.stderr)
    print(f"awk is {pathlib.Path(shutil.which('awk')).resolve().name}.\n")
    print("| query | tool | wall s | CPU s | peak MB | times weir's |")
    print("|---|---|---|---|---|---|")
    compare(logs, QUERIES, asked.rounds)
    compare(days, ONE_DAY, asked.rounds)
    check_day(days)
    check_memory(logs)


if __name__ == "__main__":
    main()
