"""`weir explain`, `what-if` and `unused-rules` against what `weir record` knows, in random networks."""

import collections
import copy
import csv
import io
import json
import random
import re
import shlex

import pytest
import worlds
from network import ACK, ICMP, SYN, TCP, description, entry, packet, permission, spread, write

KEY = ["interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol"]
V5 = ("${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} "
      "${bytes} ${start} ${end} ${action} ${log-status} ${vpc-id} ${subnet-id} ${tcp-flags} ${flow-direction}")
Scene = collections.namedtuple("Scene", "files description folder")


def recorded(weir, files, *options):
    """The records that `weir record` prints, as dictionaries."""
    done = weir("record", *files, "--output", "csv", "--log-format", "all", *options)
    return list(csv.DictReader(io.StringIO(done.stdout)))


def make_scene(weir, folder, seed, count=60):
    """A random network whose hosts have talked."""
    world = worlds.World(random.Random(seed))
    network = world.description()

    def arrived(packets):
        got = set()
        for record in recorded(weir, worlds.write(folder, packets, network)):
            is_last = record["flow-direction"] == "ingress" or record["pkt-dstaddr"] not in world.addresses
            if record["action"] == "ACCEPT" and is_last:
                got.add(tuple(record[field] for field in KEY[1:]))
        return got

    packets = worlds.play(world.conversations(count), arrived)
    return Scene(worlds.write(folder, packets, network), network, folder)


@pytest.fixture(scope="session")
def scenes(weir, tmp_path_factory):
    """A few random networks with their traffic."""
    return [make_scene(weir, tmp_path_factory.mktemp(f"scene-{seed}"), seed) for seed in range(20)]


