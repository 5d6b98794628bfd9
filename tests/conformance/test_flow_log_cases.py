"""What a flow log shows of requests and replies that groups and ACLs let through or not (AWS's documentation, and
what follows from it): each case by its packets, with the rule that decided."""

import csv
import io

import pytest
from network import (ACK, FIN, OPEN_ACL, RST, SYN, TCP, description, entry, packet, permission, write)

START = 1700000400
HERE, PEER, NEIGHBOUR = "10.0.0.9", "203.0.113.7", "10.0.0.10"
NO_ACL = []
FIELDS = "flow-direction action weir-reject-cause weir-network-acl-rule weir-security-group-rule"
ACL_IN, ACL_OUT, TRACKED = "acl-1:ingress:", "acl-1:egress:", "tracked"
GROUP_IN, GROUP_OUT = "sg-1:ingress:", "sg-1:egress:"


def request(peer=PEER, to=HERE):
    return packet(peer, to, TCP, 60, 40000, 443, SYN)


def reply(peer=PEER, of=HERE):
    return packet(of, peer, TCP, 60, 443, 40000, SYN | ACK)


def rows(weir, tmp_path, packets, network, fields=FIELDS):
    """Records as lists of their fields, NODATA left out."""
    times = [(START + i, data) for i, data in enumerate(packets)]
    done = weir("record", *write(tmp_path, times, network), "--output", "csv", "--log-format",
                " ".join(f"${{{name}}}" for name in [*fields.split(), "log-status"]))
    return [row[:-1] for row in list(csv.reader(io.StringIO(done.stdout)))[1:] if row[-1] == "OK"]


def network(ingress=(permission("tcp", (443, 443)),), egress=(), acl=OPEN_ACL, **more):
    return description(HERE, "10.0.0.0/16", ingress=ingress, egress=egress, acl=acl, **more)


IN_ONLY = [entry(100)]
OUT_ONLY = [entry(100, egress=True)]
ACCEPT_IN = ["ingress", "ACCEPT", "-", ACL_IN + "100", GROUP_IN + "1"]
ACCEPT_OUT = ["egress", "ACCEPT", "-", ACL_OUT + "100", GROUP_OUT + "1"]
CASES = {
    "1 and 5: a request let in, and its reply though no rule of the group lets it out": (
        network(), [request(), reply()],
        [ACCEPT_IN, ["egress", "ACCEPT", "-", ACL_OUT + "100", TRACKED]]),
    "2: the group has no rule for the request": (
        network(ingress=[permission("tcp", (22, 22))]), [request()],
        [["ingress", "REJECT", "SECURITY_GROUP", ACL_IN + "100", GROUP_IN + "*"]]),
    "3: the ACL stops the request, and the group is not asked": (
        network(acl=OUT_ONLY), [request()],
        [["ingress", "REJECT", "NETWORK_ACL", ACL_IN + "*", "-"]]),
    "4: the ACL stops the reply": (
        network(acl=IN_ONLY), [request(), reply()],
        [ACCEPT_IN, ["egress", "REJECT", "NETWORK_ACL", ACL_OUT + "*", TRACKED]]),
    "6: the group stops a request out, and the ACL is not asked": (
        network(), [reply()],
        [["egress", "REJECT", "SECURITY_GROUP", "-", GROUP_OUT + "*"]]),
    "7: the ACL stops a request out": (
        network(egress=[permission()], acl=IN_ONLY), [reply()],
        [["egress", "REJECT", "NETWORK_ACL", ACL_OUT + "*", GROUP_OUT + "1"]]),
    "8: the ACL stops the reply to a request out": (
        network(ingress=[], egress=[permission()], acl=OUT_ONLY), [reply(), request()],
        [ACCEPT_OUT, ["ingress", "REJECT", "NETWORK_ACL", ACL_IN + "*", "-"]]),
}


@pytest.mark.parametrize("name", CASES)
def test_case(weir, tmp_path, name):
    described, packets, expected = CASES[name]
    assert rows(weir, tmp_path, packets, described) == expected


def late_packets():
    """A connection is opened, reset, and spoken to again after its closing time."""
    reset = packet(PEER, HERE, TCP, 40, 40000, 443, RST)
    late = packet(HERE, PEER, TCP, 52, 443, 40000, FIN | ACK)
    return [request(), reply(), reset] + [packet("192.0.2.1", "192.0.2.2", TCP, 40)] * 20 + [late]


def test_cases_9_and_10_a_late_packet_after_the_close_is_a_second_record_of_its_five_tuple(weir, tmp_path):
    got = rows(weir, tmp_path, late_packets(), network(), "srcaddr dstaddr srcport dstport protocol packets action "
                                                          "weir-reject-cause start")
    flow = [HERE, PEER, "443", "40000", "6", "1"]
    assert [row for row in got if row[0] == HERE] == [
        [*flow, "ACCEPT", "-", str(START + 1)], [*flow, "REJECT", "CONNECTION_CLOSED", str(START + 23)]]


def test_case_12_inside_the_subnet_the_acl_is_never_the_cause(weir, tmp_path):
    described = network(acl=NO_ACL)
    assert rows(weir, tmp_path, [request(peer=NEIGHBOUR), reply(peer=NEIGHBOUR)], described) == [
        ["ingress", "ACCEPT", "-", "-", GROUP_IN + "1"], ["egress", "ACCEPT", "-", "-", TRACKED]]
    assert rows(weir, tmp_path, [packet(NEIGHBOUR, HERE, TCP, 60, 1, 22, SYN)], described) == [
        ["ingress", "REJECT", "SECURITY_GROUP", "-", GROUP_IN + "*"]]


def test_case_13_the_senders_accept_stands_beside_the_receivers_reject(weir, tmp_path):
    described = network(ingress=[], egress=[permission()], more=[("eni-2", NEIGHBOUR)])
    got = rows(weir, tmp_path, [request(peer=NEIGHBOUR)], described, "interface-id srcaddr flow-direction action")
    assert got == [["eni-2", NEIGHBOUR, "egress", "ACCEPT"],
                   ["eni-1235b8ca123456789", NEIGHBOUR, "ingress", "REJECT"]]
