#!/usr/bin/env bash
# tests/integration/up_test.sh: real programs talk in network namespaces (demo/hosts.sh) while `weir up`
# records them and tcpdump counts: every record has tcpdump's packets and bytes, nothing is left out, and
# the verdicts are those of `weir record` on tcpdump's captures. $WEIR is the program.
#
# The hosts live with mounts and processes of their own, and vanish with them.
set -euo pipefail
cd "$(dirname "$0")/../.."
private=(unshare --mount --pid --fork --kill-child --mount-proc)

if [[ ${1:-} != inside ]]; then
  refused=$("${private[@]}" true 2>&1) || { echo "network namespaces need root: $refused"; exit 77; }
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  "${private[@]}" sh -c 'mount -t tmpfs tmpfs /run && exec "$0" inside "$1"' "$0" "$work"
  exit
fi

work=$2
weir=$(realpath "${WEIR:-build/weir}")
source demo/hosts.sh
need tcpdump nft
build_hosts
start_servers

fields='${interface-id} ${flow-direction} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${action} ${log-status} ${weir-reject-cause} ${weir-network-acl-rule} ${weir-security-group-rule}'
# Two interfaces more: one whose device is not there, one of another host.
python3 - "$work/vpc.json" <<'PY'
import copy, json, sys
network = json.load(open("demo/vpc.json"))
for number, tags in ((1, [("weir:device", "eth9")]), (2, [])):
    other = copy.deepcopy(network["NetworkInterfaces"][0])
    other["NetworkInterfaceId"] = f"eni-0c{number:015x}"
    other["PrivateIpAddress"] = f"10.20.1.{100 + number}"
    other["PrivateIpAddresses"] = [{"Primary": True, "PrivateIpAddress": other["PrivateIpAddress"]}]
    other["Ipv6Addresses"] = []
    other["TagSet"] = [{"Key": key, "Value": value} for key, value in tags]
    network["NetworkInterfaces"].append(other)
json.dump(network, open(sys.argv[1], "w"))
PY
vpc=$(python3 -c 'import json; print(json.load(open("demo/vpc.json"))["Vpcs"][0]["VpcId"])')
cat >"$work/weir.toml" <<TOML
vpc = "vpc.json"
[[flow-log]]
resource-type = "VPC"
resource-ids = ["$vpc"]
max-aggregation-interval = 60
log-format = "$fields"
log-destination = "logs"
[[flow-log]]
resource-type = "NetworkInterface"
resource-ids = ["eni-0a10000000000010a"]
traffic-type = "REJECT"
max-aggregation-interval = 60
log-format = "$fields"
log-destination = "rejects"
TOML
for wrong in 's/"eni-0a1[^"]*"/"eni-0c0000000000002"/' 's/"eni-0a1[^"]*"/"eni-typo"/' 's/"vpc-[^"]*"/"vpc-typo"/'; do
  sed "$wrong" "$work/weir.toml" >"$work/wrong.toml"
  status=0
  "$weir" up --config "$work/wrong.toml" 2>"$work/wrong.log" || status=$?
  [[ $status == 1 ]] && grep -q 'has no interface with a device' "$work/wrong.log" || {
    echo "$wrong: status $status"
    cat "$work/wrong.log"
    exit 1
  }
done
"$weir" up --config "$work/weir.toml" --publish-interval 1 2>"$work/up.log" &
up=$!
for interface in eni-0a10000000000010a eni-0a20000000000020a eni-0b30000000000030b; do
  wait_for grep -q "$interface is recorded" "$work/up.log" || {
    # Where the kernel does not permit it, the program says so and ends.
    cat "$work/up.log"
    kill -0 "$up" 2>/dev/null && exit 1
    exit 77
  }
done

# What was on the way before tcpdump came is in no capture, so it counts from here on.
captures=() recorded=(web app db)
for host in "${recorded[@]}"; do
  # Not by `on`: its process, not that of a shell around it, is to be told to end.
  ip netns exec "weir-demo-$host" tcpdump -i eth0 --immediate-mode -U -s 0 -Z root -w "$work/$host.pcap" 2>"$work/$host.log" &
  captures+=($!)
done
for host in web app db; do wait_for grep -q listening "$work/$host.log"; done
# What is read again, or is wrong and is not, costs no packet: tcpdump counts.
talk &
talk=$!
kill -HUP "$up"
wait_for grep -q 'has been read again' "$work/up.log"
cp "$work/wrong.toml" "$work/weir.toml"
kill -HUP "$up"
wait_for grep -q 'nothing was changed: .* has no interface with a device' "$work/up.log"
wait "$talk"
# It still publishes as often as its command line says, for all that the file was read again.
touch "$work/reloaded"
on web ping -qc 1 10.20.1.20 >/dev/null
is_published() { [[ -n $(find "$work/logs" -name '*.log.gz' -newer "$work/reloaded") ]]; }
wait_for is_published
# From here on nobody sends (a server's last FIN comes late), and tcpdump has written what it was given:
# it and weir end with the same packets.
for host in router web app db client; do
  on "$host" nft 'table inet end { chain sent { type filter hook output priority -500; policy drop; }; }'
