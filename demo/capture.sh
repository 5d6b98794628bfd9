#!/usr/bin/env bash
# demo/capture.sh [FOLDER]: makes FOLDER/three-hosts.pcap (default: demo/) anew.
#
# Builds a small VPC of network namespaces on this machine: three hosts in two subnets and a client
# outside, each on a link of its own to a router. Real programs talk; each host's interface is captured
# outwards only, so that every packet is in the capture once, where it was sent. The router drops what
# demo/vpc.json refuses, so that refused connections are tried again, as in real life.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(realpath "${1:-demo}")
work=$(mktemp -d)

skip() { echo "skipped: $1"; exit 77; }
[[ $(id -u) == 0 ]] || skip "network namespaces need root"
for program in ip ethtool sysctl nft tcpdump dnsmasq dig curl ping python3; do
  command -v "$program" >/dev/null || skip "$program is not installed"
done

clean() {
  for host in router web app db client; do
    ip netns pids "weir-demo-$host" 2>/dev/null | xargs -r kill 2>/dev/null || true
    ip netns del "weir-demo-$host" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap clean EXIT
clean # what a killed run left
mkdir -p "$work"
ip netns add weir-demo-router && ip -n weir-demo-router link set lo up ||
  skip "network namespaces are not permitted"

on() { ip netns exec "weir-demo-$1" "${@:2}"; }

# A host hangs on one link; its whole world is behind the router (the link-local addresses 169.254.1.1
# and fe80::1), as in a VPC.
add_host() { # NAME IPV4 IPV6
  ip netns add "weir-demo-$1"
  ip link add eth0 netns "weir-demo-$1" type veth peer name "$1" netns weir-demo-router
  on "$1" ethtool -K eth0 tso off gso off gro off tx off >/dev/null 2>&1 || true
  on router ethtool -K "$1" tso off gso off gro off tx off >/dev/null 2>&1 || true
  on "$1" ip link set lo up
  on "$1" ip link set eth0 up
  on router ip link set "$1" up
  on "$1" ip addr add "$2/32" dev eth0
  on "$1" ip addr add "$3/128" dev eth0 nodad
  on "$1" ip route add 169.254.1.1 dev eth0
  on "$1" ip route add default via 169.254.1.1 dev eth0 onlink
  on router ip addr add fe80::1/64 dev "$1" nodad
  on "$1" ip -6 route add default via fe80::1 dev eth0
  on router ip addr add 169.254.1.1/32 dev "$1"
  on router ip route add "$2" dev "$1"
  on router ip -6 route add "$3" dev "$1"
}

on router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
add_host web 10.20.1.10 2001:db8:20:1::10
add_host app 10.20.1.20 2001:db8:20:1::20
add_host db 10.20.2.30 2001:db8:20:2::30
add_host client 203.0.113.10 2001:db8:ffff::10

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

wait_for() { # what must become true
  for _ in $(seq 100); do
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.05
  done
  echo "gave up waiting for: $*" >&2
  return 1
}
for host in web app db client; do wait_for grep -q listening "$work/$host.log"; done

echo "hello from weir" >"$work/index.html"
serve() { # HOST PORT
  on "$1" python3 -m http.server --bind :: --directory "$work" "$2" >/dev/null 2>&1 &
  wait_for on "$1" curl -sf -o /dev/null "http://localhost:$2/index.html"
}
serve web 80
serve app 8080
serve db 9000
on app dnsmasq --no-daemon --no-resolv --no-hosts --port=53 --listen-address=10.20.1.20 \
  --bind-interfaces --address=/db.example/10.20.2.30 --user=root >/dev/null 2>&1 &
wait_for on web dig +time=1 +tries=1 @10.20.1.20 db.example

get() { on "$1" curl -s -o /dev/null --max-time "${3:-5}" "$2" || true; }
get client http://10.20.1.10/index.html                    # HTTP, let in
get client 'http://[2001:db8:20:1::10]/index.html'         # and by IPv6
get web http://10.20.1.20:8080/index.html                  # inside the subnet
get app http://10.20.2.30:5432/                            # nobody listens yet: refused by the host
serve db 5432
get app http://10.20.2.30:5432/index.html
on web dig +time=1 @10.20.1.20 db.example >/dev/null
on web ping -qc 3 -i 0.2 10.20.1.20 >/dev/null
on web ping -qc 1 -s 3000 10.20.1.20 >/dev/null            # in fragments
on web ping -qc 2 -i 0.2 2001:db8:20:1::20 >/dev/null
# What is refused, all at once: each gives up after two tries.
requests=()
get web http://10.20.2.30:9000/ 2.5 & requests+=($!)       # let in, but the reply is not let out
get client http://10.20.1.10:22/ 2.5 & requests+=($!)
get client 'http://[2001:db8:20:1::10]:22/' 2.5 & requests+=($!)
get client http://10.20.1.10:23/ 2.5 & requests+=($!)
get db http://203.0.113.10/ 2.5 & requests+=($!)
on client ping -qc 2 -i 0.2 -W 1 10.20.1.10 >/dev/null || true
on client ping -qc 2 -i 0.2 -W 1 2001:db8:20:1::10 >/dev/null || true
for request in "${requests[@]}"; do wait "$request"; done

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
