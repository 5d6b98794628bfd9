"""Every report's figures, against the same questions answered in Python over the records themselves."""

import collections
import datetime
import json
import subprocess

import pytest
from flow_logs import CUSTOM, DAY, DEFAULT, random_logs, text

PROTOCOLS = {1: "ICMP", 6: "TCP", 17: "UDP"}
SERVICES = {22: "ssh", 23: "telnet", 53: "domain", 80: "http", 443: "https", 3389: "ms-wbt-server"}
ADMIN = {22, 23, 3389, 5900, 5985, 5986}
ONE = "10.0.0.5"
ONE_IPV6 = "2001:db8::5"


def moment(seconds):
    return None if seconds is None else datetime.datetime.utcfromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")


def total(rows, field):
    """As SQL sums: what is not there does not count, and the sum of nothing is nothing."""
    values = [row[field] for row in rows if row[field] is not None]
    return sum(values) if values else None


def groups(rows, *keys):
    out = collections.defaultdict(list)
    for row in rows:
        out[tuple(row[key] for key in keys)].append(row)
    return out


def ordered(rows, by, ties):
    """Most first, nothing last; then by `ties`."""
    return sorted(rows, key=lambda r: ((r[by] is None, -(r[by] or 0)), *(("" if r[t] is None else r[t]) for t in ties)))


def flows_of(rows):
    return [row for row in rows if row["srcaddr"] is not None]


def sums(rows, keys, names=None):
    return [dict(zip(names or keys, key)) | {"packets": total(some, "packets"), "bytes": total(some, "bytes")}
            for key, some in groups(rows, *keys).items()]


def seen(rows, keys, names=None):
    return [dict(zip(names or keys, key)) | {
        "packets": total(some, "packets"), "bytes": total(some, "bytes"), "first_seen": moment(min(r["start"] for r in some)),
        "last_seen": moment(max(r["end"] for r in some))} for key, some in groups(rows, *keys).items()]


def connections(action, order):
    def answer(rows):
        keys = ("interface-id", "srcaddr", "srcport", "dstaddr", "dstport")
        names = ("interface_id", "srcaddr", "srcport", "dstaddr", "dstport")
        out = seen([r for r in rows if r["action"] == action and r["protocol"] == 6], keys, names)
        for row in out:
            row["service"] = SERVICES.get(row["dstport"], str(row["dstport"]))
        return ordered(out, order, ("srcaddr", "srcport", "dstaddr", "dstport", "interface_id"))
    return answer


def talkers(source, destination, where=lambda r: True):
    def answer(rows):
        out = collections.defaultdict(lambda: {"packets": [], "sent": [], "received": []})
        for row in rows:
            if row[source] is None or not where(row):
                continue
            for address, side in ((row[source], "sent"), (row[destination], "received")):
                out[address]["packets"].append(row["packets"])
                out[address][side].append(row["bytes"])
        answers = []
        for address, has in out.items():
            answers.append({"address": address, "packets": sum(has["packets"]),
                            "sent_bytes": sum(b or 0 for b in has["sent"]),
                            "received_bytes": sum(b or 0 for b in has["received"])})
            answers[-1]["bytes"] = answers[-1]["sent_bytes"] + answers[-1]["received_bytes"]
        return ordered(answers, "bytes", ("address",))
    return answer


def family(is_ipv6):
    def answer(rows):
        some = [r for r in flows_of(rows) if (":" in r["srcaddr"]) == is_ipv6]
        return [{"records": len(some), "packets": total(some, "packets"), "bytes": total(some, "bytes")}]
    return answer


def rejected(rows):
    keys = ("interface-id", "srcaddr", "dstaddr", "dstport", "protocol")
    refused = [r for r in rows if r["action"] == "REJECT"]
    out = seen(refused, keys, ("interface_id", "srcaddr", "dstaddr", "dstport", "protocol"))
    counts = {key: len(some) for key, some in groups(refused, *keys).items()}
    for row in out:
        row["records"] = counts[tuple(row[k.replace("-", "_")] for k in keys)]
    out = ordered(out, "packets", ("srcaddr", "dstaddr", "dstport", "protocol", "interface_id"))
    return [row | {"protocol": PROTOCOLS[row["protocol"]]} for row in out]