done
has_written_all() {
  kill -USR1 "$1" && tail -n 1 "$2" | awk '{ exit !($2 == $5 && $2 > 0) }'
}
for i in "${!captures[@]}"; do wait_for has_written_all "${captures[i]}" "$work/${recorded[i]}.log"; done
kill "${captures[@]}"
for capture in "${captures[@]}"; do wait "$capture" || true; done
kill "$up"
wait "$up" || { echo "weir up ended with $?"; cat "$work/up.log"; exit 1; }

lines_of() { find "$work/$1" -name '*.log.gz' -exec gzip -dc {} + | grep -v '^interface-id ' | sort; }
lines_of logs >"$work/lines"
awk '$11 == "OK"' "$work/lines" >"$work/records"
failures=0
same() { # WHAT EXPECTED GOT
  [[ $2 == "$3" ]] && return
  printf '%s:\n  expected %s\n  got      %s\n' "$1" "$2" "$3"
  failures=$((failures + 1))
}
counted() { # HOST FILTER: "N packets of N bytes", without the Ethernet header
  tcpdump -enr "$work/$1.pcap" "$2" 2>/dev/null | awk '
    match($0, /, length [0-9]+: /) { n++; sum += substr($0, RSTART + 9, RLENGTH - 11) - 14 }
    END { printf "%d packets of %d bytes\n", n, sum }'
}

# Several records of one flow, of several windows and publications, are one here.
awk '{ key = $1 " " $2 " " $3 " " $4 " " $5 " " $6 " " $7; n[key] += $8; sum[key] += $9 }
  END { for (key in n) print key, n[key], sum[key] }' "$work/records" | sort >"$work/flows"
declare -A hosts=([eni-0a10000000000010a]=web [eni-0a20000000000020a]=app [eni-0b30000000000030b]=db)
declare -A names=([6]=tcp [17]=udp [1]=icmp [58]=icmp6)
while read -r interface direction src dst sport dport protocol packets bytes; do
  host=${hosts[$interface]}
  filter="${names[$protocol]} and src host $src and dst host $dst"
  ((sport == 0)) || filter+=" and src port $sport and dst port $dport"
  # Router and neighbour discovery are never logged.
  [[ $protocol != 58 ]] || filter+=" and (ip6[40] = 128 or ip6[40] = 129)"
  same "$host $direction $src $sport $dst $dport" "$(counted "$host" "$filter")" \
    "$packets packets of $bytes bytes"
done <"$work/flows"

# And the other way round: as many packets in all.
logged='(ip or ip6) and not (icmp6 and ip6[40] >= 133 and ip6[40] <= 136) and not ip6 multicast'
for interface in "${!hosts[@]}"; do
  host=${hosts[$interface]}
  same "$host, in all" "$(tcpdump -nr "$work/$host.pcap" "$logged" 2>/dev/null | wc -l)" \
    "$(awk -v interface="$interface" '$1 == interface { n += $8 } END { print n + 0 }' "$work/flows")"
done

# The verdicts, by what the kernel never saw.
verdicts() { awk '$11 == "OK" { print $1, $2, $3, $4, $5, $6, $7, $10, $12, $13, $14 }' | sort -u; }
for interface in "${!hosts[@]}"; do
  "$weir" record --read "$work/${hosts[$interface]}.pcap" --vpc "$work/vpc.json" --interface "$interface" \
    --log-format "$fields" --log-destination "$work/replayed" 2>>"$work/up.log"
done
same "verdicts" "$(find "$work/replayed" -name '*.log.gz' -exec gzip -dc {} + | verdicts)" \
  "$(verdicts <"$work/records")"
refused=$(verdicts <"$work/records" | grep -c REJECT)
((refused >= 7)) || same "kinds of refusal" "7" "$refused"

same "the flow log of web's REJECT" "$(awk '/^eni-0a1/ && $10 == "REJECT"' "$work/records")" \
  "$(lines_of rejects | awk '$11 == "OK"')"
same "an interface whose device is not there" "SKIPDATA" \
  "$(awk '$1 == "eni-0c000000000000001" { print $11 }' "$work/lines" | sort -u)"
same "an interface of another host" "" "$(grep eni-0c000000000000002 "$work/lines" || true)"

if ((failures)); then
  cat "$work/up.log" "$work/flows"
  echo "$failures comparisons with tcpdump failed"
  exit 1
fi
echo "$(wc -l <"$work/flows") flows, $refused of them refused: as tcpdump counts them and replay judges them"
