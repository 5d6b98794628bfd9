# demo/hosts.sh, to be sourced: a small VPC of network namespaces on this machine: three hosts in two
# subnets and a client outside, each on a link of its own to a router. Real programs talk there.
# $work is a folder for their files.

skip() { echo "skipped: $1"; exit 77; }

# What build_hosts and talk need, and the others that are named.
need() {
  local program
  [[ $(id -u) == 0 ]] || skip "network namespaces need root"
  for program in ip ethtool sysctl dnsmasq dig curl ping python3 "$@"; do
    command -v "$program" >/dev/null || skip "$program is not installed"
  done
}

# Ends the hosts, and what a killed run left of them.
remove_hosts() {
  local host
  for host in router web app db client; do
    ip netns pids "weir-demo-$host" 2>/dev/null | xargs -r kill 2>/dev/null || true
    ip netns del "weir-demo-$host" 2>/dev/null || true
  done
}

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

wait_for() { # what must become true
  for _ in $(seq 600); do # 30 s: a busy machine verifies programs slowly
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.05
  done
  echo "gave up waiting for: $*" >&2
  return 1
}

build_hosts() {
  remove_hosts
  ip netns add weir-demo-router && ip -n weir-demo-router link set lo up ||
    skip "network namespaces are not permitted"
  on router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
  add_host web 10.20.1.10 2001:db8:20:1::10
  add_host app 10.20.1.20 2001:db8:20:1::20
  add_host db 10.20.2.30 2001:db8:20:2::30
  add_host client 203.0.113.10 2001:db8:ffff::10
}

serve() { # HOST PORT
  # It asks a name server for the name of its host, unless that is in /etc/hosts.
  on "$1" unshare --uts sh -c 'hostname localhost && exec "$@"' sh \
    python3 -m http.server --bind :: --directory "$work" "$2" >/dev/null 2>&1 &
  wait_for on "$1" curl -sf -o /dev/null "http://localhost:$2/index.html"
}

start_servers() {
  echo "hello from weir" >"$work/index.html"
  serve web 80
  serve app 8080
  serve db 9000
  on app dnsmasq --no-daemon --no-resolv --no-hosts --port=53 --listen-address=10.20.1.20 \
    --bind-interfaces --address=/db.example/10.20.2.30 --user=root >/dev/null 2>&1 &
  wait_for on web dig +time=1 +tries=1 @10.20.1.20 db.example
}

get() { on "$1" curl -s -o /dev/null --max-time "${3:-5}" "$2" || true; }

# About five seconds of traffic of each kind; some of it is refused, if anybody refuses.
talk() {
  local request requests=()
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
  get web http://10.20.2.30:9000/ 2.5 & requests+=($!)       # let in, but the reply is not let out
  get client http://10.20.1.10:22/ 2.5 & requests+=($!)
  get client 'http://[2001:db8:20:1::10]:22/' 2.5 & requests+=($!)
  get client http://10.20.1.10:23/ 2.5 & requests+=($!)
  get db http://203.0.113.10/ 2.5 & requests+=($!)
  on client ping -qc 2 -i 0.2 -W 1 10.20.1.10 >/dev/null || true
  on client ping -qc 2 -i 0.2 -W 1 2001:db8:20:1::10 >/dev/null || true
  for request in "${requests[@]}"; do wait "$request"; done
}