def ssh_and_rdp(rows):
    def service(row):
        if row["protocol"] == 6 and 22 in (row["srcport"], row["dstport"]):
            return "SSH"
        return "RDP" if row["protocol"] in (6, 17) and 3389 in (row["srcport"], row["dstport"]) else None
    keys = ("interface-id", "srcaddr", "srcport", "dstaddr", "dstport", "action")
    names = ("interface_id", "srcaddr", "srcport", "dstaddr", "dstport", "action")
    out = seen([r for r in rows if r["srcaddr"] and service(r)], keys, names)
    for row in out:
        row["service"] = "SSH" if 22 in (row["srcport"], row["dstport"]) else "RDP"
    return ordered(out, "bytes", ("srcaddr", "srcport", "dstaddr", "dstport", "action", "interface_id"))


def top(field):
    def answer(rows):
        some = [r for r in rows if r[field] is not None and r["bytes"] is not None]
        name = field.replace("-", "_")
        return ordered(sums(some, (field,), (name,)), "bytes", (name,))
    return answer


def pairs(source, destination):
    def answer(rows):
        names = (source.replace("-", "_"), destination.replace("-", "_"))
        return ordered(sums([r for r in rows if r[source]], (source, destination), names), "bytes", names)
    return answer


def of_one(address, side, other, only_tcp=False):
    def answer(rows):
        some = [r for r in rows if r[side] == address and (not only_tcp or r["protocol"] == 6)]
        keys = ("interface-id", other, "dstport", "action") if only_tcp else (
            "interface-id", other, "dstport", "protocol", "action")
        out = seen(some, keys, tuple(k.replace("-", "_") for k in keys))
        if only_tcp:
            out = ordered(out, "bytes", (other, "dstport", "action", "interface_id"))
            return [row | {"service": SERVICES.get(row["dstport"], str(row["dstport"]))} for row in out]
        out = ordered(out, "bytes", (other, "dstport", "protocol", "action", "interface_id"))
        return [row | {"protocol": PROTOCOLS[row["protocol"]]} for row in out]
    return answer


def client_of(sides):
    """Who began, and how that is known: flags, else who was seen first, else the higher port."""
    (one, other), both = sides.keys(), list(sides.values())

    def opened(end):
        mine, theirs = sides[end], sides[other if end == one else one]
        return (any(r["tcp-flags"] is not None and r["tcp-flags"] & 18 == 2 for r in mine)
                or any(r["tcp-flags"] is not None and r["tcp-flags"] & 18 == 18 for r in theirs))
    if opened(one) != opened(other):
        return (one if opened(one) else other), "tcp-flags"
    if not all(both):
        return (one if sides[one] else other), "one side only"
    starts = [min(r["start"] for r in side) for side in both]
    if starts[0] != starts[1]:
        return (one if starts[0] < starts[1] else other), "time"
    if one[1] != other[1]:
        return max(one, other, key=lambda end: end[1]), "port"
    return min(one, other), "none"


def conversations(rows):
    found = collections.defaultdict(list)
    for row in flows_of(rows):
        ends = frozenset([(row["srcaddr"], row["srcport"]), (row["dstaddr"], row["dstport"])])
        found[row["interface-id"], row["protocol"], ends].append(row)
    out = []
    for (interface, protocol, ends), some in found.items():
        sides = {end: [r for r in some if (r["srcaddr"], r["srcport"]) == end] for end in ends}
        client, evidence = client_of(sides)
        (server,) = ends - {client}
        figures = {f"{who}_{what}": total(sides[end], what) or 0 for who, end in (("client", client), ("server", server))
                   for what in ("packets", "bytes")}
        out.append({"interface_id": interface, "client": client[0], "client_port": client[1], "server": server[0],
                    "server_port": server[1], "protocol": protocol, "evidence": evidence, **figures,
                    "refused_records": sum(r["action"] == "REJECT" for r in some),
                    "first_seen": moment(min(r["start"] for r in some)), "last_seen": moment(max(r["end"] for r in some)),
                    "order": figures["client_bytes"] + figures["server_bytes"]})
    out = ordered(out, "order", ("client", "client_port", "server", "server_port", "protocol", "interface_id"))
    return [{k: PROTOCOLS[v] if k == "protocol" else v for k, v in row.items() if k != "order"} for row in out]


