"""Small random flow logs, in several formats side by side, and the same records as Python's."""

import gzip
import random

DEFAULT = ("version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
           "log-status").split()
# As the console writes "select all": by name.
CUSTOM = sorted(set(DEFAULT) | set("az-id flow-direction instance-id interface-type next-hop-az-id pkt-dstaddr pkt-srcaddr "
                                   "resource-id subnet-id tcp-flags type vpc-id".split()))
NUMBERS = set("version srcport dstport protocol packets bytes start end tcp-flags".split())
ADDRESSES = ["10.0.0.5", "10.0.0.6", "10.0.1.7", "203.0.113.9", "198.51.100.4", "2001:db8:1234:a100:8d6e:3477:df66:f105",
             "2001:db8::5", "fd00::7"]
ZONES = {"10.0.0.5": "use1-az1", "10.0.0.6": "use1-az1", "10.0.1.7": "use1-az2", "fd00::7": "use1-az3"}
NAT = "eni-nat"
DAY = 86400
START = 1700000000


def record(draw):
    """One flow. What an interface or an address has does not change from one record to the next."""
    interface = draw.choice(["eni-a", "eni-b", "eni-c", NAT])
    source, destination = draw.sample(ADDRESSES, 2)
    direction = draw.choice(["ingress", "egress"])
    start = START + draw.randrange(3 * DAY)
    packets = draw.randrange(1, 100)
    return {
        "version": 11, "account-id": "123456789012", "interface-id": interface, "srcaddr": source, "dstaddr": destination,
        "srcport": draw.choice([22, 443, 53, 3389, 5985, 40000, 50000]),
        "dstport": draw.choice([22, 80, 443, 53, 3389, 23, 40000, 50000]), "protocol": draw.choice([6, 6, 6, 17, 1]),
        "packets": packets, "bytes": draw.choice([None] + [packets * draw.randrange(40, 1500)] * 9),
        "start": start, "end": start + draw.randrange(60), "action": draw.choice(["ACCEPT", "ACCEPT", "REJECT"]),
        "log-status": "OK", "az-id": ZONES.get(source if direction == "egress" else destination, "use1-az1"),
        "flow-direction": direction, "instance-id": None if interface == NAT else "i-" + interface[-1],
        "interface-type": draw.choice([None, "nat_gateway"]) if interface == NAT else None,
        "next-hop-az-id": draw.choice([None, None, "use1-az2"]), "pkt-srcaddr": draw.choice([source] * 3 + ["192.0.2.1"]),
        "pkt-dstaddr": draw.choice([destination] * 3 + ["192.0.2.2"]), "resource-id": None,
        "subnet-id": "subnet-" + interface[-1], "tcp-flags": draw.choice([None, 0, 0, 1, 2, 3, 4, 18, 19]),
        "type": "IPv6" if ":" in source else "IPv4", "vpc-id": "vpc-1"}


def without_flow(draw, status):
    whole = record(draw)
    kept = {"version", "account-id", "interface-id", "start", "end", "instance-id", "subnet-id", "vpc-id", "az-id"}
    return {field: value if field in kept else None for field, value in whole.items()} | {"log-status": status}


def line(values, fields):
    return " ".join("-" if values.get(f) is None else str(values[f]) for f in fields)


def text(records, fields):
    return "".join(f"{line(r, fields)}\n" for r in [dict(zip(fields, fields)), *records])


def random_logs(folder, seed, count=400):
    """Writes objects of two formats; returns the records as whoever reads them has to see them."""
    draw = random.Random(seed)
    records = [record(draw) for _ in range(count)]
    # Conversations have two sides, some of one second.
    for first in draw.sample(records, count // 3):
        back = first | {"srcaddr": first["dstaddr"], "dstaddr": first["srcaddr"], "srcport": first["dstport"],
                        "dstport": first["srcport"], "bytes": draw.randrange(1, 9999),
                        "tcp-flags": draw.choice([0, 18, 19, None]), "action": draw.choice(["ACCEPT", "ACCEPT", "REJECT"])}
        back["start"] = back["end"] = first["start"] + draw.choice([0, 0, 7])
        records.append(back)
    records += [without_flow(draw, draw.choice(["NODATA", "NODATA", "SKIPDATA"])) for _ in range(20)]
    draw.shuffle(records)
    seen = []
    for number, at in enumerate(range(0, len(records), 90)):
        fields = DEFAULT if number % 2 else CUSTOM
        some = records[at:at + 90]
        seen += [{f: r[f] if f in fields else None for f in CUSTOM} for r in some]
        content = text(some, fields).encode()
        if number % 3:
            (folder / f"{number}.log.gz").write_bytes(gzip.compress(content))
        else:
            (folder / f"{number}.log").write_bytes(content)
    return seen
