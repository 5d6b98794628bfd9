"""What all commands that read logs share: which columns there are, what is told, and with what they end."""

import os
import pathlib
import signal
import subprocess

import pytest
from waiting import until

DEFAULT = ("version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end "
           "action log-status")
MORE = DEFAULT + " future-field az-id flow-direction"
KEY = "123456789010_vpcflowlogs_us-east-1_fl-1_20180620T162{number}Z_0{number}.log"
ACTIONS = "SELECT action, count(*) AS n FROM flow_logs GROUP BY 1 ORDER BY 1"


def rows(count, more="", size="120"):
    return [f"2 123456789010 eni-1 10.0.0.{i % 250} 10.0.1.1 {i % 65536} 443 6 3 {size} 1529511540 1529511600 "
            f"{'ACCEPT' if i % 2 else 'REJECT'} OK{more}" for i in range(count)]


def text(header, lines):
    return "\n".join([header, *lines]) + "\n"


PLAIN = text(DEFAULT, rows(4))
V5 = text(MORE, rows(4, " blue use1-az1 egress"))


@pytest.fixture
def plain(tmp_path):
    (tmp_path / "plain.log").write_text(PLAIN)
    return tmp_path / "plain.log"


@pytest.fixture
def ask(weir):
    def run(sql, *sources, options=(), status=0, stdin=None):
        return weir("query", *options, "--output", "csv", "--from", *sources, "--", sql, status=status, stdin=stdin)
    return run


@pytest.mark.parametrize("header", [DEFAULT.replace("-", "_"), "\ufeff" + DEFAULT, DEFAULT.upper()])
def test_a_header_is_no_record(ask, tmp_path, header):
    (tmp_path / "a.log").write_text(text(header, rows(4)), encoding="utf-8")
    done = ask(ACTIONS, tmp_path)
    assert done.stdout.split() == ["action,n", "ACCEPT,2", "REJECT,2"] and done.stderr == ""


def test_columns_of_a_header_in_the_middle_are_there(ask, weir):
    both = PLAIN + V5
    assert ask("SELECT future_field, count(*) AS n FROM flow_logs GROUP BY 1 ORDER BY 1 NULLS LAST", "-",
               stdin=both).stdout.split() == ["future_field,n", "blue,4", ",4"]
    everything = ask("SELECT * FROM flow_logs", "-", stdin=both).stdout.split()
    assert "future_field,az_id,flow_direction" in everything[0] and ",blue,use1-az1,egress," in "".join(everything)
    assert "az_id" in ask("SELECT * EXCLUDE (bytes) FROM flow_logs ORDER BY 1", "-", stdin=both).stdout
    assert weir("report", "cross-az", "--from", "-", stdin=both).stdout.startswith("from_az")
    assert "the logs have no az-id, flow-direction" in weir("report", "cross-az", "--from", "-", stdin=PLAIN,
                                                            status=1).stderr


def test_columns_of_the_second_of_three_objects_are_there(ask, weir, tmp_path):
    for number, content in enumerate((PLAIN, V5, PLAIN)):
        (tmp_path / KEY.format(number=number)).write_text(content)
    assert "future_field" in ask("SELECT * FROM flow_logs", tmp_path).stdout
    assert "future_field" in ask("DESCRIBE flow_logs", tmp_path).stdout
    assert weir("report", "cross-az", "--from", tmp_path).stderr == ""


def test_a_column_that_comes_after_rows_went_out_is_an_error(ask, tmp_path):
    (tmp_path / "a.log").write_text(text(DEFAULT, rows(300_000)) + V5)
    done = ask("SELECT * FROM flow_logs", tmp_path, status=1)
    assert "a.log:300003: has columns that no line before it has (future_field, az_id, flow_direction)" in done.stderr
    assert "blue" in ask("SELECT * FROM flow_logs ORDER BY future_field LIMIT 1", tmp_path).stdout
    assert "n\n300004" in ask("SELECT count(*) AS n FROM flow_logs", tmp_path).stdout


@pytest.mark.parametrize("sql", [ACTIONS, "SELECT sum(bytes) FROM flow_logs", "SELECT count(*) FROM flow_logs"])
def test_strict_depends_on_no_column_that_a_query_names(ask, tmp_path, sql):
    (tmp_path / "a.log").write_text(text(DEFAULT, rows(3) + rows(1, size="abc")))
    done = ask(sql, tmp_path, options=["--strict"], status=1)
    assert done.stdout == "" and "a.log:5: bytes is no number" in done.stderr
    assert "1 line did not fit: with --strict, nothing that was printed is an answer" in done.stderr