def by_interface(rows):
    out = []
    for (interface,), some in sorted(groups(flows_of(rows), "interface-id").items()):
        whole = total(some, "bytes")
        senders = ordered(sums(some, ("srcaddr",), ("talker",)), "bytes", ("talker",))[:5]
        out += [{"interface_id": interface, **s, "percent": round(100 * s["bytes"] / whole, 1)} for s in senders]
    return out


def scanners(at_least):
    def answer(rows):
        answered = {(r["dstaddr"], r["dstport"], r["srcaddr"], r["srcport"], r["protocol"])
                    for r in rows if r["action"] == "ACCEPT"}
        requests = [r for r in rows if r["action"] == "REJECT" and (
            r["srcaddr"], r["srcport"], r["dstaddr"], r["dstport"], r["protocol"]) not in answered]
        out = []
        for (source,), some in groups(requests, "srcaddr").items():
            hosts, ports = ({r[f] for r in some} for f in ("dstaddr", "dstport"))
            if max(len(hosts), len(ports)) >= at_least:
                out.append({"source": source, "hosts": len(hosts), "ports": len(ports), "packets": total(some, "packets"),
                            "first_seen": moment(min(r["start"] for r in some)),
                            "last_seen": moment(max(r["end"] for r in some))})
        return sorted(out, key=lambda r: (-max(r["hosts"], r["ports"]), -r["packets"], r["source"]))
    return answer


