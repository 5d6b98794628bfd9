"""The fields of packets in every link layer, as tcpdump reads them from the same captures."""

import csv
import io
import ipaddress
import json
import re
import shutil
import struct
import subprocess

import pytest
from network import ACK, FIN, ICMP, ICMPV6, RST, SYN, TCP, UDP, capture, description, packet

START = 1700000000
HERE, HERE6 = "10.0.0.9", "2001:db8:1234:a100::9"
SCTP, GRE = 132, 47
PSH, URG, ECE, CWR = 8, 32, 64, 128


def ipv4_with_options(src, options, protocol, payload):
    words = 5 + len(options) // 4
    return struct.pack(">BBHHHBBH4s4s", 0x40 | words, 0, 4 * words + len(payload), 1, 0, 64, protocol, 0,
                       ipaddress.ip_address(src).packed, ipaddress.ip_address(HERE).packed) + options + payload


def ipv6_with_headers(src, headers, protocol, payload):
    """`headers` are (number, bytes), each with room for the next one's number in front."""
    body, number = payload, protocol
    for kind, rest in reversed(headers):
        body, number = bytes([number]) + rest + body, kind
    return struct.pack(">IHBB16s16s", 6 << 28, len(body), number, 64, ipaddress.ip_address(src).packed,
                       ipaddress.ip_address(HERE6).packed) + body


def sources():
    """Addresses that each packet has for itself, so that each is a record of its own."""
    return (f"203.0.113.{i}" for i in range(1, 255)), (f"2001:db8:ffff::{i:x}" for i in range(1, 255))


def packets():
    four, six = sources()
    tcp = packet("192.0.2.1", HERE, TCP, 40, 4001, 443, SYN)[20:]
    udp = packet("192.0.2.1", HERE, UDP, 40, 4002, 53)[20:]
    fourth = [packet(next(four), HERE, TCP, 60, 4000 + i, 80, flags)
              for i, flags in enumerate([SYN, SYN | ACK, ACK, FIN | ACK, RST, PSH | ACK, SYN | ECE | CWR])]
    fourth += [packet(next(four), HERE, UDP, 99, 5353, 53), packet(next(four), HERE, ICMP, 84),
               packet(next(four), HERE, ICMP, 56, icmp=(3, 3, 0)), packet(next(four), HERE, GRE, 60),
               ipv4_with_options(next(four), b"\x94\x04\0\0", TCP, tcp),
               ipv4_with_options(next(four), b"\x01" * 40, UDP, udp)]
    sctp = struct.pack(">HHII", 4003, 2905, 7, 0) + struct.pack(">BBHIIHHI", 1, 0, 20, 1, 65536, 1, 1, 1)
    fourth.append(ipv4_with_options(next(four), b"", SCTP, sctp))
    hop, routing = (0, b"\0\1\4\0\0\0\0"), (43, b"\2\0\0" + bytes(20))
    destination, atomic = (60, b"\0\1\4\0\0\0\0"), (44, b"\0\0\0\0\0\0\7")
    sixth = [packet(next(six), HERE6, TCP, 80, 4100, 443, SYN), packet(next(six), HERE6, UDP, 77, 4101, 53),
             packet(next(six), HERE6, ICMPV6, 64, icmp=(128, 0, 5)),
             ipv6_with_headers(next(six), [hop], TCP, tcp), ipv6_with_headers(next(six), [destination], UDP, udp),
             ipv6_with_headers(next(six), [atomic], TCP, tcp),
             ipv6_with_headers(next(six), [hop, destination, routing, atomic], UDP, udp)]
    return fourth, sixth


def ethernet(type_of, tags=b""):
    return lambda data: bytes(12) + tags + struct.pack(">H", type_of(data)) + data


def ether_type(data):
    return 0x0800 if data[0] >> 4 == 4 else 0x86DD


def family(order, v6):
    return lambda data: struct.pack(order + "I", 2 if data[0] >> 4 == 4 else v6) + data


