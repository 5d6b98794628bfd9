#!/usr/bin/env bash
# demo/capture.sh [FOLDER]: makes FOLDER/three-hosts.pcap (default: demo/) anew, of the hosts of
# demo/hosts.sh.
#
# Each host's interface is captured outwards only, so that every packet is in the capture once, where it
# was sent. The router drops what demo/vpc.json refuses, so that refused connections are tried again, as
# in real life.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(realpath "${1:-demo}")
work=$(mktemp -d)
source demo/hosts.sh
need nft tcpdump
trap 'remove_hosts; rm -rf "$work"' EXIT
build_hosts

on router nft -f - <<'NFT'
table inet vpc {
  chain forward {
    type filter hook forward priority 0;
    iifname "client" tcp dport { 22, 23 } drop   # group of web; ACL of subnet a, rule 90
    iifname "client" meta l4proto { icmp, ipv6-icmp } drop
    iifname "db" tcp sport 9000 drop             # ACL of subnet b: no ephemeral ports for web
    iifname "db" oifname "client" drop           # group of db: nothing outside the VPC
  }
}
NFT

captures=()
for host in web app db client; do
  on "$host" tcpdump -i eth0 -Q out --immediate-mode -U -s 0 -Z root -w "$work/$host.pcap" \
    2>"$work/$host.log" &
  captures+=($!)
done

for host in web app db client; do wait_for grep -q listening "$work/$host.log"; done

start_servers
talk

kill "${captures[@]}"
for capture in "${captures[@]}"; do wait "$capture" || true; done
demo/merge.py "$work"/{web,app,db,client}.pcap >"$work/three-hosts.pcap"

# Each kind of traffic must be there, or the demo shows less than it says.
check() { # TEXT FILTER
  local count
  count=$(tcpdump -nr "$work/three-hosts.pcap" "$2" 2>/dev/null | wc -l)
  printf '%6d packets: %s\n' "$count" "$1"
  [[ $count -gt 0 ]] || { echo "no packet of: $1" >&2; exit 1; }
}
check "HTTP from outside" "tcp port 80 and host 203.0.113.10"
check "HTTP by IPv6" "ip6 and tcp port 80"
check "a closed port" "tcp[tcpflags] & tcp-rst != 0 and port 5432"
check "replies that the ACL refuses" "tcp src port 9000"
check "SSH that the group refuses" "tcp dst port 22"
check "telnet that the ACL refuses" "tcp dst port 23"
check "DNS" "udp port 53"
check "ping" "icmp"
check "ping by IPv6" "icmp6 and ip6[40] == 128"
check "fragments" "ip[6:2] & 0x1fff != 0"
mv "$work/three-hosts.pcap" "$out/three-hosts.pcap"
echo "$out/three-hosts.pcap: $(stat -c %s "$out/three-hosts.pcap") bytes"
