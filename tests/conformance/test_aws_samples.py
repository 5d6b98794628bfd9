"""AWS's documented records, and published ones: packets in, that very line out.

Where a sample's times cannot be Weir's, because its window is not aligned to the epoch or its one packet has
two times, all the rest of the line is compared: docs/decisions.md lists those samples.
"""

import gzip
import json

from network import (ACK, FIN, ICMP, OPEN_ACL, SYN, TCP, description, entry, packet, permission, sizes,
                     spread, write)


def lines(weir, tmp_path, packets, network, *options):
    weir("record", *write(tmp_path, packets, network), "--log-destination", tmp_path / "out", *options)
    out = []
    for path in sorted((tmp_path / "out").rglob("*.log.gz")):
        out += gzip.decompress(path.read_bytes()).decode().splitlines()[1:]
    return out


def tcp(src, dst, sport, dport, flags=lambda i: ACK):
    return lambda size, i: packet(src, dst, TCP, size, sport, dport, flags(i))


def test_accepted_ssh(weir, tmp_path):
    packets = spread(1418530010, 1418530070, sizes(20, 4249), tcp("172.31.16.139", "172.31.16.21", 20641, 22))
    assert lines(weir, tmp_path, packets, description("172.31.16.21", "172.31.0.0/16")) == [
        "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 "
        "1418530070 ACCEPT OK"]


def test_rejected_rdp(weir, tmp_path):
    packets = spread(1418530010, 1418530070, sizes(20, 4249), tcp("172.31.9.69", "172.31.9.12", 49761, 3389))
    network = description("172.31.9.12", "172.31.0.0/16", ingress=[permission("tcp", (22, 22))])
    assert lines(weir, tmp_path, packets, network) == [
        "2 123456789010 eni-1235b8ca123456789 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 1418530010 "
        "1418530070 REJECT OK"]


def test_ping_whose_reply_the_acl_refuses(weir, tmp_path):
    request = packet("203.0.113.12", "172.31.16.139", ICMP, 84, icmp=(8, 0, 7))
    reply = packet("172.31.16.139", "203.0.113.12", ICMP, 84, icmp=(0, 0, 7))
    packets = sorted([(t, request) for t in (1432917027, 1432917094, 1432917120, 1432917142)]
                     + [(t + 0.1, reply) for t in (1432917094, 1432917100, 1432917120, 1432917142)])
    network = description("172.31.16.139", "172.31.0.0/16", ingress=[permission("icmp", (-1, -1))], egress=[],
                          acl=[entry(100, protocol="1", icmp=(-1, -1))])
    assert lines(weir, tmp_path, packets, network) == [
        "2 123456789010 eni-1235b8ca123456789 203.0.113.12 172.31.16.139 0 0 1 4 336 1432917027 1432917142 ACCEPT OK",
        "2 123456789010 eni-1235b8ca123456789 172.31.16.139 203.0.113.12 0 0 1 4 336 1432917094 1432917142 REJECT OK"]


def test_ssh_by_ipv6(weir, tmp_path):
    src, dst = "2001:db8:1234:a100:8d6e:3477:df66:f105", "2001:db8:1234:a102:3304:8879:34cf:4071"
    packets = spread(1477913708, 1477913820, sizes(54, 8855), tcp(src, dst, 34892, 22))
    network = description("10.0.0.5", "10.0.0.0/16", ipv6=dst)
    assert lines(weir, tmp_path, packets, network) == [
        f"2 123456789010 eni-1235b8ca123456789 {src} {dst} 34892 22 6 54 8855 1477913708 1477913820 ACCEPT OK"]


TCP_FLAGS = ("${version} ${vpc-id} ${subnet-id} ${instance-id} ${interface-id} ${account-id} ${type} ${srcaddr} "
             "${dstaddr} ${srcport} ${dstport} ${pkt-srcaddr} ${pkt-dstaddr} ${protocol} ${bytes} ${packets} "
             "${start} ${end} ${action} ${tcp-flags} ${log-status}")


def test_tcp_flags_of_an_opening_and_of_a_short_connection(weir, tmp_path):
    client, server = "52.213.180.42", "10.0.0.62"
    packets = spread(1566848875, 1566848933, sizes(8, 568),
                     tcp(client, server, 43416, 5001, lambda i: SYN if i == 0 else ACK))
    packets += spread(1566848875.5, 1566848933, sizes(7, 376),
                      tcp(server, client, 5001, 43416, lambda i: SYN | ACK if i == 0 else ACK))
    packets += spread(1566933133, 1566933193, sizes(17, 1260),
                      tcp(client, server, 43638, 5001, lambda i: SYN if i == 0 else FIN | ACK if i == 16 else ACK))
    packets += spread(1566933133.5, 1566933193, sizes(14, 967),
                      tcp(server, client, 5001, 43638, lambda i: SYN | ACK if i == 0 else FIN | ACK if i == 13 else ACK))
    packets.sort(key=lambda p: p[0])
    got = lines(weir, tmp_path, packets, description(server, "10.0.0.0/16"), "--log-format", TCP_FLAGS)
    got = [line for line in got if line.endswith(" OK")]
    head = "3 vpc-abcdefab012345678 subnet-aaaaaaaa012345678 i-01234567890123456 eni-1235b8ca123456789 123456789010 IPv4"
    there, back = f"{client} {server}", f"{server} {client}"
    assert got == [
        f"{head} {there} 43416 5001 {there} 6 568 8 1566848875 1566848933 ACCEPT 2 OK",
        f"{head} {back} 5001 43416 {back} 6 376 7 1566848875 1566848933 ACCEPT 18 OK",
        f"{head} {there} 43638 5001 {there} 6 1260 17 1566933133 1566933193 ACCEPT 3 OK",
        f"{head} {back} 5001 43638 {back} 6 967 14 1566933133 1566933193 ACCEPT 19 OK"]


