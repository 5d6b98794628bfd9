#!/usr/bin/env bash
# demo/run.sh: records the real capture beside it, asks the records a question in SQL, and has each
# REJECT explained. `make demo` calls it.
set -euo pipefail
cd "$(dirname "$0")/.."
weir=${WEIR:-build/weir}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$1"; }

say "A VPC of three hosts in two subnets (demo/vpc.json), and the rules of one of them"
"$weir" vpc show demo/vpc.json | sed -n '1,18p'

say "Packets of real programs talking, judged and recorded: weir record"
"$weir" record --read demo/three-hosts.pcap --vpc demo/vpc.json \
  --max-aggregation-interval 60 --log-destination "$out/explained" --output table \
  --log-format '${interface-id} ${flow-direction} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${action} ${weir-reject-cause} ${weir-network-acl-rule} ${weir-security-group-rule}'

say "The same in AWS's default format, as it lies on disk"
"$weir" record --read demo/three-hosts.pcap --vpc demo/vpc.json --log-destination "$out/default" 2>/dev/null
find "$out" -name '*.log.gz' -printf '%P\n' | sort
find "$out/default" -name '*.log.gz' -exec gzip -dc {} + | sed -n '1,6p'

say "Which services were asked for, and how often in vain? weir query, on the default format"
"$weir" query --from "$out/default" "
  SELECT protocol_name(protocol) AS protocol, port_name(dstport) AS service, count(*) AS flows,
         count(*) FILTER (action = 'REJECT') AS refused, sum(bytes)::BIGINT AS bytes
  FROM flow_logs WHERE dstport < 32768 GROUP BY ALL ORDER BY refused DESC, flows DESC, service"

say "Why each REJECT happened, from the default format and the rules: weir explain --vpc"
"$weir" explain --from "$out/default" --vpc demo/vpc.json