def key_of(record, interval):
    """The flow and the window of a record or of an element."""
    return tuple(str(record[field]) for field in KEY) + (int(record["start"]) // interval,)


def with_hyphens(element):
    return {name.replace("_", "-"): value for name, value in element.items()}


def explained(weir, logs, interval, *options):
    """What `weir explain` says, by flow and window."""
    elements = map(with_hyphens, json.loads(weir("explain", "--from", logs, "--output", "json", *options).stdout))
    out = {key_of(element, interval): element for element in elements}
    return dict(out)


@pytest.mark.parametrize("log_format", ["default", V5], ids=["version 2", "version 5"])
@pytest.mark.parametrize("interval", [60, 600])
def test_evaluated_is_right_and_inferred_almost_always(weir, scenes, tmp_path, log_format, interval):
    decided, undecided, wrong = collections.Counter(), collections.Counter(), collections.defaultdict(list)
    for number, scene in enumerate(scenes):
        truth = collections.defaultdict(set)
        for record in recorded(weir, scene.files, "--max-aggregation-interval", interval):
            if record["action"] == "REJECT":
                truth[key_of(record, interval)].add(record["weir-reject-cause"])
        logs = tmp_path / str(number)
        weir("record", *scene.files, "--log-destination", logs, "--log-format", log_format,
             "--max-aggregation-interval", interval)
        for certainty, options in (("evaluated", ["--vpc", scene.folder / "vpc.json"]), ("inferred", [])):
            elements = explained(weir, logs, interval, *options)
            assert elements.keys() == truth.keys()
            for key, element in elements.items():
                assert element["certainty"] == certainty, element
                if element["cause"] == "SECURITY_GROUP_OR_NETWORK_ACL":
                    undecided[certainty] += 1
                    continue
                decided[certainty, element["cause"]] += 1
                if element["cause"] not in truth[key]:
                    wrong[certainty].append((number, truth[key], element))
    figures = f"decided {dict(decided)}, undecided {dict(undecided)}"
    print(figures)
    assert not wrong["evaluated"] and not undecided["evaluated"]
    all_inferred = sum(count for (certainty, _), count in decided.items() if certainty == "inferred")
    assert 100 * len(wrong["inferred"]) <= all_inferred, wrong["inferred"]
    # It must not be right by saying nothing, nor because nothing happens in these networks.
    for cause in ("SECURITY_GROUP", "NETWORK_ACL", "CONNECTION_CLOSED"):
        assert decided["evaluated", cause] and decided["inferred", cause], figures


def test_our_own_fields_are_taken_at_their_word(weir, scenes, tmp_path):
    for number, scene in enumerate(scenes):
        logs = tmp_path / str(number)
        weir("record", *scene.files, "--log-destination", logs, "--log-format", "all")
        refused = [r for r in recorded(weir, scene.files) if r["action"] == "REJECT"]
        told = collections.Counter((*(record[field] for field in KEY), record["start"], record["weir-reject-cause"],
                                    record["weir-network-acl-rule"] if record["weir-reject-cause"] == "NETWORK_ACL"
                                    else record["weir-security-group-rule"]) for record in refused)
        elements = map(with_hyphens, json.loads(weir("explain", "--from", logs, "--output", "json").stdout))
        got = collections.Counter()
        for element in elements:
            assert element["certainty"] == "recorded"
            got[(*(str(element[field]) for field in KEY), str(element["start"]), element["cause"], element["rule"])] += 1
        assert got == told


def apply_fix(network, fix):
    """Does to the description what the commands do to AWS."""
    for command in fix.split(" && "):
        words = shlex.split(command)
        assert words[:2] == ["aws", "ec2"]
        options = dict(zip(words[3::1], words[4::1] + [""]))
        if words[2].startswith("authorize-security-group-"):
            group = next(g for g in network["SecurityGroups"] if g["GroupId"] == options["--group-id"])
            parts = re.fullmatch(r"IpProtocol=(.+),FromPort=(-?\d+),ToPort=(-?\d+),IpRanges=\[\{CidrIp=(.+)\}\]",
                                 options["--ip-permissions"])
            kind = "IpPermissions" if words[2].endswith("ingress") else "IpPermissionsEgress"
            group[kind].append({"IpProtocol": parts[1], "FromPort": int(parts[2]), "ToPort": int(parts[3]),
                                "IpRanges": [{"CidrIp": parts[4]}]})
            continue
        verb = re.fullmatch("(create|replace)-network-acl-entry", words[2])[1]
        acl = next(a for a in network["NetworkAcls"] if a["NetworkAclId"] == options["--network-acl-id"])
        egress, number = "--egress" in words, int(options["--rule-number"])
        there = [e for e in acl["Entries"] if e["Egress"] == egress and e["RuleNumber"] == number]
        assert len(there) == (verb == "replace"), "the number is in use"
        for old in there:
            acl["Entries"].remove(old)
        ports = re.fullmatch(r"From=(\d+),To=(\d+)", options.get("--port-range", ""))
        acl["Entries"].append(entry(number, options["--rule-action"], egress, options["--cidr-block"],
                                    options["--protocol"], (int(ports[1]), int(ports[2])) if ports else None,
                                    (-1, -1) if "--icmp-type-code" in options else None))
    return network


def test_the_fix_lets_the_flow_through(weir, scenes, tmp_path):
    tried = collections.Counter()
    for number, scene in enumerate(scenes[:10]):
        logs = tmp_path / str(number)
        weir("record", *scene.files, "--log-destination", logs)
        elements = explained(weir, logs, 600, "--vpc", scene.folder / "vpc.json")
        source = random.Random(number)
        for key in source.sample(sorted(elements), min(8, len(elements))):
            element = elements[key]
            if element["cause"] == "CONNECTION_CLOSED":
                assert element["fix"] is None
                continue
            assert element["fix"], element
            mended = apply_fix(copy.deepcopy(scene.description), element["fix"])
            (tmp_path / "vpc.json").write_text(json.dumps(mended))
            files = [*scene.files[:2], "--vpc", tmp_path / "vpc.json"]
            after = [r for r in recorded(weir, files) if key_of(r, 600) == key and r["action"] == "REJECT"]
            # A packet after the close stays one.
            assert not [r for r in after if r["weir-reject-cause"] != "CONNECTION_CLOSED"], (element, after)
            tried[element["cause"], " && " in element["fix"]] += 1
    assert len(tried) > 2, tried


def actions(weir, files):
    """What became of each flow in each window."""
    out = collections.defaultdict(set)
    for record in recorded(weir, files):
        if record["log-status"] == "OK":
            out[key_of(record, 600)].add(record["action"])
    return dict(out)


def reverse(key):
    interface, src, dst, srcport, dstport, *rest = key
    return interface, dst, src, dstport, srcport, *rest


def test_what_if_foretells_what_would_be_recorded(weir, scenes, tmp_path):
    changes = collections.Counter()
    for number, (scene, other) in enumerate(zip(scenes, scenes[1:])):
        logs = tmp_path / str(number)
        weir("record", *scene.files, "--log-destination", logs)
        proposed = copy.deepcopy(scene.description)
        proposed[("SecurityGroups", "NetworkAcls")[number % 2]] = other.description[
            ("SecurityGroups", "NetworkAcls")[number % 2]]
        (tmp_path / "proposed.json").write_text(json.dumps(proposed))
        now, then = actions(weir, scene.files), actions(weir, [*scene.files[:2], "--vpc", tmp_path / "proposed.json"])
        # What a sender's rules stop never reaches the receiver: only flows that both have are compared. Flows that
        # are let through in part, and pings, of which records do not tell who began, are left out.
        plain = {key for key in now.keys() & then.keys() if len(now[key]) == len(then[key]) == 1 and key[5] != "1"}
        # The hosts of this capture answer what the proposed rules would stop. Real ones would not.
        requests = [key for key in now if int(key[3]) >= 32768]
        cut_off = {key[:6] for key in requests if now[key] == {"ACCEPT"} and "REJECT" in then.get(key, ())
                   and key[6] == min(other[6] for other in requests if other[:6] == key[:6])}
        unknown = cut_off | {key[:6] for key in requests if key not in then}
        plain = {key for key in plain if not unknown & {key[:6], reverse(key)[:6]}}
        expected = {key: now[key] for key in plain if now[key] != then[key]}
        expected |= {key: {"ACCEPT"} for key in now
                     if now[key] == {"ACCEPT"} and cut_off & {key[:6], reverse(key)[:6]}}
        plain |= expected.keys()
        status = 4 if any(a == {"ACCEPT"} for a in expected.values()) else None
        done = weir("what-if", "--from", logs, "--vpc", scene.folder / "vpc.json", "--proposed",
                    tmp_path / "proposed.json", "--output", "json", status=(0, 4) if status is None else status)
        got = {}
        for change in map(with_hyphens, json.loads(done.stdout)):
            if key_of(change, 600) in plain:
                got[key_of(change, 600)] = {change["change"].split(" to ")[0]}
        assert got == expected
        assert "do not explain" not in done.stderr
        changes.update(next(iter(a)) for a in expected.values())
    assert min(changes["ACCEPT"], changes["REJECT"]) > 20, changes


def test_what_if_nothing_changes_ends_with_0(weir, scenes, tmp_path):
    weir("record", *scenes[0].files, "--log-destination", tmp_path / "logs")
    same = scenes[0].folder / "vpc.json"
    done = weir("what-if", "--from", tmp_path / "logs", "--vpc", same, "--proposed", same, "--output", "json")
    assert json.loads(done.stdout) == []


def without(network, unused):
    """The description without these rules."""
    for group in network["SecurityGroups"]:
        for direction, kind in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
            group[kind] = [rule for place, rule in enumerate(group[kind], 1)
                           if (direction, group["GroupId"], str(place)) not in unused]
    for acl in network["NetworkAcls"]:
        acl["Entries"] = [e for e in acl["Entries"] if (
            "egress" if e["Egress"] else "ingress", acl["NetworkAclId"], str(e["RuleNumber"])) not in unused]
    return network


def test_without_the_unused_rules_nothing_changes(weir, scenes, tmp_path):
    removed = 0
    for number, scene in enumerate(scenes):
        logs = tmp_path / str(number)
        weir("record", *scene.files, "--log-destination", logs)
        done = weir("unused-rules", "--from", logs, "--vpc", scene.folder / "vpc.json", "--output", "json")
        unused = {(row["direction"], row["owner"], row["rule"]) for row in json.loads(done.stdout)}
        assert re.search(r"This covers \d+ records from 2026-\S+Z to 2026-\S+Z", done.stderr)
        (tmp_path / "fewer.json").write_text(json.dumps(without(copy.deepcopy(scene.description), unused)))
        assert actions(weir, scene.files) == actions(weir, [*scene.files[:2], "--vpc", tmp_path / "fewer.json"])
        removed += len(unused)
    assert removed > 20


def element_of(weir, *lines, options=()):
    done = weir("explain", "--from", "-", "--output", "json", *options, stdin="\n".join(lines) + "\n")
    return json.loads(done.stdout)


def test_awss_ping_whose_reply_was_refused(weir):
    (element,) = element_of(
        weir, "2 123456789010 eni-1235b8ca123456789 203.0.113.12 172.31.16.139 0 0 1 4 336 1432917027 1432917142 ACCEPT OK",
        "2 123456789010 eni-1235b8ca123456789 172.31.16.139 203.0.113.12 0 0 1 4 336 1432917094 1432917142 REJECT OK")
    assert (element["cause"], element["certainty"]) == ("NETWORK_ACL", "inferred")
    assert [line.split()[-2] for line in element["evidence"]] == ["REJECT", "ACCEPT"]


def test_the_seed_articles_pair_with_its_blackened_addresses(weir):
    (element,) = element_of(
        weir, "2 123456789012 eni-00a0a00a000000a00 xx.xx.xx.xx xx.xx.xx.xx 49816 443 6 2 104 1746057681 1746057701 ACCEPT OK",
        "2 123456789012 eni-00a0a00a000000a00 xx.xx.xx.xx xx.xx.xx.xx 443 49816 6 2 128 1746057681 1746057701 REJECT OK")
    assert element["cause"] == "NETWORK_ACL" and element["fix"] is None and element["rule"] is None


def test_a_lone_refused_request_stays_undecided(weir):
    (element,) = element_of(
        weir, "2 123456789012 eni-00a0a00a000000a00 203.0.113.5 10.0.0.5 53455 9330 6 1 44 1746057586 1746057611 REJECT OK")
    assert element["cause"] == "SECURITY_GROUP_OR_NETWORK_ACL" and element["certainty"] == "inferred"


def test_a_reset_after_the_close_is_no_acls_doing(weir):
    header = ("version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
              "log-status tcp-flags")
    line = "5 123456789012 eni-1 {} 6 5 500 {} {} {} OK {}"
    there, back = "10.0.0.5 198.51.100.9 40000 443", "198.51.100.9 10.0.0.5 443 40000"
    (element,) = element_of(weir, header, line.format(there, 1000, 1010, "ACCEPT", 3),
                            line.format(back, 1000, 1010, "ACCEPT", 19), line.format(back, 1030, 1030, "REJECT", 4))
    assert element["cause"] == "CONNECTION_CLOSED"
    assert "there is nothing to mend" in element["because"]


def test_within_a_subnet_no_acl_is_asked(weir):
    header = ("version interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status "
              "subnet-id flow-direction")
    line = "5 {} 10.0.0.5 10.0.0.6 40000 22 6 3 180 1000 1010 {} OK {} {}"
    (element,) = element_of(weir, header, line.format("eni-1", "ACCEPT", "subnet-1", "egress"),
                            line.format("eni-2", "REJECT", "subnet-1", "ingress"))
    assert element["cause"] == "SECURITY_GROUP"
    (element,) = element_of(weir, header, line.format("eni-1", "ACCEPT", "subnet-1", "egress"),
                            line.format("eni-2", "REJECT", "subnet-2", "ingress"))
    assert element["cause"] == "SECURITY_GROUP_OR_NETWORK_ACL"


def closed_reply(tmp_path):
    """A web server whose ACL has no rule for its replies."""
    network = description("10.0.0.9", "10.0.0.0/16", ingress=[permission("tcp", (80, 80))], egress=[],
                          acl=[entry(100), entry(100, "deny", True, "203.0.113.0/24"), entry(200, egress=True)])
    packets = spread(1700000000, 1700000003, [60, 60], lambda n, i: packet("203.0.113.7", "10.0.0.9", TCP, n, 40000, 80, SYN))
    packets += spread(1700000000.5, 1700000003.5, [60, 60],
                      lambda n, i: packet("10.0.0.9", "203.0.113.7", TCP, n, 80, 40000, SYN | ACK))
    return write(tmp_path, sorted(packets, key=lambda p: p[0]), network)


@pytest.mark.parametrize("language, words", [
    ("en", ["NETWORK_ACL (evaluated)", "rule 100 of network ACL acl-1 denies it out of the subnet", "It is a reply",
            "aws ec2 create-network-acl-entry --network-acl-id acl-1 --egress --rule-number 99 --protocol 6 "
            "--port-range From=40000,To=40000 --cidr-block 203.0.113.7/32 --rule-action allow"]),
    ("ja", ["NETWORK_ACL (評価)", "ネットワーク ACL acl-1 のルール 100", "ステートレス", "許可するには"])])
def test_as_text_in_both_languages(weir, tmp_path, language, words):
    files = closed_reply(tmp_path)
    weir("record", *files, "--log-destination", tmp_path / "logs")
    text = weir("explain", "--from", tmp_path / "logs", "--vpc", tmp_path / "vpc.json", "--lang", language).stdout
    for word in words:
        assert word in text


def test_rules_that_have_changed_since_do_not_mislead(weir, tmp_path):
    files = closed_reply(tmp_path)
    weir("record", *files, "--log-destination", tmp_path / "logs")
    opened = json.loads((tmp_path / "vpc.json").read_text())
    opened["NetworkAcls"][0]["Entries"] = [entry(100), entry(100, egress=True)]
    (tmp_path / "opened.json").write_text(json.dumps(opened))
    done = weir("explain", "--from", tmp_path / "logs", "--vpc", tmp_path / "opened.json", "--output", "json")
    (element,) = json.loads(done.stdout)
    assert element["certainty"] == "inferred" and element["cause"] == "NETWORK_ACL" and element["fix"] is None
    assert "would let it through: they were probably changed since" in element["because"]


def test_rules_that_refuse_what_was_accepted_are_not_asked(weir, tmp_path):
    """The request was accepted, so a description that lets nothing out is not that of its time."""
    network = description("10.0.0.9", "10.0.0.0/16", ingress=[], egress=[], acl=[entry(100), entry(100, egress=True)])
    (tmp_path / "vpc.json").write_text(json.dumps(network))
    interface = network["NetworkInterfaces"][0]["NetworkInterfaceId"]
    line = f"2 123456789012 {interface} {{}} 6 3 180 1000 1010 {{}} OK"
    (element,) = element_of(weir, line.format("10.0.0.9 198.51.100.9 50000 443", "ACCEPT"),
                            line.format("198.51.100.9 10.0.0.9 443 50000", "REJECT"), options=("--vpc", tmp_path / "vpc.json"))
    assert (element["cause"], element["certainty"], element["fix"]) == ("NETWORK_ACL", "inferred", None)
    assert "would also refuse what was accepted" in element["because"]


def test_an_interface_that_the_description_lacks_is_said(weir, tmp_path):
    network = description("10.0.0.9", "10.0.0.0/16", ingress=[], egress=[], acl=[])
    (tmp_path / "vpc.json").write_text(json.dumps(network))
    (element,) = element_of(weir, "2 1 eni-other 203.0.113.5 10.0.0.5 53455 9330 6 1 44 1746057586 1746057611 REJECT OK",
                            options=("--vpc", tmp_path / "vpc.json"))
    assert element["certainty"] == "inferred" and "lacks this interface" in element["because"]


@pytest.mark.parametrize("reason, cause, words", [("BPA", "BPA", "VPC Block Public Access refuses it"),
                                                  ("EC", "EC", "encryption controls refuse")])
def test_what_no_rule_refuses_has_awss_own_reason(weir, tmp_path, reason, cause, words):
    network = description("10.0.0.9", "10.0.0.0/16", ingress=[], egress=[], acl=[])
    (tmp_path / "vpc.json").write_text(json.dumps(network))
    interface = network["NetworkInterfaces"][0]["NetworkInterfaceId"]
    header = ("version interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action reject-reason "
              "log-status")
    line = f"8 {interface} 198.51.100.7 10.0.0.9 40001 81 6 1 - 1700000000 1700000000 REJECT {reason} OK"
    for options in ((), ("--vpc", tmp_path / "vpc.json")):
        (element,) = element_of(weir, header, line, options=options)
        assert (element["cause"], element["certainty"]) == (cause, "recorded")
        assert (element["rule"], element["fix"], element["evidence"]) == (None, None, [line])
        assert words in element["because"]


def test_records_are_quoted_as_the_log_has_them(weir):
    header = "action srcaddr brand-new-field dstaddr srcport dstport protocol start end interface-id"
    request = "ACCEPT 203.0.113.12 7up 172.31.16.139 50000 443 6 1432917027 1432917142 eni-1"
    reply = "REJECT 172.31.16.139 - 203.0.113.12 443 50000 6 1432917094 1432917142 eni-1"
    (element,) = element_of(weir, header, request, reply)  # without log-status: what has an action is a flow
    assert element["evidence"] == [reply, request] and element["cause"] == "NETWORK_ACL"


@pytest.mark.parametrize("command", [["explain"], ["what-if", "--vpc", "demo/vpc.json", "--proposed", "demo/vpc.json"],
                                     ["unused-rules", "--vpc", "demo/vpc.json"]])
def test_a_log_that_lacks_what_is_needed_is_refused(weir, command):
    logs = "srcaddr dstaddr action log-status\n10.0.0.5 10.0.0.6 REJECT OK\n"
    done = weir(*command, "--from", "-", stdin=logs, status=1)
    assert "have no interface-id, srcport, dstport, protocol, start, end" in done.stderr and done.stdout == ""


def test_nothing_is_said_to_be_accepted_when_records_were_left_out(weir):
    line = "2 1 eni-1 10.0.0.5 10.0.0.6 - 2 6 1 40 1000 1010 REJECT OK\n"
    done = weir("explain", "--from", "-", stdin=line)
    assert done.stdout == "" and "1 record left out" in done.stderr


def test_what_if_that_compares_nothing_fails(weir):
    line = "2 1 eni-1 10.0.0.5 10.0.0.6 1 2 6 1 40 1000 1010 REJECT OK\n"
    done = weir("what-if", "--from", "-", "--vpc", "demo/vpc.json", "--proposed", "demo/vpc.json", stdin=line, status=1)
    assert "no recorded flow could be compared" in done.stderr


@pytest.mark.parametrize("language", ["en", "ja"])
def test_no_control_character_of_a_log_reaches_the_terminal(weir, language):
    line = "2 1 eni-\x1b[31mX 10.0.0.5 10.0.0.6 1 2 6 1 40 1000 1010 REJECT OK\n"
    for form in ("text", "table"):
        text = weir("explain", "--from", "-", "--lang", language, "--output", form, stdin=line).stdout
        assert "eni-.[31mX" in text and "\x1b" not in text


def web_server_that_lets_nobody_in(tmp_path, **acl):
    network = description("10.0.0.9", "10.0.0.0/16", ingress=[], egress=[], **acl)
    packets = spread(1700000000, 1700000003, [60, 60], lambda n, i: packet("203.0.113.7", "10.0.0.9", TCP, n, 40000, 80, SYN))
    files = write(tmp_path, packets, network)
    return files


def test_a_fix_says_so_if_the_reply_would_be_refused_next(weir, tmp_path):
    files = web_server_that_lets_nobody_in(tmp_path, acl=[entry(100)])
    weir("record", *files, "--log-destination", tmp_path / "logs")
    text = weir("explain", "--from", tmp_path / "logs", "--vpc", tmp_path / "vpc.json").stdout
    assert "its reply is refused by rule * of network ACL acl-1: that needs an entry too" in text


def test_without_a_free_number_there_is_no_fix_and_that_is_said(weir, tmp_path):
    files = web_server_that_lets_nobody_in(tmp_path, acl=[entry(1, "deny"), entry(100, egress=True)])
    weir("record", *files, "--log-destination", tmp_path / "logs")
    text = weir("explain", "--from", tmp_path / "logs", "--vpc", tmp_path / "vpc.json").stdout
    assert "Every number before the rule that denies it is taken" in text and "aws ec2" not in text


def test_nothing_refused_is_said(weir):
    line = "2 123456789012 eni-1 10.0.0.5 10.0.0.6 1 2 6 1 40 1000 1010 ACCEPT OK\n"
    assert weir("explain", "--from", "-", stdin=line).stdout == "No record was refused.\n"


@pytest.mark.parametrize("command", [["explain"], ["what-if", "--proposed", "demo/vpc.json"], ["unused-rules"]])
def test_a_bad_description_is_an_error(weir, tmp_path, command):
    (tmp_path / "vpc.json").write_text('{"Vpcs": [{}]}')
    done = weir(*command, "--from", "-", "--vpc", tmp_path / "vpc.json", status=1, stdin="")
    assert "Vpcs[0]" in done.stderr