def test_tcp_flags_of_a_connection_that_closes_in_a_later_interval(weir, tmp_path):
    """AWS's second interval is 180 s long and begins in the second in which the first one ends; here it is the next
    window of 600 s, so the times are Weir's own."""
    client, server, start = "52.213.180.42", "10.0.0.62", 1566848400
    flow = client, server, 43416, 5001
    packets = spread(start, start + 58, sizes(8, 568), tcp(*flow, lambda i: SYN if i == 0 else ACK))
    packets += spread(start + 600, start + 780, sizes(1219, 63388), tcp(*flow, lambda i: FIN | ACK if i == 1218 else ACK))
    got = lines(weir, tmp_path, packets, description(server, "10.0.0.0/16"), "--log-format", TCP_FLAGS)
    assert [line.split(" 5001 ")[1] for line in got] == [
        f"{client} {server} 6 568 8 {start} {start + 58} ACCEPT 2 OK",
        f"{client} {server} 6 63388 1219 {start + 600} {start + 780} ACCEPT 1 OK"]


def test_nat_gateway_shows_its_own_address_and_the_packets(weir, tmp_path):
    def one(src, dst):
        return packet(src, dst, TCP, 60, 39812, 80, SYN)
    packets = [(1566848400, one("10.0.1.5", "203.0.113.5")), (1566848401, one("10.0.0.220", "203.0.113.5")),
               (1566848402, one("203.0.113.5", "10.0.0.220"))]
    network = description("10.0.0.220", "10.0.0.0/16", eni="eni-1235b8ca123456789", instance=None)
    got = lines(weir, tmp_path, packets, network, "--interface", "eni-1235b8ca123456789", "--log-format",
                "${instance-id} ${interface-id} ${srcaddr} ${dstaddr} ${pkt-srcaddr} ${pkt-dstaddr}")
    assert got == ["- eni-1235b8ca123456789 10.0.1.5 10.0.0.220 10.0.1.5 203.0.113.5",
                   "- eni-1235b8ca123456789 10.0.0.220 203.0.113.5 10.0.0.220 203.0.113.5",
                   "- eni-1235b8ca123456789 203.0.113.5 10.0.0.220 203.0.113.5 10.0.0.220"]


def test_s3_as_the_far_end_in_version_5(weir, tmp_path):
    (tmp_path / "ip-ranges.json").write_text(
        '{"prefixes": [{"ip_prefix": "52.92.0.0/14", "region": "us-east-1", "service": "AMAZON"},'
        '{"ip_prefix": "52.95.128.0/21", "region": "ap-southeast-2", "service": "S3"},'
        '{"ip_prefix": "52.95.128.0/21", "region": "ap-southeast-2", "service": "EC2"}], "ipv6_prefixes": []}')
    packets = [(1616729292, packet("10.0.0.71", "52.95.128.179", TCP, 60, 34210, 443, SYN)),
               (1616729293, packet("52.95.128.179", "10.0.0.71", TCP, 60, 443, 34210, SYN | ACK)),
               (1616729294, packet("10.0.0.71", "52.95.128.179", TCP, 52, 34210, 443, FIN | ACK)),
               (1616729295, packet("52.95.128.179", "10.0.0.71", TCP, 52, 443, 34210, FIN | ACK))]
    got = lines(weir, tmp_path, packets, description("10.0.0.71", "10.0.0.0/16"),
                "--ip-ranges", tmp_path / "ip-ranges.json", "--log-format",
                "${version} ${action} ${tcp-flags} ${pkt-srcaddr} ${pkt-dstaddr} ${pkt-src-aws-service} "
                "${pkt-dst-aws-service} ${traffic-path} ${flow-direction} ${log-status}")
    assert got == ["5 ACCEPT 3 10.0.0.71 52.95.128.179 - S3 8 egress OK",
                   "5 ACCEPT 19 52.95.128.179 10.0.0.71 S3 - - ingress OK"]


