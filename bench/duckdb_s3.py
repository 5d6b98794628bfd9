"""The peer of `weir query --from s3://`: DuckDB reads the same objects with httpfs and its own CSV reader, told all
that it could otherwise only guess.

usage: duckdb_s3.py s3://bucket/prefix THREADS SQL     the table is flow_logs; AWS's variables say where
"""

import csv
import os
import pathlib
import sys
import urllib.parse

import duckdb
import duckdb_extension_httpfs

COLUMNS = {"version": "INTEGER", "account_id": "VARCHAR", "interface_id": "VARCHAR", "srcaddr": "VARCHAR",
           "dstaddr": "VARCHAR", "srcport": "INTEGER", "dstport": "INTEGER", "protocol": "INTEGER",
           "packets": "BIGINT", "bytes": "BIGINT", "start": "BIGINT", "end": "BIGINT", "action": "VARCHAR",
           "log_status": "VARCHAR"}


def main():
    url, threads, sql = sys.argv[1:]
    connection = duckdb.connect(config={"threads": threads})
    extensions = pathlib.Path(duckdb_extension_httpfs.__path__[0])
    connection.execute(f"LOAD '{next(extensions.rglob('httpfs.duckdb_extension'))}'")
    server = urllib.parse.urlparse(os.environ["AWS_ENDPOINT_URL"])
    connection.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID '{os.environ['AWS_ACCESS_KEY_ID']}', "
        f"SECRET '{os.environ['AWS_SECRET_ACCESS_KEY']}', REGION '{os.environ['AWS_REGION']}', "
        f"ENDPOINT '{server.netloc}', URL_STYLE 'path', USE_SSL false)")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute(
        f"CREATE VIEW flow_logs AS SELECT * FROM read_csv('{url}/**/*.log.gz', delim = ' ', header = true, quote = '', "
        f"escape = '', nullstr = '-', auto_detect = false, columns = {COLUMNS})")
    csv.writer(sys.stdout, lineterminator="\n").writerows(connection.execute(sql).fetchall())


if __name__ == "__main__":
    main()
