"""Builds what a test feeds to weir: captures of raw IP packets, and descriptions of networks."""

import ipaddress
import json
import struct

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
FIN, SYN, RST, ACK = 1, 2, 4, 16


def packet(src, dst, protocol, length, sport=0, dport=0, flags=ACK, icmp=(8, 0, 1)):
    """An IP packet of `length` bytes, as IP counts them."""
    src, dst = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    if protocol == TCP:
        payload = struct.pack(">HHIIBBHHH", sport, dport, 0, 0, 0x50, flags, 1024, 0, 0)
    elif protocol == UDP:
        payload = struct.pack(">HHHH", sport, dport, 8, 0)
    else:
        payload = struct.pack(">BBHHH", icmp[0], icmp[1], 0, icmp[2], 1)
    if src.version == 4:
        payload += bytes(length - 20 - len(payload))
        header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, length, 1, 0, 64, protocol, 0, src.packed, dst.packed)
    else:
        payload += bytes(length - 40 - len(payload))
        header = struct.pack(">IHBB16s16s", 6 << 28, length - 40, protocol, 64, src.packed, dst.packed)
    return header + payload


def capture(packets, link=101):
    """A pcap file of (seconds, bytes) pairs; raw IP unless told otherwise."""
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link)
    for time, data in packets:
        seconds, micros = int(time), round(time % 1 * 1e6)
        out += struct.pack("<IIII", seconds, micros, len(data), len(data)) + data
    return out


def spread(start, end, sizes, make):
    """Packets of these sizes, the first at `start`, the last at `end`."""
    count = len(sizes)
    step = (end - start) / (count - 1) if count > 1 else 0
    times = [start + int(i * step) for i in range(count - 1)] + [end if count > 1 else start]
    return [(time, make(size, i)) for i, (time, size) in enumerate(zip(times, sizes))]


def sizes(count, total):
    """`count` sizes that sum to `total`."""
    each = total // count
    return [each] * (count - 1) + [total - each * (count - 1)]


ALL4 = {"CidrIp": "0.0.0.0/0"}


def permission(protocol="-1", ports=None, cidr="0.0.0.0/0"):
    rule = {"IpProtocol": protocol}
    if ports is not None:
        rule["FromPort"], rule["ToPort"] = ports
    key, inner = ("Ipv6Ranges", "CidrIpv6") if ":" in cidr else ("IpRanges", "CidrIp")
    rule[key] = [{inner: cidr}]
    return rule


def entry(number, action="allow", egress=False, cidr="0.0.0.0/0", protocol="-1", ports=None, icmp=None):
    rule = {"RuleNumber": number, "RuleAction": action, "Egress": egress, "Protocol": protocol}
    rule["Ipv6CidrBlock" if ":" in cidr else "CidrBlock"] = cidr
    if ports:
        rule["PortRange"] = {"From": ports[0], "To": ports[1]}
    if icmp:
        rule["IcmpTypeCode"] = {"Type": icmp[0], "Code": icmp[1]}
    return rule


OPEN_ACL = [entry(100), entry(101, cidr="::/0"), entry(100, egress=True), entry(101, egress=True, cidr="::/0")]
OPEN_GROUP = [permission(), permission(cidr="::/0")]


def description(address, vpc, subnet=None, ipv6=None, ingress=OPEN_GROUP, egress=OPEN_GROUP, acl=OPEN_ACL,
                eni="eni-1235b8ca123456789", account="123456789010", instance="i-01234567890123456", more=()):
    """A network of one interface; `more` are further (eni, address) in its subnet, with its group."""
    blocks6 = [{"Ipv6CidrBlock": str(ipaddress.ip_network(ipv6 + "/64", strict=False))}] if ipv6 else []

    def interface(eni_id, ipv4, addresses6, instance_id):
        out = {"NetworkInterfaceId": eni_id, "OwnerId": account, "SubnetId": "subnet-aaaaaaaa012345678",
               "PrivateIpAddresses": [{"PrivateIpAddress": ipv4, "Primary": True}],
               "Ipv6Addresses": addresses6, "Groups": [{"GroupId": "sg-1"}]}
        if instance_id:
            out["Attachment"] = {"InstanceId": instance_id, "InstanceOwnerId": account}
        return out

    return {
        "Vpcs": [{"VpcId": "vpc-abcdefab012345678", "OwnerId": account, "CidrBlock": vpc,
                  "Ipv6CidrBlockAssociationSet": blocks6}],
        "Subnets": [{"SubnetId": "subnet-aaaaaaaa012345678", "VpcId": "vpc-abcdefab012345678",
                     "CidrBlock": subnet or vpc, "AvailabilityZone": "us-east-1a",
                     "AvailabilityZoneId": "use1-az1", "Ipv6CidrBlockAssociationSet": blocks6}],
        "NetworkInterfaces": [interface(eni, address, [{"Ipv6Address": ipv6}] if ipv6 else [], instance)]
        + [interface(other, ipv4, [], None) for other, ipv4 in more],
        "SecurityGroups": [{"GroupId": "sg-1", "VpcId": "vpc-abcdefab012345678",
                            "IpPermissions": list(ingress), "IpPermissionsEgress": list(egress)}],
        "NetworkAcls": [{"NetworkAclId": "acl-1", "VpcId": "vpc-abcdefab012345678", "IsDefault": True,
                         "Entries": list(acl)}],
    }


def write(folder, packets, network, link=101):
    """Writes both into the folder and returns the options that name them."""
    (folder / "capture.pcap").write_bytes(capture(packets, link))
    (folder / "vpc.json").write_text(json.dumps(network))
    return ["--read", folder / "capture.pcap", "--vpc", folder / "vpc.json"]
