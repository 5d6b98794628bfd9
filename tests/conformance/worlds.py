"""Random networks and the conversations in them, for what has to hold in every network.

Hosts behave: a server answers only what reached it, which `weir record` tells, step by step.
"""

import json
import struct

from network import ACK, FIN, ICMP, RST, SYN, TCP, UDP, capture, entry, packet, permission

START = 1_780_000_200  # a multiple of 600
OUTSIDE = ["203.0.113.7", "203.0.113.80", "198.51.100.9", "192.0.2.200"]
PORTS = [22, 53, 80, 443, 5432, 8080]


class World:
    """A VPC of two subnets and five interfaces, with random groups and ACLs."""

    def __init__(self, random):
        self.random = random
        self.pings = set()
        self.addresses = [f"10.0.{i % 2}.{10 + i}" for i in range(5)]

    def _cidr(self):
        return self.random.choice(["0.0.0.0/0", "0.0.0.0/0", "10.0.0.0/16", "10.0.0.0/24", "203.0.113.0/24",
                                   self.random.choice(self.addresses + OUTSIDE) + "/32"])

    def _ports(self):
        first = self.random.choice(PORTS + [0, 1024, 32768])
        return (first, first if first in PORTS else 65535)

    def _group_rule(self):
        protocol = self.random.choice(["-1", "tcp", "tcp", "tcp", "udp", "icmp"])
        ports = self._ports() if protocol in ("tcp", "udp") else (-1, -1) if protocol == "icmp" else None
        return permission(protocol, ports, self._cidr())

    def _entries(self, egress):
        numbers = sorted(self.random.sample(range(1, 200), self.random.randint(0, 5)))
        rules = []
        for number in numbers:
            protocol = self.random.choice(["-1", "6", "6", "17", "1"])
            rules.append(entry(number, self.random.choice(["allow", "allow", "deny"]), egress, self._cidr(), protocol,
                               self._ports() if protocol in ("6", "17") else None,
                               (-1, -1) if protocol == "1" else None))
        if self.random.random() < 0.6:
            rules.append(entry(200, "allow", egress))
        return rules

    def description(self):
        """AWS's JSON."""
        groups = [{"GroupId": f"sg-{i}", "VpcId": "vpc-1",
                   "IpPermissions": [self._group_rule() for _ in range(self.random.randint(0, 3))],
                   "IpPermissionsEgress": [self._group_rule() for _ in range(self.random.randint(0, 3))]}
                  for i in range(3)]
        acls = [{"NetworkAclId": f"acl-{i}", "VpcId": "vpc-1", "IsDefault": i == 0,
                 "Entries": self._entries(False) + self._entries(True),
                 "Associations": [{"SubnetId": f"subnet-{i}"}]} for i in range(2)]
        return {
            "Vpcs": [{"VpcId": "vpc-1", "OwnerId": "123456789012", "CidrBlock": "10.0.0.0/16"}],
            "Subnets": [{"SubnetId": f"subnet-{i}", "VpcId": "vpc-1", "CidrBlock": f"10.0.{i}.0/24",
                         "AvailabilityZone": "us-east-1a", "AvailabilityZoneId": "use1-az1"} for i in range(2)],
            "NetworkInterfaces": [
                {"NetworkInterfaceId": f"eni-{i}", "OwnerId": "123456789012", "SubnetId": f"subnet-{i % 2}",
                 "PrivateIpAddresses": [{"PrivateIpAddress": address, "Primary": True}], "Ipv6Addresses": [],
                 "Groups": [{"GroupId": f"sg-{g}"} for g in self.random.sample(range(3), self.random.randint(1, 2))]}
                for i, address in enumerate(self.addresses)],
            "SecurityGroups": groups, "NetworkAcls": acls}

    def _ends(self):
        a = self.random.choice(self.addresses)
        b = self.random.choice([x for x in self.addresses if x != a] + OUTSIDE)
        return (a, b) if self.random.random() < 0.5 else (b, a)

    def _tcp(self, src, dst, time):
        client, server = self.random.randint(32768, 60999), self.random.choice(PORTS)

        def there(flags, at, size=52):
            return (at, packet(src, dst, TCP, size, client, server, flags))

        def back(flags, at, size=52):
            return (at, packet(dst, src, TCP, size, server, client, flags))

        opening = [there(SYN, time, 60)]
        length = self.random.choice([0.5, 3, 40, 400])
        rest = [there(ACK, time + 0.2)] + [
            step for i in range(self.random.randint(1, 4)) for step in
            (there(ACK, time + 0.3 + length * i / 5, 300), back(ACK, time + 0.35 + length * i / 5, 900))]
        end = time + 0.4 + length
        rest += ([there(RST, end)] if self.random.random() < 0.2 else
                 [there(FIN | ACK, end), back(FIN | ACK, end + 0.05), there(ACK, end + 0.1)])
        late = []
        if self.random.random() < 0.4:
            gap = self.random.choice([12, 30, 200, 500])
            late = [(back if self.random.random() < 0.5 else there)(RST, end + gap, 40)]
        # A refused opening is tried again; the answer comes to each try that arrives.
        return [[opening[0], there(SYN, time + 1, 60), there(SYN, time + 3, 60)],
                [back(SYN | ACK, time + 0.1, 60)], rest, late]

    def _udp(self, src, dst, time):
        client, server = self.random.randint(32768, 60999), self.random.choice([53, 123, 5060])
        rounds = self.random.randint(1, 3)
        gap = self.random.choice([1, 5, 25])
        requests = [(time + i * gap, packet(src, dst, UDP, 70, client, server)) for i in range(rounds)]
        replies = [(t + 0.05, packet(dst, src, UDP, 150, server, client)) for t, _ in requests]
        late = []
        if self.random.random() < 0.3:
            late = [(replies[-1][0] + self.random.choice([200, 400]), packet(dst, src, UDP, 150, server, client))]
        return [requests, replies, [], late]

    def _ping(self, src, dst, time):
        # Records do not tell one ping between two hosts from another.
        if frozenset((src, dst)) in self.pings:
            return self._udp(src, dst, time)
        self.pings.add(frozenset((src, dst)))
        identifier, count = self.random.randint(1, 65535), self.random.randint(1, 4)
        requests = [(time + i, packet(src, dst, ICMP, 84, icmp=(8, 0, identifier))) for i in range(count)]
        replies = [(t + 0.02, packet(dst, src, ICMP, 84, icmp=(0, 0, identifier))) for t, _ in requests]
        return [requests, replies, [], []]

    def conversations(self, count):
        """Each is a list of four steps, a list of (time, packet); a step is sent if the one before arrived."""
        out = []
        for _ in range(count):
            make = self.random.choice([self._tcp, self._tcp, self._tcp, self._udp, self._ping])
            src, dst = self._ends()
            out.append(make(src, dst, START + self.random.randint(0, 900) + self.random.randint(0, 99) / 100))
        return out


