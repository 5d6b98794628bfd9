#!/usr/bin/env bash
# tests/integration/weir_service_test.sh: `weir up` as a service manager has it: started as root it becomes
# another user, keeps three capabilities, and with these attaches, also to a device that comes later; it says
# when it is ready, reloads, lives and stops, and the journal how much each line matters. The unit exposes as
# little as it promises. $WEIR is the program.
set -euo pipefail
cd "$(dirname "$0")/../.."
private=(unshare --mount --net --pid --fork --kill-child --mount-proc)

if [[ ${1:-} != inside ]]; then
  refused=$("${private[@]}" true 2>&1) || { echo "network namespaces need root: $refused"; exit 77; }
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  "${private[@]}" "$0" inside "$work"
  exit
fi

work=$2
weir=$(realpath "${WEIR:-build/weir}")
source demo/hosts.sh
need capsh systemd-analyze
fail() { echo "$*"; cat "$work/up.log" "$work/told"; exit 1; }

systemd-analyze security --offline=true --no-pager --threshold=25 packaging/weir.service >"$work/exposure" ||
  { grep '✗' "$work/exposure"; tail -1 "$work/exposure"; exit 1; }
tail -1 "$work/exposure"
grep '^ConfigurationDirectory=' packaging/weir.service && { echo "the unit would give /etc/weir away"; exit 1; }
[[ $(grep -c '^StartLimit\|^RestartSec=\|^TimeoutStartSec=' packaging/weir.service) == 4 ]] ||
  { echo "a start is given up too soon, or is tried for ever"; exit 1; }

# Another host, at the other end of a veth pair.
unshare --net sleep infinity &
other=$!
add_device() {
  ip link add eth0 type veth peer name eth0 netns "$other"
  ip addr add 10.20.1.10/24 dev eth0
  ip link set eth0 up
  nsenter --net --target "$other" ip addr add 10.20.1.20/24 dev eth0
  nsenter --net --target "$other" ip link set eth0 up
}
is_elsewhere() { [[ $(readlink "/proc/$other/ns/net") != "$(readlink /proc/self/ns/net)" ]]; }
wait_for is_elsewhere  # until then it is here
nsenter --net --target "$other" ip link set lo up
add_device

python3 - "$work" <<'PY'
import json, sys
network = json.load(open("demo/vpc.json"))
network["NetworkInterfaces"] = network["NetworkInterfaces"][:1]
network["NetworkInterfaces"][0]["TagSet"] = [{"Key": "weir:device", "Value": "eth0"}]
json.dump(network, open(sys.argv[1] + "/vpc.json", "w"))
PY
cat >"$work/weir.toml" <<TOML
vpc = "vpc.json"
user = "nobody"
publish-interval = 1
[[flow-log]]
resource-type = "VPC"
resource-ids = ["$(python3 -c 'import json; print(json.load(open("demo/vpc.json"))["Vpcs"][0]["VpcId"])')"]
log-destination = "logs"
TOML
python3 - "$work" <<'PY' &
import os, socket, sys
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(sys.argv[1] + "/notify")
os.chmod(sys.argv[1] + "/notify", 0o666)
with open(sys.argv[1] + "/told", "a", buffering=1) as told:
    while True:
        print(manager.recv(4096).decode(), file=told)
PY
wait_for test -S "$work/notify"
chown -R nobody "$work"

# As systemd says that stderr is the journal.
touch "$work/up.log"
NOTIFY_SOCKET="$work/notify" JOURNAL_STREAM=$(stat -c %d:%i "$work/up.log") "$weir" up --config "$work/weir.toml" 2>>"$work/up.log" &
up=$!
wait_for grep -qx READY=1 "$work/told" || {
  cat "$work/up.log"
  kill -0 "$up" 2>/dev/null && exit 1
  exit 77
}
head -1 "$work/told" | grep -q '^EXTEND_TIMEOUT_USEC=' || fail "it does not say that its start goes on"
of_status() { awk -v key="$1:" '$1 == key { print $2, $3 == "" ? "" : $3 $4 $5 }' "/proc/$up/status"; }
nobody=$(id -u nobody)
[[ $(of_status Uid) == "$nobody $nobody$nobody$nobody" ]] || fail "it is $(of_status Uid)"
[[ $(of_status NoNewPrivs) == 1* ]] || fail "it may become more"
for set in CapPrm CapEff; do
  kept=$(capsh --decode="$(of_status $set | tr -d ' ')")
  [[ $kept == *=cap_net_admin,cap_perfmon,cap_bpf ]] || fail "$set: $kept"
