#!/usr/bin/env bash
# tests/integration/capture_test.sh: real programs talk in network namespaces (demo/capture.sh), `weir
# record` records their packets, and tcpdump says what there was to record. $WEIR is the program.
#
# demo/capture.sh runs with mounts and processes of its own: its namespaces vanish with it, however it
# ends, and neither disturb nor are disturbed by another run.
set -euo pipefail
cd "$(dirname "$0")/../.."
weir=${WEIR:-build/weir}
private=(unshare --mount --pid --fork --kill-child --mount-proc)

skip() { echo "${1#skipped: }"; exit 77; }
refused=$("${private[@]}" true 2>&1) || skip "network namespaces need root: $refused"

work=$(mktemp -d)
capturing=
clean() {
  # unshare keeps every other signal from itself; with it go all processes of the capture.
  [[ -z $capturing ]] || { kill -KILL "$capturing"; wait; } 2>/dev/null || true
  rm -rf "$work"
}
trap clean EXIT
trap 'exit 1' HUP INT TERM

TMPDIR=$work "${private[@]}" sh -c 'mount -t tmpfs tmpfs /run && exec demo/capture.sh "$1"' sh "$work" \
  >"$work/capture.log" 2>&1 &
capturing=$!
status=0
wait "$capturing" || status=$?
capturing=
[[ $status != 77 ]] || skip "$(tail -n 1 "$work/capture.log")"
((status == 0)) || { cat "$work/capture.log"; echo "demo/capture.sh ended with $status"; exit 1; }
capture=$work/three-hosts.pcap

"$weir" record --read "$capture" --vpc demo/vpc.json --log-destination "$work/logs" \
  --log-format '${interface-id} ${flow-direction} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${tcp-flags} ${packets} ${bytes} ${action} ${weir-reject-cause} ${weir-network-acl-rule} ${weir-security-group-rule} ${log-status}' \
  2>"$work/summary" || { cat "$work/summary"; exit 1; }

# All records, with names for the ids of demo/vpc.json. A capture that runs across the end of a window
# has NODATA beside its records.
find "$work/logs" -name '*.log.gz' -exec gzip -dc {} + | grep -v '^interface-id ' >"$work/lines"
sed -E '/NODATA$/d
  s/eni-0a1[0-9a-f]*/web/; s/eni-0a2[0-9a-f]*/app/; s/eni-0b3[0-9a-f]*/db/
  s/acl-0([ab])0*[12]/acl-\1/; s/sg-0e1+/sg-web/; s/sg-0e2+/sg-app/; s/sg-0e3+/sg-db/
  s/sgr-00d0*(.)/sgr-\1/' "$work/lines" >"$work/records"

failures=0
same() { # WHAT EXPECTED GOT
  [[ $2 == "$3" ]] && return
  printf '%s:\n  expected %s\n  got      %s\n' "$1" "$2" "$3"
  failures=$((failures + 1))
}

# "N packets of N bytes" that tcpdump finds. A veth link pads nothing: a frame is its Ethernet header
# and what IP counts.
counted() { # FILTER
  tcpdump -enr "$capture" "$1" 2>/dev/null | awk '
    match($0, /, length [0-9]+: /) { n++; sum += substr($0, RSTART + 9, RLENGTH - 11) - 14 }
    END { printf "%d packets of %d bytes\n", n, sum }'
}

