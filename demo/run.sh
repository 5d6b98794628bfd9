#!/usr/bin/env bash
# demo/run.sh: records real programs that talk on this machine, live in the kernel where that is
# permitted, else from the capture of them beside it; asks the records a question in SQL, and has each
# REJECT explained. `make demo` calls it.
set -euo pipefail
cd "$(dirname "$0")/.."
weir=${WEIR:-build/weir}
out=$(mktemp -d)
work=$out
source demo/hosts.sh
trap 'remove_hosts; rm -rf "$out"' EXIT
format='${interface-id} ${flow-direction} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status} ${weir-reject-cause} ${weir-network-acl-rule} ${weir-security-group-rule}'

say() { printf '\n\033[1m%s\033[0m\n' "$1"; }

# Fails, and says why, where this machine does not permit it.
live() {
  (need && build_hosts) || return
  start_servers
  sed "s#DESCRIPTION#$PWD/demo/vpc.json#; s#OUT#$out#; s#FORMAT#$format#" demo/weir.toml >"$out/weir.toml"
  "$weir" up --config "$out/weir.toml" 2>"$out/up.log" &
  local up=$!
  is_recorded() { (($(grep -c 'is recorded at' "$out/up.log") == 3)) || ! kill -0 "$up" 2>/dev/null; }
  wait_for is_recorded
  kill -0 "$up" 2>/dev/null || { cat "$out/up.log"; return 1; }
  talk
  kill "$up"
  wait "$up"
  cat "$out/up.log"
}

replay() {
  "$weir" record --read demo/three-hosts.pcap --vpc demo/vpc.json --max-aggregation-interval 60 \
    --log-destination "$out/default" 2>/dev/null
  "$weir" record --read demo/three-hosts.pcap --vpc demo/vpc.json --max-aggregation-interval 60 \
    --log-destination "$out/explained" --log-format "$format"
}

say "A VPC of three hosts in two subnets (demo/vpc.json), and the rules of one of them"
"$weir" vpc show demo/vpc.json | sed -n '1,18p'

say "The hosts are network namespaces, real programs talk, the kernel judges: weir up (about ten seconds)"
if ! live; then
  say "Live recording is not possible here, as said above: the capture of another run instead, weir record"
  replay
fi

say "What was recorded, with the rule that decided: weir query"
"$weir" query --from "$out/explained" "
  SELECT interface_id, flow_direction, srcaddr, dstaddr, srcport, dstport, protocol, sum(packets)::BIGINT AS packets,
         sum(bytes)::BIGINT AS bytes, action, weir_reject_cause, weir_network_acl_rule, weir_security_group_rule
  FROM flow_logs WHERE log_status = 'OK' GROUP BY ALL ORDER BY min(start), srcaddr, dstaddr, srcport"

say "The same in AWS's default format, as it lies on disk"
find "$out" -name '*.log.gz' -printf '%P\n' | sort
find "$out/default" -name '*.log.gz' -exec gzip -dc {} + | sed -n '1,6p'

say "Which services were asked for, and how often in vain? weir query, on the default format"
"$weir" query --from "$out/default" "
  SELECT protocol_name(protocol) AS protocol, port_name(dstport) AS service, count(*) AS flows,
         count(*) FILTER (action = 'REJECT') AS refused, sum(bytes)::BIGINT AS bytes
  FROM flow_logs WHERE dstport < 32768 GROUP BY ALL ORDER BY refused DESC, flows DESC, service"

say "Why each REJECT happened, from the default format and the rules: weir explain --vpc"
"$weir" explain --from "$out/default" --vpc demo/vpc.json
