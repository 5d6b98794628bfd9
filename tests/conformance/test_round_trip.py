"""Any format, any order of its fields: what `weir query` reads is what `weir record` wrote, as Python reads it."""

import csv
import gzip
import io
import json
import random

import pytest
from conftest import TREE

KEY_COLUMNS = {"start_time", "end_time", "log_account", "log_region", "log_date", "log_hour"}


@pytest.fixture(scope="module")
def catalogue(weir):
    """Type by field, from the program's own table."""
    rows = csv.DictReader(io.StringIO(weir("fields", "--output", "csv").stdout))
    return {row["field"]: row["type"] for row in rows}


def recorded(weir, folder, fields, kind):
    weir("record", "--read", TREE / "demo" / "three-hosts.pcap", "--vpc", TREE / "demo" / "vpc.json",
         "--log-format", " ".join(f"${{{field}}}" for field in fields), "--file-format", kind,
         "--max-aggregation-interval", "60", "--log-destination", folder)
    return folder


def read_by_python(folder, catalogue):
    """Each line's fields by SQL name, numbers as numbers and `-` as None."""
    rows = []
    for path in sorted(folder.rglob("*.log.gz")):
        header, *lines = gzip.decompress(path.read_bytes()).decode().splitlines()
        fields = header.split(" ")
        for line in lines:
            values = line.split(" ")
            assert len(values) == len(fields)
            rows.append({field.replace("-", "_"): None if value == "-" else
                         int(value) if catalogue[field].startswith("INT") else value
                         for field, value in zip(fields, values)})
    return rows


def read_by_weir(weir, folder):
    done = weir("query", "--from", folder, "--output", "json", "--", "SELECT * FROM flow_logs")
    return [{name: value for name, value in row.items() if name not in KEY_COLUMNS}
            for row in json.loads(done.stdout)]


def in_any_order(rows):
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


@pytest.mark.parametrize("seed", range(40))
def test_any_format_is_read_back_as_it_was_written(weir, catalogue, tmp_path, seed):
    chance = random.Random(seed)
    names = list(catalogue)
    fields = chance.sample(names, chance.choice([1, 2, 5, 14, 29, len(names)]))
    text = recorded(weir, tmp_path / "text", fields, "plain-text")
    written = read_by_python(text, catalogue)
    assert len(written) > 40
    assert in_any_order(read_by_weir(weir, text)) == in_any_order(written)
    parquet = recorded(weir, tmp_path / "parquet", fields, "parquet")
    assert in_any_order(read_by_weir(weir, parquet)) == in_any_order(written)