def test_a_header_that_names_a_column_twice_is_told(ask, tmp_path):
    (tmp_path / "a.log").write_text(text(DEFAULT.replace("action", "srcaddr").replace("log-status", "log-date"), rows(2)))
    assert "a.log:1: the header names srcaddr, log-date twice" in ask("SELECT 1 FROM flow_logs", tmp_path).stderr


@pytest.mark.parametrize(("name", "content", "words"), [
    ("a.log", b"BZh91AY&SY\x00\x01", "is bzip2; unpack it"),
    ("a.log", bytes(range(256)) * 40, "is neither text nor Parquet"),
    ("a.log", DEFAULT.encode() + b"\nno\nrecord at all\n", "has no line that fits"),
    ("a.parquet", b"junk" * 9, "No magic bytes"),
])
def test_what_is_no_log_is_damage_and_said(ask, plain, name, content, words):
    bad = plain.parent / name
    bad.write_bytes(content)
    done = ask("SELECT count(*) AS n FROM flow_logs", plain, bad, status=3)
    assert done.stdout.split() == ["n", "4"] and words in done.stderr and str(bad) in done.stderr


def test_a_parquet_column_of_another_type_leaves_out_its_file_by_name(ask, tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet
    for name, ports in (("odd", ["ssh", "5"]), ("good", ["4", "5"])):
        pyarrow.parquet.write_table(pa.table({"srcaddr": ["10.0.0.1"] * 2, "srcport": ports}),
                                    tmp_path / f"{name}.parquet")
    done = ask("SELECT sum(srcport) AS n FROM flow_logs", tmp_path, status=3)
    assert done.stdout.split() == ["n", "9"] and "odd.parquet: Conversion Error" in done.stderr
    stats = ask("SELECT count(*) FROM flow_logs", tmp_path / "good.parquet", options=["--stats"]).stderr
    assert "opened 0 of text" in stats and "opened 1 object of Parquet" in stats


@pytest.mark.parametrize(("sql", "words"), [
    ("SELECT foo\nFROM flow_logs", "\"foo\" not found in FROM clause, at 'foo' in line 1; Candidate bindings: "),
    ("SELECT 1; SELECT 2", "SQL: there is more than one statement; give one SELECT"),
    ("DROP TABLE flow_logs", "SQL: the statement does more than read; give one SELECT\n"),
    ("PIVOT flow_logs ON action USING count(*)", "PIVOT needs its values"),
    ("SELECT list(a) FROM (SELECT * FROM range(30000000) t(a), range(4))", "needs more than it may have; aggregate or LIMIT"),
    ("FROM nope", "SQL: the table nope is not there to be read; there are flow_logs"),
    ("FROM weir_objects", "the table weir_objects is not"),
    ("FROM duckdb_settings()", "the table function duckdb_settings is not"),
    ("FROM duckdb_views", "the table duckdb_views is not"),
    ("FROM information_schema.tables", "the table information_schema.tables is not"),
    ("SELECT current_setting('temp_directory')", "current_setting is not"),
    ("SELECT (SELECT max(x) FROM pg_catalog.pg_class AS p(x))", "the table pg_catalog.pg_class is not"),
])
def test_errors_of_sql_say_what_and_where(ask, plain, sql, words):
    done = ask(sql, plain, status=1)
    assert words in done.stderr and done.stderr.count("\n") == 1 and done.stdout == ""


def test_show_tables_lists_what_can_be_read(ask, plain, tmp_path):
    (tmp_path / "hosts.csv").write_text("ip,host\n10.0.0.1,a\n")
    table = f"Hosts={tmp_path / 'hosts.csv'}"
    assert ask("SHOW TABLES", plain, options=["--table", table]).stdout.split() == ["name", "Hosts", "flow_logs"]
    assert "10.0.0.1,a" in ask("WITH own AS (FROM hosts) SELECT * FROM OWN", plain, options=["--table", table]).stdout


def test_the_table_is_not_the_sql(weir, plain, tmp_path):
    (tmp_path / "hosts.csv").write_text("ip\n10.0.0.1\n")
    done = weir("query", "--from", plain, "--table", f"hosts={tmp_path / 'hosts.csv'}", "SELECT count(*) AS n FROM hosts")
    assert done.stdout.split() == ["n", "1"]


@pytest.mark.parametrize("arguments", [
    ["query", "--since", "yesterday", "SELECT 1"], ["query", "--since", "-5", "SELECT 1"],
    ["query", "--table", "hosts", "SELECT 1"], ["query", "--table", "flow_logs=x.csv", "SELECT 1"],
    ["query", "--table", "WEIR_x=x.csv", "SELECT 1"], ["query", "--table", "h=http://example.com/x.csv", "SELECT 1"],
    ["query", "--threads", "0", "SELECT 1"], ["explain", "--limit", "0"], ["explain", "--limit", "-3"],
    ["tail", "--lines", "-1"], ["tail", "--port", "70000"],
])
def test_wrong_usage_is_2(weir, plain, arguments):
    done = weir(*arguments, "--from", plain, status=2)
    assert arguments[1] in done.stderr and "Could not convert" not in done.stderr


def test_tail_does_not_follow_a_pipe(weir):
    assert "ask it with weir query" in weir("tail", "--from", "-", status=2).stderr


def test_two_stars_are_no_glob(weir, tmp_path):
    assert "name the folder" in weir("query", "--from", tmp_path / "**" / "*.log", "SELECT 1", status=1).stderr


def spilling(program, tmp_path, *arguments, **options):
    """The program, with a folder of its own for what it spills."""
    folder = tmp_path / "spill"
    folder.mkdir()
    return folder, subprocess.Popen([program, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    env=os.environ | {"TMPDIR": str(folder)}, **options)


def test_who_reads_the_output_may_leave(program, plain, tmp_path):
    folder, process = spilling(program, tmp_path, "query", "--from", plain, "SELECT * FROM range(10000000)")
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 141
    assert process.stderr.read() == b"" and not list(folder.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_query_and_leaves_nothing(program, plain, tmp_path, number):
    folder, process = spilling(program, tmp_path, "query", "--from", plain, "SELECT count(*) FROM range(1000000) a, "
                               "range(1000000) b WHERE a.range * b.range = 7")
    stat = pathlib.Path(f"/proc/{process.pid}/stat")

    def is_at_work():
        assert process.poll() is None, process.stderr.read()
        ticks = int(stat.read_text().rpartition(")")[2].split()[11])
        return list(folder.iterdir()) and ticks > os.sysconf("SC_CLK_TCK") / 2
    until(is_at_work, "half a second of work")
    process.send_signal(number)
    assert process.wait(timeout=60) == 130
    assert not list(folder.iterdir())


@pytest.mark.parametrize("arguments", [["query", "SELECT 1"], ["report", "top-talkers"], ["explain"],
                                       ["unused-rules", "--vpc", "demo/vpc.json"]])
def test_ctrl_c_while_standard_input_is_read_is_130(program, tmp_path, arguments):
    _, process = spilling(program, tmp_path, *arguments, "--from", "-", stdin=subprocess.PIPE)
    process.stdin.write(PLAIN.encode() * 20_000)  # more than a pipe holds: some of it is read by now
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert process.stderr.read() == b"weir: interrupted\n"


def test_new_peers_say_that_there_is_no_before(weir, tmp_path):
    (tmp_path / "a.log").write_text(PLAIN)
    assert "there is no before" in weir("report", "new-peers", "--from", tmp_path).stderr
    (tmp_path / "old.log").write_text(PLAIN.replace("15295", "15290"))
    assert weir("report", "new-peers", "--from", tmp_path).stderr == ""


def test_both_plots_of_traffic_have_one_scale(weir, tmp_path):
    (tmp_path / "a.log").write_text(text(DEFAULT, rows(30) + [row for row in rows(60) if "ACCEPT" in row]))
    last = weir("report", "traffic-over-time", "--from", tmp_path).stdout.splitlines()[-1].split()
    assert len(last[-2]) == 3 * len(last[-1]) == 30


def test_tail_says_that_parquet_appears_and_a_sentence_has_no_empty_parts(program, tmp_path):
    (tmp_path / "a.log").write_text(text("account-id interface-id start end packets",
                                         ["123456789010 eni-1 1529511540 1529511600 3"]))
    process = subprocess.Popen([program, "tail", "--from", tmp_path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
    assert process.stdout.readline() == "2018-06-20 16:19:00 eni-1: 3 packets in 60 s\n"
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    assert "b.parquet: is Parquet, and left out; ask it with weir query" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