def over_time(per):
    def answer(rows):
        sums_of = collections.Counter()
        for r in rows:
            if r["action"]:
                sums_of[r["end"] // per * per, r["action"]] += r["bytes"] or 0
        times = [bucket for bucket, _ in sums_of]
        return [{"time": moment(t), "accepted_bytes": sums_of[t, "ACCEPT"], "refused_bytes": sums_of[t, "REJECT"]}
                for t in range(min(times), max(times) + 1, per)]
    return answer


def new_peers(rows, since=None):
    ends = [(a, b, r) for r in flows_of(rows) for a, b in ((r["srcaddr"], r["dstaddr"]), (r["dstaddr"], r["srcaddr"]))]
    border = since or max(r["end"] for _, _, r in ends) - DAY
    out = []
    for peer in {a for a, _, _ in ends}:
        some = [(b, r) for a, b, r in ends if a == peer]
        if min(r["end"] for _, r in some) < border:
            continue
        records = [r for _, r in some]
        out.append({"peer": peer, "is_private": peer.startswith(("10.", "fd")), "met": min(b for b, _ in some),
                    "first_seen": moment(min(r["start"] for r in records)),
                    "last_seen": moment(max(r["end"] for r in records)),
                    "accepted_records": sum(r["action"] == "ACCEPT" for r in records),
                    "refused_records": sum(r["action"] == "REJECT" for r in records),
                    "packets": total(records, "packets"), "bytes": total(records, "bytes")})
    return ordered(out, "bytes", ("peer",))


def gaps(rows):
    out = []
    for (interface,), some in groups(rows, "interface-id").items():
        by = groups(some, "log-status")
        skipped = by["SKIPDATA",]
        if not skipped and not by["NODATA",]:
            continue
        out.append({"interface_id": interface, "skipdata": len(skipped),
                    "first_skipdata": moment(min((r["start"] for r in skipped), default=None)),
                    "last_skipdata": moment(max((r["end"] for r in skipped), default=None)),
                    "nodata": len(by["NODATA",]), "ok": len(by["OK",])})
    return sorted(out, key=lambda r: (-r["skipdata"], -r["nodata"], r["interface_id"]))


def cross_az(rows):
    zones = collections.defaultdict(set)
    for r in rows:
        if r["flow-direction"] and r["action"] != "REJECT":
            zones[r["srcaddr" if r["flow-direction"] == "egress" else "dstaddr"]].add(r["az-id"])
    sent = []
    for r in rows:
        if r["flow-direction"] != "egress" or r["action"] == "REJECT":
            continue
        to = r["next-hop-az-id"] or min(zones[r["dstaddr"]], default=None)
        if to is not None and to != r["az-id"]:
            sent.append(r | {"from_az": r["az-id"], "to_az": to})
    out = sums(sent, ("from_az", "to_az", "srcaddr", "dstaddr"))
    for row in out:
        row["bytes_between_zones"] = total([r for r in out if (r["from_az"], r["to_az"]) == (row["from_az"], row["to_az"])],
                                           "bytes")
    return ordered(out, "bytes", ("srcaddr", "dstaddr", "from_az", "to_az"))


def nat(rows):
    through = []
    for r in rows:
        is_gateway = r["interface-type"] == "nat_gateway" if r["interface-type"] else r["instance-id"] is None
        if not r["pkt-srcaddr"] or not is_gateway:
            continue
        if r["dstaddr"] != r["pkt-dstaddr"]:
            through.append(r | {"host": r["pkt-srcaddr"], "peer": r["pkt-dstaddr"], "sent": True})
        elif r["srcaddr"] != r["pkt-srcaddr"]:
            through.append(r | {"host": r["pkt-dstaddr"], "peer": r["pkt-srcaddr"], "sent": False})
    out = []
    for (gateway, host, peer), some in groups(through, "interface-id", "host", "peer").items():
        out.append({"nat": gateway, "host": host, "peer": peer, "packets": total(some, "packets"),
                    "sent_bytes": total([r for r in some if r["sent"]], "bytes") or 0,
                    "received_bytes": total([r for r in some if not r["sent"]], "bytes") or 0, "bytes": total(some, "bytes")})
    return ordered(out, "bytes", ("nat", "host", "peer"))


ANSWERS = {
    "VpcFlowLogsAcceptedTraffic": [([], connections("ACCEPT", "bytes"))],
    "VpcFlowLogsAdminPortTraffic": [([], talkers("srcaddr", "dstaddr", lambda r: {r["srcport"], r["dstport"]} & ADMIN))],
    "VpcFlowLogsIPv4Traffic": [([], family(False))],
    "VpcFlowLogsIPv6Traffic": [([], family(True))],
    "VpcFlowLogsRejectedTCPTraffic": [([], connections("REJECT", "packets"))],
    "VpcFlowLogsRejectedTraffic": [([], rejected)],
    "VpcFlowLogsSshRdpTraffic": [([], ssh_and_rdp)],
    "VpcFlowLogsTopTalkers": [([], talkers("srcaddr", "dstaddr"))],
    "VpcFlowLogsTopTalkersPacketLevel": [([], talkers("pkt-srcaddr", "pkt-dstaddr"))],
    "VpcFlowLogsTopTalkingInstances": [([], top("instance-id"))],
    "VpcFlowLogsTopTalkingSubnets": [([], top("subnet-id"))],
    "VpcFlowLogsTopTCPTraffic": [(["--address", ONE], of_one(ONE, "srcaddr", "dstaddr", only_tcp=True))],
    "VpcFlowLogsTotalBytesTransferred": [([], pairs("srcaddr", "dstaddr"))],
    "VpcFlowLogsTotalBytesTransferredPacketLevel": [([], pairs("pkt-srcaddr", "pkt-dstaddr"))],
    "VpcFlowLogsTrafficFrmSrcAddr": [(["--address", ONE], of_one(ONE, "srcaddr", "dstaddr")),
                                     (["--address", "2001:DB8:0::5"], of_one(ONE_IPV6, "srcaddr", "dstaddr"))],
    "VpcFlowLogsTrafficToDstAddr": [(["--address", ONE], of_one(ONE, "dstaddr", "srcaddr"))],
    "conversations": [([], conversations)],
    "top-talkers-by-interface": [([], by_interface)],
    "scanners": [(["--at-least", "5"], scanners(5)), ([], scanners(10))],
    "traffic-over-time": [(["--per", "1h"], over_time(3600)), ([], over_time(14400))],
    "new-peers": [([], new_peers)],
    "gaps": [([], gaps)],
    "cross-az": [([], cross_az)],
    "nat": [([], nat)],
}
TAKES_LIMIT = [name for name in ANSWERS if name not in (
    "VpcFlowLogsIPv4Traffic", "VpcFlowLogsIPv6Traffic", "traffic-over-time", "top-talkers-by-interface")]


@pytest.fixture(scope="module", params=[1, 2])
def logs(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    return folder, random_logs(folder, request.param)


@pytest.fixture(scope="module")
def listed(weir):
    return json.loads(weir("report", "--output", "json").stdout)


def test_each_report_listed_has_an_answer_here(listed):
    assert [r["report"] for r in listed] == list(ANSWERS)
    assert sum(r["report"].startswith("VpcFlowLogs") for r in listed) == 16
    assert all(r["question"].endswith("?") and set(r["fields"].split()) <= set(CUSTOM) for r in listed)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_report_says_what_python_counts(weir, logs, name):
    folder, records = logs
    for options, answer in ANSWERS[name]:
        limit = ["--limit", "100000"] if name in TAKES_LIMIT else []
        got = json.loads(weir("report", name, "--from", folder, "--output", "json", *options, *limit).stdout)
        expected = answer(records)
        if name != "new-peers" and not (name == "scanners" and not options):
            assert expected, "the logs have nothing that this report speaks of"
        assert got == expected


def test_new_peers_are_those_that_no_record_before_since_has(weir, tmp_path):
    records = random_logs(tmp_path, 4)
    late = max(r["end"] for r in records) + 10
    newcomer = {"192.0.2.77": late + 5}
    some = [r | {"srcaddr": "192.0.2.77", "start": late, "end": end} for r in flows_of(records)[:3] for end in newcomer.values()]
    (tmp_path / "late.log").write_text(text(some, CUSTOM))
    records += some
    for options, since in (([], None), (["--since", str(late)], late)):
        got = json.loads(weir("report", "new-peers", "--from", tmp_path, "--output", "json", *options).stdout)
        assert got == new_peers(records, since)
        assert [r["peer"] for r in got] == ["192.0.2.77"]


@pytest.mark.parametrize("name", ANSWERS)
def test_its_sql_runs_unchanged_in_query(weir, logs, name):
    folder, _ = logs
    for options, _ in ANSWERS[name]:
        for form in ("csv", "table"):
            sql = weir("report", name, *options, "--sql", "--output", form).stdout
            expected = weir("report", name, *options, "--from", folder, "--output", form).stdout
            assert weir("query", "--from", folder, "--output", form, sql).stdout == expected


@pytest.mark.parametrize("name", TAKES_LIMIT)
def test_a_limit_keeps_the_first_rows(weir, logs, name):
    folder, _ = logs
    options = [*ANSWERS[name][0][0], "--from", folder, "--output", "json"]
    every = json.loads(weir("report", name, *options, "--limit", "100000").stdout)
    assert json.loads(weir("report", name, *options, "--limit", "2").stdout) == every[:2]
    default = 10 if name == "VpcFlowLogsAdminPortTraffic" else 50
    assert json.loads(weir("report", name, *options).stdout) == every[:default]


@pytest.mark.parametrize("name", ["VpcFlowLogsTopTalkers", "vpcflowlogstoptalkers", "vpc-flow-logs-top-talkers",
                                  "top-talkers", "TopTalkers"])
def test_names_are_taken_as_people_write_them(weir, logs, name):
    folder, records = logs
    got = json.loads(weir("report", "--from", folder, "--output", "json", name).stdout)
    assert got == talkers("srcaddr", "dstaddr")(records)


def test_a_missing_field_is_named_with_what_to_do(weir, tmp_path):
    (tmp_path / "a.log").write_text(text([], DEFAULT))
    done = weir("report", "nat", "--from", tmp_path, status=1)
    assert "nat: the logs have no pkt-srcaddr, pkt-dstaddr" in done.stderr
    assert "--log-format names '${pkt-srcaddr} ${pkt-dstaddr}'" in done.stderr


@pytest.mark.parametrize("options, message", [
    (["top-talkerz"], "did you mean VpcFlowLogsTopTalkers?"),
    (["xyzzy"], "`weir report` lists them"),
    (["top-talkers"], "say where with --from"),
    (["TopTCPTraffic", "--from", "."], "give it with --address"),
    (["top-talkers", "--from", ".", "--address", "10.0.0.5"], "is nothing that VpcFlowLogsTopTalkers takes"),
    (["traffic-to-dst-addr", "--from", ".", "--address", "10.0.0.5' OR '1'='1"], "is no address"),
    (["traffic-over-time", "--from", ".", "--per", "1; DROP TABLE x"], "is no length of time"),
    (["traffic-over-time", "--from", ".", "--per", "0s"], "is no length of time"),
    (["scanners", "--from", ".", "--limit", "0"], "--limit"),
    (["scanners", "--from", ".", "--at-least", "-3"], "--at-least")])
def test_usage_errors_end_with_2(weir, options, message):
    done = weir("report", *options, status=2)
    assert message in done.stderr + done.stdout


def test_a_terminals_table_has_a_plot_and_json_has_none(weir, logs):
    folder, records = logs
    expected = over_time(14400)(records)
    table = weir("report", "traffic-over-time", "--from", folder).stdout.splitlines()
    assert len(table) == len(expected) + 1 and table[0].split()[-2:] == ["accepted", "refused"]
    most = max(range(len(expected)), key=lambda i: expected[i]["accepted_bytes"])
    assert table[most + 1].count("█") >= 30
    assert "█" not in weir("report", "traffic-over-time", "--from", folder, "--output", "csv").stdout


def test_since_until_parquet_stats_and_strict_are_querys(weir, program, logs, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    folder, records = logs
    middle = sorted(r["end"] for r in records)[len(records) // 2]
    early = [r for r in records if r["end"] < middle]
    got = json.loads(weir("report", "top-talkers", "--from", folder, "--until", str(middle), "--output", "json").stdout)
    assert got == talkers("srcaddr", "dstaddr")(early)
    packed = subprocess.run([program, "report", "top-talkers", "--from", folder, "--output", "parquet", "--stats"],
                            capture_output=True, check=True)
    (tmp_path / "answer.parquet").write_bytes(packed.stdout)
    rows = parquet.read_table(tmp_path / "answer.parquet").to_pylist()
    assert [r["address"] for r in rows] == [r["address"] for r in talkers("srcaddr", "dstaddr")(records)]
    assert b"listed " in packed.stderr
    (tmp_path / "bad.log").write_text(text([], DEFAULT) + "no record\n")
    assert weir("report", "gaps", "--from", tmp_path / "bad.log", "--strict", status=1)


def test_times_that_no_calendar_has_break_no_report(weir, tmp_path):
    fields = ["srcaddr", "dstaddr", "bytes", "start", "end", "action"]
    whole = {"srcaddr": "10.0.0.1", "dstaddr": "10.0.0.2", "bytes": 5, "start": 100, "end": 130, "action": "ACCEPT"}
    wild = [whole | {"start": t, "end": t} for t in (2**63 - 1, -(2**63), -1, 253402300800)]
    (tmp_path / "a.log").write_text(text([whole, *wild, whole | {"end": 253402300799}], fields))
    got = json.loads(weir("report", "traffic-over-time", "--from", tmp_path, "--per", "1m", "--output", "json").stdout)
    assert sum(row["accepted_bytes"] for row in got) == 10 and len(got) < 1100
    weir("report", "new-peers", "--from", tmp_path)