done

nsenter --net --target "$other" ping -qc 1 -W 5 10.20.1.10 >/dev/null || true
ip link del eth0
wait_for grep -q 'its device eth0 is gone' "$work/up.log" || fail "it does not see that the device is gone"
add_device
wait_for sh -c "[ \$(grep -c 'is recorded at eth0' '$work/up.log') = 2 ]" || fail "it cannot attach again"
kill -HUP "$up"
wait_for sh -c "[ \$(grep -cx READY=1 '$work/told') = 2 ]" || fail "it did not reload"
mv "$work/weir.toml" "$work/kept.toml"
kill -HUP "$up"
wait_for grep -q 'nothing was changed' "$work/up.log" || fail "it does not say that it cannot reload"
mv "$work/kept.toml" "$work/weir.toml"
wait_for grep -qx WATCHDOG=1 "$work/told" || fail "it does not say that it lives"
kill "$up"
wait "$up" || fail "it ended with $?"
grep -qx STOPPING=1 "$work/told" || fail "it does not say that it stops"
grep -qx RELOADING=1 "$work/told" || fail "it does not say that it reloads"
[[ -n $(find "$work/logs" -name '*.log.gz' -user nobody) ]] || fail "there are no objects of its own"
matters() { # PRIORITY TEXT: what is said so is all of that priority
  grep -q "$2" "$work/up.log" && ! grep "$2" "$work/up.log" | grep -qv "^<$1>" || fail "not of priority $1: $2"
}
grep -v '^<[346]>' "$work/up.log" && fail "lines have no priority"
matters 3 'nothing was changed'
matters 4 'its device eth0 is gone'
matters 6 'is recorded at eth0\|has been read again\|packets seen'
# A start that takes long ends between two interfaces when it is told to.
python3 - "$work" <<'PY'
import copy, json, sys
network = json.load(open("demo/vpc.json"))
one = network["NetworkInterfaces"][0]
network["NetworkInterfaces"] = []
for number in range(100):
    other = copy.deepcopy(one)
    other["NetworkInterfaceId"] = f"eni-0c{number:015x}"
    other["PrivateIpAddress"] = f"10.20.1.{100 + number}"
    other["PrivateIpAddresses"] = [{"Primary": True, "PrivateIpAddress": other["PrivateIpAddress"]}]
    other["Ipv6Addresses"] = []
    other["TagSet"] = [{"Key": "weir:device", "Value": "lo"}]
    network["NetworkInterfaces"].append(other)
json.dump(network, open(sys.argv[1] + "/vpc.json", "w"))
PY
: >"$work/told"
NOTIFY_SOCKET="$work/notify" "$weir" up --config "$work/weir.toml" 2>"$work/up.log" &
up=$!
starts() { grep -c '^EXTEND_TIMEOUT_USEC=' "$work/told"; }
wait_for sh -c "[ \$(wc -l <'$work/told') -gt 0 ]" || fail "it does not start"
kill "$up"
wait "$up" || fail "it ended with $?"
(($(starts) < 20)) || fail "it was told to end, and loaded programs for $(starts) interfaces"
grep -q '^READY=1' "$work/told" && fail "it was told to end, and went on"
[[ -z $(tc qdisc show dev lo clsact) ]] || fail "it left something behind"
# Whoever was started from there writes to another place.
"$weir" up --config "$work/none.toml" 2>"$work/other.log" && fail "it starts without a configuration"
JOURNAL_STREAM=$(stat -c %d:%i "$work/up.log") "$weir" up --config "$work/none.toml" 2>"$work/elsewhere.log" && fail "so too"
grep -q '^weir: ' "$work/other.log" && cmp "$work/other.log" "$work/elsewhere.log" || fail "it is not the journal"
echo "as nobody with $kept"