def ends_of(data):
    """Addresses, ports and protocol as a record has them."""
    header = 4 * (data[0] & 15)
    src, dst = (".".join(map(str, data[i:i + 4])) for i in (12, 16))
    ports = struct.unpack(">HH", data[header:header + 4]) if data[9] in (TCP, UDP) else (0, 0)
    return src, dst, *map(str, ports), str(data[9])


def play(conversations, arrived):
    """The packets that hosts send. `arrived(packets)` is the set of flows, as `ends_of` tells them, of which some
    packet reached its end: nobody answers what did not, and who is answered does not try again."""
    sent, alive = [], conversations
    for step in range(4):
        for conversation in alive:
            sent += conversation[step]
        got = arrived(sorted(sent, key=lambda p: p[0]))
        alive = [c for c in alive if not c[step] or ends_of(c[step][0][1]) in got]
        if step == 0:
            tries = [p for c in alive for p in c[0][1:] if p[1][9] == TCP]
            sent = [p for p in sent if not any(p is a_try for a_try in tries)]
    return sorted(sent, key=lambda p: p[0])


def write(folder, packets, description):
    """Both as files; the options that name them."""
    (folder / "capture.pcap").write_bytes(capture(packets))
    (folder / "vpc.json").write_text(json.dumps(description))
    return ["--read", folder / "capture.pcap", "--vpc", folder / "vpc.json"]