LINKS = {
    "Ethernet": (1, ethernet(ether_type)),
    "VLAN": (1, ethernet(ether_type, b"\x81\0\0\7")),
    "QinQ": (1, ethernet(ether_type, b"\x88\xa8\0\7\x81\0\0\x08")),
    "raw IP": (101, lambda data: data),
    "Linux cooked": (113, lambda data: bytes(14) + struct.pack(">H", ether_type(data)) + data),
    "Linux cooked v2": (276, lambda data: struct.pack(">H", ether_type(data)) + bytes(18) + data),
    "BSD null, little": (0, family("<", 30)),
    "BSD null, big": (0, family(">", 24)),
    "BSD loop": (108, family(">", 30)),
    "IPv4": (228, lambda data: data if data[0] >> 4 == 4 else None),
    "IPv6": (229, lambda data: data if data[0] >> 4 == 6 else None),
}


def by_tcpdump(path):
    """{source: (srcport, dstport, bytes, flags)} as tcpdump prints them; flags are None where there are none."""
    done = subprocess.run(["tcpdump", "-nnvvKtr", path], capture_output=True, text=True, check=True)
    out = {}
    for text in re.split(r"\n(?=\S)", done.stdout.strip()):
        text = " ".join(text.split())
        port = r"(?:\.(\d+))?"
        addresses = re.search(rf" (203\.0\.113\.\d+|2001:db8:ffff::[0-9a-f]+){port} > "
                              rf"(?:10\.0\.0\.9|2001:db8:1234:a100::9){port}: ", text)
        payload = re.search(r"payload length: (\d+)\)", text)
        length = 40 + int(payload[1]) if payload else int(re.search(r" length (\d+)[,)]", text)[1])
        flags = re.search(r"Flags \[([^\]]*)\]", text)
        # After extension headers the ports stand apart: "addresses: HBH (padn) 4001 > 443: …".
        ports = re.search(r" (\d+) > (\d+): ", text) or addresses.groups()[0:3]
        out[addresses[1]] = (int(ports[1] or 0), int(ports[2] or 0), length, flags and flags[1])
    return out


def aws_flags(letters):
    """facts §1.4, from tcpdump's letters; `.` is ACK."""
    if letters is None:
        return "0"
    if "S" in letters:
        return "18" if "." in letters else "2"
    return str(("F" in letters) + 4 * ("R" in letters))


def records(weir, tmp_path, frames, link):
    network = description(HERE, "10.0.0.0/16", ipv6=HERE6)
    (tmp_path / "vpc.json").write_text(json.dumps(network))
    (tmp_path / "capture.pcap").write_bytes(capture([(START, frame) for frame in frames], link))
    done = weir("record", "--read", tmp_path / "capture.pcap", "--vpc", tmp_path / "vpc.json", "--output", "csv",
                "--log-format", "${srcaddr} ${srcport} ${dstport} ${protocol} ${bytes} ${packets} ${tcp-flags} ${type}")
    assert f"{len(frames)} recorded" in done.stderr, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


@pytest.mark.parametrize("name", LINKS)
def test_the_fields_are_those_that_tcpdump_reads(weir, tmp_path, name):
    if shutil.which("tcpdump") is None:
        pytest.skip("tcpdump is not there")
    link, wrap = LINKS[name]
    fourth, sixth = packets()
    frames = [frame for frame in map(wrap, fourth + sixth) if frame is not None]
    got = records(weir, tmp_path, frames, link)
    expected = by_tcpdump(tmp_path / "capture.pcap")
    assert len(expected) == len(frames)
    assert {r["srcaddr"]: (int(r["srcport"]), int(r["dstport"]), int(r["bytes"]), r["tcp-flags"]) for r in got} == {
        source: (*fields, aws_flags(flags)) for source, (*fields, flags) in expected.items()}
    assert all(r["packets"] == "1" and r["type"] == ("IPv6" if ":" in r["srcaddr"] else "IPv4") for r in got)


def test_tcp_flags_of_every_combination_are_awss(weir, tmp_path):
    frames = [packet(f"203.0.{113 + bits // 128}.{bits % 128}", HERE, TCP, 40, 4000, 80, bits) for bits in range(256)]
    got = {r["srcaddr"]: r["tcp-flags"] for r in records(weir, tmp_path, frames, 101)}
    for bits in range(256):
        fin, syn, rst, ack = (bits & flag != 0 for flag in (FIN, SYN, RST, ACK))
        if syn and (fin or rst):
            expected = "-"  # AWS: a combination that cannot be
        elif syn:
            expected = "18" if ack else "2"
        else:
            expected = str(1 * fin + 4 * rst)
        assert got[f"203.0.{113 + bits // 128}.{bits % 128}"] == expected, bits