# What is to be in the records, and nothing else: who recorded which packets (* is a port that the
# kernel chose), and the verdict: action, cause, deciding rule of the network ACL and of the group.
declare -A numbers=([tcp]=6 [udp]=17 [icmp]=1 [icmp6]=58)
: >"$work/expected"
while read -r interface direction src dst sport dport protocol action cause acl group; do
  [[ -n $interface && $interface != '#' ]] || continue
  what="$interface $direction $src $dst $sport $dport $protocol"
  filter="$protocol and src host $src and dst host $dst"
  [[ $sport == [*0] ]] || filter+=" and src port $sport"
  [[ $dport == [*0] ]] || filter+=" and dst port $dport"
  pattern="$interface $direction $src $dst $sport $dport ${numbers[$protocol]} "
  pattern=${pattern//./\\.}
  grep -E "^${pattern//\*/[0-9]+}" "$work/records" >"$work/matching" || true
  cat "$work/matching" >>"$work/expected"

  [[ -s $work/matching ]] || same "$what" "a record" "none"
  same "$what, by tcpdump and by Weir" "$(counted "$filter")" "$(awk '
    { n += $9; sum += $10 } END { printf "%d packets of %d bytes\n", n, sum }' "$work/matching")"
  same "$what, verdict" "$action $cause $acl $group" \
    "$(cut -d ' ' -f 11-14 "$work/matching" | sort -u | paste -sd ';')"
done <<'TABLE'
# HTTP from outside; a rule for everyone is not tracked
web ingress 203.0.113.10      10.20.1.10        *  80 tcp ACCEPT - acl-a:ingress:100 sg-web:ingress:sgr-1
web egress  10.20.1.10        203.0.113.10      80 *  tcp ACCEPT - acl-a:egress:100  sg-web:egress:sgr-4
web ingress 2001:db8:ffff::10 2001:db8:20:1::10 *  80 tcp ACCEPT - acl-a:ingress:101 sg-web:ingress:sgr-2
web egress  2001:db8:20:1::10 2001:db8:ffff::10 80 *  tcp ACCEPT - acl-a:egress:101  sg-web:egress:sgr-5

# HTTP and DNS inside a subnet, which no ACL sees
web egress  10.20.1.10 10.20.1.20 *    8080 tcp ACCEPT - - sg-web:egress:sgr-4
app ingress 10.20.1.10 10.20.1.20 *    8080 tcp ACCEPT - - sg-app:ingress:sgr-6
app egress  10.20.1.20 10.20.1.10 8080 *    tcp ACCEPT - - tracked
web ingress 10.20.1.20 10.20.1.10 8080 *    tcp ACCEPT - - tracked
web egress  10.20.1.10 10.20.1.20 *    53   udp ACCEPT - - sg-web:egress:sgr-4
app ingress 10.20.1.10 10.20.1.20 *    53   udp ACCEPT - - sg-app:ingress:sgr-7
app egress  10.20.1.20 10.20.1.10 53   *    udp ACCEPT - - tracked
web ingress 10.20.1.20 10.20.1.10 53   *    udp ACCEPT - - tracked

# ping, in fragments too
web egress  10.20.1.10 10.20.1.20 0 0 icmp ACCEPT - - sg-web:egress:sgr-4
app ingress 10.20.1.10 10.20.1.20 0 0 icmp ACCEPT - - sg-app:ingress:sgr-8
app egress  10.20.1.20 10.20.1.10 0 0 icmp ACCEPT - - tracked
web ingress 10.20.1.20 10.20.1.10 0 0 icmp ACCEPT - - tracked
web egress  2001:db8:20:1::10 2001:db8:20:1::20 0 0 icmp6 ACCEPT - - sg-web:egress:sgr-5
app ingress 2001:db8:20:1::10 2001:db8:20:1::20 0 0 icmp6 ACCEPT - - sg-app:ingress:sgr-9
app egress  2001:db8:20:1::20 2001:db8:20:1::10 0 0 icmp6 ACCEPT - - tracked
web ingress 2001:db8:20:1::20 2001:db8:20:1::10 0 0 icmp6 ACCEPT - - tracked

# to the database: at first a closed port, which the host refuses and no rule
app egress  10.20.1.20 10.20.2.30 *    5432 tcp ACCEPT - acl-a:egress:100  sg-app:egress:sgr-a
db  ingress 10.20.1.20 10.20.2.30 *    5432 tcp ACCEPT - acl-b:ingress:100 sg-db:ingress:sgr-c
db  egress  10.20.2.30 10.20.1.20 5432 *    tcp ACCEPT - acl-b:egress:100  tracked
app ingress 10.20.2.30 10.20.1.20 5432 *    tcp ACCEPT - acl-a:ingress:120 tracked

# let in, but the ACL refuses the reply, which therefore never arrives
web egress  10.20.1.10 10.20.2.30 *    9000 tcp ACCEPT - acl-a:egress:100  sg-web:egress:sgr-4
db  ingress 10.20.1.10 10.20.2.30 *    9000 tcp ACCEPT - acl-b:ingress:110 sg-db:ingress:sgr-d
db  egress  10.20.2.30 10.20.1.10 9000 *    tcp REJECT NETWORK_ACL acl-b:egress:* tracked

# refused from outside, and to the outside
web ingress 203.0.113.10      10.20.1.10        * 23 tcp   REJECT NETWORK_ACL    acl-a:ingress:90  -
web ingress 203.0.113.10      10.20.1.10        * 22 tcp   REJECT SECURITY_GROUP acl-a:ingress:110 sg-web:ingress:*
web ingress 2001:db8:ffff::10 2001:db8:20:1::10 * 22 tcp   REJECT SECURITY_GROUP acl-a:ingress:111 sg-web:ingress:*
web ingress 203.0.113.10      10.20.1.10        0 0  icmp  REJECT SECURITY_GROUP acl-a:ingress:140 sg-web:ingress:*
web ingress 2001:db8:ffff::10 2001:db8:20:1::10 0 0  icmp6 REJECT SECURITY_GROUP acl-a:ingress:141 sg-web:ingress:*
db  egress  10.20.2.30        203.0.113.10      * 80 tcp   REJECT SECURITY_GROUP - sg-db:egress:*
TABLE
same "records that are not expected" "" "$(sort "$work/expected" | comm -13 - <(sort "$work/records"))"

# The closed port: the SYN came in, the host's RST went out, both let through.
port=$(tcpdump -nr "$capture" 'tcp src port 5432 and tcp[tcpflags] & tcp-rst != 0' 2>/dev/null |
  sed -nE 's/.* > [0-9.]+\.([0-9]+): .*/\1/p')
same "flags to the closed port" "2" \
  "$(awk -v port="$port" '$1 == "db" && $5 == port && $6 == 5432 { print $8 }' "$work/records")"
same "flags from the closed port" "4" \
  "$(awk -v port="$port" '$1 == "db" && $5 == 5432 && $6 == port { print $8 }' "$work/records")"

# Every packet is accounted for on stderr, in the class where tcpdump sees it.
described='(host 10.20.1.10 or host 10.20.1.20 or host 10.20.2.30
  or host 2001:db8:20:1::10 or host 2001:db8:20:1::20)'