def test_the_seed_articles_pairs(weir, tmp_path):
    client, server = "203.0.113.7", "10.0.0.9"
    group = spread(1746057703, 1746057726, sizes(8, 1051), tcp(client, server, 44166, 443))
    group += spread(1746057703.5, 1746057726, sizes(8, 4171), tcp(server, client, 443, 44166))
    # The ACL lets the request in and, with no rule for it, not the reply out.
    acl = spread(1746057681, 1746057701, [52, 52], tcp(client, server, 49816, 443))
    acl += spread(1746057681.5, 1746057701, [64, 64], tcp(server, client, 443, 49816))
    network = description(server, "10.0.0.0/16", eni="eni-00a0a00a000000a00", account="123456789012",
                          ingress=[permission("tcp", (443, 443))], egress=[],
                          acl=OPEN_ACL[:1] + [entry(90, "deny", True, protocol="6", ports=(49816, 49816)),
                                              entry(100, egress=True)])
    got = lines(weir, tmp_path, sorted(group + acl, key=lambda p: p[0]), network)
    head = "2 123456789012 eni-00a0a00a000000a00"
    assert sorted(got) == sorted([
        f"{head} {client} {server} 49816 443 6 2 104 1746057681 1746057701 ACCEPT OK",
        f"{head} {server} {client} 443 49816 6 2 128 1746057681 1746057701 REJECT OK",
        f"{head} {server} {client} 443 44166 6 8 4171 1746057703 1746057726 ACCEPT OK",
        f"{head} {client} {server} 44166 443 6 8 1051 1746057703 1746057726 ACCEPT OK"])


def test_the_seed_articles_first_object(weir, tmp_path):
    """All six records of the article's first object say 1746057586 to 1746057611, those of one packet too, and lie
    across a window's edge: everything but the times is compared, 14 s later."""
    peer, server, start, end = "203.0.113.7", "10.0.0.9", 1746057600, 1746057625
    flows = [(51498, 443, 3, 187, "ACCEPT"), (51232, 443, 8, 1051, "ACCEPT"), (53455, 9330, 1, 44, "REJECT"),
             (443, 51232, 8, 4171, "ACCEPT"), (53002, 9736, 1, 44, "REJECT"), (443, 51498, 1, 52, "ACCEPT")]
    packets = []
    for i, (sport, dport, count, total, _) in enumerate(flows):
        ends = (server, peer) if sport == 443 else (peer, server)
        packets += spread(start + i / 10, end, sizes(count, total), tcp(*ends, sport, dport))
    network = description(server, "10.0.0.0/16", eni="eni-00a0a00a000000a00", account="123456789012",
                          ingress=[permission("tcp", (443, 443))], egress=[])
    got = lines(weir, tmp_path, sorted(packets, key=lambda p: p[0]), network)
    assert sorted(line.split()[:3] + line.split()[5:10] + line.split()[12:] for line in got) == sorted(
        ["2", "123456789012", "eni-00a0a00a000000a00", *map(str, (sport, dport, 6, count, total)), action, "OK"]
        for sport, dport, count, total, action in flows)


ALPHABETICAL = ("account-id action az-id bytes dstaddr dstport end flow-direction instance-id interface-id log-status "
                "packets pkt-dst-aws-service pkt-dstaddr pkt-src-aws-service pkt-srcaddr protocol region srcaddr srcport "
                "start sublocation-id sublocation-type subnet-id tcp-flags traffic-path type version vpc-id")


def test_which_of_29_fields_stay_in_a_record_without_a_flow(weir, tmp_path):
    """A published SKIPDATA record. A capture that is read skips nothing, so this is NODATA; its times are Weir's."""
    packets = [(1700185000, packet("203.0.113.7", "10.0.0.10", TCP, 60, 1, 2, SYN))]
    network = description("10.0.0.9", "10.0.0.0/16", eni="eni-03a3504cbdd789000", account="325352056000",
                          instance="i-085c8f3d12aa57000", more=[("eni-1235b8ca123456780", "10.0.0.10")])
    network = json.loads(json.dumps(network).replace("vpc-abcdefab012345678", "vpc-bcd5b000")
                         .replace("subnet-aaaaaaaa012345678", "subnet-f27b1000")
                         .replace("us-east-1a", "ap-northeast-1a").replace("use1-az1", "apne1-az1"))
    got = lines(weir, tmp_path, packets, network, "--max-aggregation-interval", "60", "--log-format",
                " ".join(f"${{{name}}}" for name in ALPHABETICAL.split()))
    published = ("325352056000 - apne1-az1 - - - 1700185000 - i-085c8f3d12aa57000 eni-03a3504cbdd789000 SKIPDATA - - - - "
                 "- - ap-northeast-1 - - 1700185000 - - subnet-f27b1000 - - - 5 vpc-bcd5b000")
    assert [line for line in got if "NODATA" in line] == [
        published.replace("SKIPDATA", "NODATA").replace("1700185000", "1700185019", 1)
        .replace("1700185000", "1700184960")]


def test_nodata_has_aws_shape(weir, tmp_path):
    packets = [(1431280880, packet("10.0.0.9", "203.0.113.7", TCP, 60, 1, 2, SYN))]
    network = description("10.0.0.9", "10.0.0.0/16", more=[("eni-1235b8ca123456780", "10.0.0.10")])
    got = lines(weir, tmp_path, packets, network, "--max-aggregation-interval", "60")
    assert got[1] == "2 123456789010 eni-1235b8ca123456780 - - - - - - - 1431280860 1431280919 - NODATA"
