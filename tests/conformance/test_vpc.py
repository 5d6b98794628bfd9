"""`weir vpc` on what the AWS CLI prints of a real account, file by file."""

import json

from network import SYN, TCP, capture, description, packet, permission

ADDRESS = "10.0.0.9"


def account(folder, ingress):
    """A folder with an output in each file."""
    for kind, objects in description(ADDRESS, "10.0.0.0/16", ingress=ingress).items():
        (folder / f"{kind}.json").write_text(json.dumps({kind: objects}))
    return folder


def actions(weir, folder, *sources):
    """What happens to a SYN from each of them, by record."""
    (folder / "capture").write_bytes(capture(
        [(1700000000, packet(source, ADDRESS, TCP, 60, 1000, 443, SYN)) for source in sources]))
    done = weir("record", "--read", folder / "capture", "--vpc", folder, "--output", "csv", "--log-format",
                "${srcaddr} ${action}")
    return dict(row.split(",") for row in done.stdout.splitlines()[1:])


def test_managed_prefix_lists_and_their_entries(weir, tmp_path):
    folder = account(tmp_path, [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [],
                                 "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": [{"PrefixListId": "pl-0123abcd"}]}])
    (folder / "lists.json").write_text(json.dumps({"PrefixLists": [
        {"PrefixListId": "pl-0123abcd", "AddressFamily": "IPv4", "State": "create-complete", "MaxEntries": 5,
         "PrefixListArn": "arn:aws:ec2:us-east-1:123456789010:prefix-list/pl-0123abcd", "PrefixListName": "office",
         "Version": 1, "Tags": [], "OwnerId": "123456789010"}]}))
    entries = json.dumps({"Entries": [{"Cidr": "203.0.113.0/24", "Description": "Tokyo"}]})
    said = weir("vpc", "check", folder, status=1).stderr
    assert "the entries of pl-0123abcd are not described; save what `aws ec2 get-managed-prefix-list-entries" in said
    (folder / "entries.json").write_text(entries)
    assert "Entries: do not tell of which prefix list they are; name the file by it" in weir(
        "vpc", "check", folder, status=1).stderr
    (folder / "entries.json").rename(folder / "pl-0123abcd.json")
    assert "1 prefix list\n" in weir("vpc", "check", folder).stdout
    assert actions(weir, folder, "203.0.113.1", "192.0.2.1") == {"203.0.113.1": "ACCEPT", "192.0.2.1": "REJECT"}


def test_a_group_of_a_peer_is_noted_and_matches_nobody(weir, tmp_path):
    folder = account(tmp_path, [permission("tcp", (443, 443), "203.0.113.0/24") | {"UserIdGroupPairs": [
        {"GroupId": "sg-0fedcba9876543210", "UserId": "210987654321", "VpcId": "vpc-0fedcba9876543210",
         "VpcPeeringConnectionId": "pcx-0123456789abcdef0", "PeeringStatus": "active"}]}])
    done = weir("vpc", "check", folder)
    assert "is sound" in done.stdout
    assert done.stderr == ("weir: note: sg-1: rule 2 allows sg-0fedcba9876543210, a group of another VPC or account that "
                           "is not described: it matches nobody\n")
    assert "sg-0fedcba9876543210" in weir("vpc", "show", folder).stdout
    assert actions(weir, folder, "203.0.113.1", "172.31.0.1") == {"203.0.113.1": "ACCEPT", "172.31.0.1": "REJECT"}