discovery='(icmp6 and ip6[40] >= 133 and ip6[40] <= 136)'
classified() { sed -nE "s/^ +([0-9]+) $1\$/\1/p" "$work/summary" | grep . || echo 0; }
number() { tcpdump -nr "$capture" "$@" 2>/dev/null | wc -l; }
all=$(number)
same "packets read" "$all" "$(sed -nE 's/.*: ([0-9]+) packets read$/\1/p' "$work/summary")"
same "sum of all classes" "$all" "$(awk '/^ +[0-9]+ / { sum += $1 } END { print sum }' "$work/summary")"
same "not IP" "$(number 'not ip and not ip6')" "$(classified 'not IP')"
same "of no described interface" "$(number "(ip or ip6) and not $described")" \
  "$(classified 'of no described interface')"
same "not logged" "$(number "$described and $discovery")" "$(classified "not logged by AWS's rules")"
same "recorded" "$(number "(ip or ip6) and $described and not $discovery")" "$(classified recorded)"
same "records in the summary" "$(wc -l <"$work/lines")" \
  "$(sed -nE 's/^([0-9]+) records in .*/\1/p' "$work/summary")"

if ((failures)); then
  cat "$work/summary"
  echo "$failures comparisons with tcpdump failed"
  exit 1
fi
echo "$(wc -l <"$work/records") records of $all packets: as tcpdump counts them"
