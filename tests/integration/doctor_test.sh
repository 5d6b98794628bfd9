#!/usr/bin/env bash
# tests/integration/doctor_test.sh: `weir doctor` says what is lacking where `weir up` does not run, and nothing
# where it does. $WEIR is the program.
set -euo pipefail
cd "$(dirname "$0")/../.."
weir=$(realpath "${WEIR:-build/weir}")
[[ $(id -u) == 0 ]] || { echo "programs in the kernel need root"; exit 77; }
work=$(mktemp -d)
space=weir-doctor-$$
trap 'rm -rf "$work"; ip netns del "$space" 2>/dev/null || true' EXIT

describe() { # TAGS: one interface, as AWS describes it
  python3 - "$work/vpc.json" "$1" <<'PY'
import json, sys
network = json.load(open("demo/vpc.json"))
network["NetworkInterfaces"] = network["NetworkInterfaces"][:1]
network["NetworkInterfaces"][0]["TagSet"] = json.loads(sys.argv[2])
json.dump(network, open(sys.argv[1], "w"))
PY
}
configure() { # DESTINATION [LINE…]
  cat >"$work/weir.toml" <<TOML
vpc = "vpc.json"
$(printf '%s\n' "${@:2}")
[[flow-log]]
resource-type = "VPC"
resource-ids = ["$(python3 -c 'import json; print(json.load(open("demo/vpc.json"))["Vpcs"][0]["VpcId"])')"]
log-destination = "$1"
TOML
}
failures=0
expect() { # STATUS PATTERN COMMAND…: how it ends, and a line of its CSV
  local status=0
  "${@:3}" --output csv >"$work/out" 2>&1 || status=$?
  [[ $status == "$1" ]] && grep -qE "$2" "$work/out" && return
  echo "${*:3}: status $status, expected $1 and /$2/:"
  cat "$work/out"
  failures=$((failures + 1))
}

describe '[{"Key": "weir:device", "Value": "lo"}]'
configure logs
"$weir" doctor --config "$work/weir.toml" >"$work/doctor" || { cat "$work/doctor"; grep -E ' lacking ' "$work/doctor" | tail -1; exit 77; }
expect 0 '^attachment,ok,(tcx|clsact)' "$weir" doctor
expect 0 '^device lo,ok,' "$weir" doctor --config "$work/weir.toml"
expect 0 '^log-destination,(ok|warning),.* MB are free' "$weir" doctor --config "$work/weir.toml"
powerless=(setpriv --bounding-set=-all "$weir")
expect 1 '^capabilities,lacking,"?without CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN' "${powerless[@]}" doctor
expect 1 '^programs,lacking,.*Operation not permitted' "${powerless[@]}" doctor
expect 1 '^others at lo,warning,cannot be looked for: Operation not permitted' \
  "${powerless[@]}" doctor --config "$work/weir.toml"
status=0
"${powerless[@]}" up --config "$work/weir.toml" >"$work/out" 2>&1 || status=$?
[[ $status == 1 ]] || { echo "it says that weir up cannot run, and it does"; failures=$((failures + 1)); }

describe '[{"Key": "weir:device", "Value": "eth77"}, {"Key": "weir:netns", "Value": "nowhere"}]'
expect 0 '^device eth77 in nowhere,warning,.*SKIPDATA until that changes' "$weir" doctor --config "$work/weir.toml"
ip netns add "$space"
describe '[{"Key": "weir:device", "Value": "lo"}, {"Key": "weir:netns", "Value": "'"$space"'"}]'
expect 0 "^device lo in $space,ok," "$weir" doctor --config "$work/weir.toml"
ip netns exec "$space" tc qdisc add dev lo clsact
ip netns exec "$space" tc filter add dev lo ingress protocol ip u32 match u32 0 0
expect 0 "^after Weir at lo in $space,ok,.?u32 \(no program\), of what it receives: what these drop" \
  "$weir" doctor --config "$work/weir.toml"
homebound=(setpriv --bounding-set=-sys_admin "$weir")
expect 1 '^capabilities,lacking,without CAP_SYS_ADMIN \(for weir:netns\)' "${homebound[@]}" doctor --config "$work/weir.toml"
expect 1 "^device lo in $space,warning,Operation not permitted: .*it takes root, or CAP_SYS_ADMIN" \
  "${homebound[@]}" doctor --config "$work/weir.toml"
expect 1 '^programs,ok,' "${homebound[@]}" doctor --config "$work/weir.toml"
describe '[]'
expect 1 '^configuration,lacking,.*has no interface with a device' "$weir" doctor --config "$work/weir.toml"
describe '[{"Key": "weir:device", "Value": "lo"}]'
configure vpc.json
expect 1 '^log-destination,lacking,.*/vpc.json: cannot be written to' "$weir" doctor --config "$work/weir.toml"

# What only root can write to is nothing to who it becomes.
chmod 755 "$work"
mkdir -m 700 "$work/closed"
mkdir -m 777 "$work/open"
configure open/logs 'user = "nobody"' 'state = "open/state"' 'socket = "open/weir/weir.sock"'
expect 0 '^user,ok,nobody' "$weir" doctor --config "$work/weir.toml"
expect 0 '^programs,ok,' "$weir" doctor --config "$work/weir.toml"
configure closed/logs 'user = "nobody"' 'state = "open/state"'
expect 1 '^log-destination,lacking,.*/closed/logs: cannot be written to' "$weir" doctor --config "$work/weir.toml"
configure s3://bucket 'user = "nobody"' 'state = "open/state"' '[spool]' 'folder = "closed/spool"'
expect 1 '^socket,lacking,.*/weir.sock: cannot be made there' "$weir" doctor --config "$work/weir.toml"
expect 1 '^spool,lacking,.*/closed/spool: cannot be written to' "$weir" doctor --config "$work/weir.toml"
configure s3://bucket '[spool]' 'folder = "closed/spool"'
expect 0 '^socket,ok,.*/weir.sock' "$weir" doctor --config "$work/weir.toml"
expect 0 '^spool,(ok|warning),.*/closed/spool: [0-9]+ MB are free' "$weir" doctor --config "$work/weir.toml"

configure logs 'socket = "nowhere/weir/weir.sock"'
expect 1 '^socket,lacking,.*/nowhere/weir/weir.sock: cannot be made there' "$weir" doctor --config "$work/weir.toml"
status=0
"$weir" up --config "$work/weir.toml" >"$work/out" 2>&1 || status=$?
[[ $status == 1 ]] || { echo "it says that weir up has no socket, and it has"; failures=$((failures + 1)); }

((failures)) && exit 1
echo "$(wc -l <"$work/doctor") lines about this host"
