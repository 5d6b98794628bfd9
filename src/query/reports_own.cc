// Our own questions: what people ask of flow logs and AWS's sixteen do not answer
// (facts/flow-logs.md §10).
#include <array>

#include "query/report_table.h"

namespace weir::query {
namespace {

// tcp-flags & 18 is 2 for who opened and 18 for who answered (facts/flow-logs.md §1.4). `a` is the
// end that sorts first; a record counts for `a` if `a` sent it.
constexpr std::string_view kConversations = R"(
WITH flows AS (
  SELECT *, (srcaddr, srcport) <= (dstaddr, dstport) AS from_a
  FROM flow_logs
  WHERE srcaddr IS NOT NULL
), pairs AS (
  SELECT interface_id, protocol,
         CASE WHEN from_a THEN srcaddr ELSE dstaddr END AS a,
         CASE WHEN from_a THEN srcport ELSE dstport END AS a_port,
         CASE WHEN from_a THEN dstaddr ELSE srcaddr END AS b,
         CASE WHEN from_a THEN dstport ELSE srcport END AS b_port,
         count(*) FILTER (from_a) AS a_records,
         count(*) FILTER (NOT from_a) AS b_records,
         coalesce(sum(packets) FILTER (from_a), 0) AS a_packets,
         coalesce(sum(packets) FILTER (NOT from_a), 0) AS b_packets,
         coalesce(sum(bytes) FILTER (from_a), 0) AS a_bytes,
         coalesce(sum(bytes) FILTER (NOT from_a), 0) AS b_bytes,
         min(start_time) FILTER (from_a) AS a_start,
         min(start_time) FILTER (NOT from_a) AS b_start,
         max(end_time) AS last_seen,
         count(*) FILTER (action = 'REJECT') AS refused_records,
         coalesce(bool_or((tcp_flags & 18) = (CASE WHEN from_a THEN 2 ELSE 18 END)), false) AS a_opened,
         coalesce(bool_or((tcp_flags & 18) = (CASE WHEN from_a THEN 18 ELSE 2 END)), false) AS b_opened
  FROM flows
  GROUP BY ALL
), judged AS (
  SELECT *, CASE WHEN a_opened <> b_opened THEN 'tcp-flags'
                 WHEN a_records = 0 OR b_records = 0 THEN 'one side only'
                 WHEN a_start <> b_start THEN 'time'
                 WHEN a_port <> b_port THEN 'port'
                 ELSE 'none' END AS evidence
  FROM pairs
), told AS (
  SELECT *, CASE evidence WHEN 'tcp-flags' THEN a_opened
                          WHEN 'one side only' THEN b_records = 0
                          WHEN 'time' THEN a_start < b_start
                          WHEN 'port' THEN a_port > b_port
                          ELSE true END AS a_is_client
  FROM judged
)
SELECT interface_id, CASE WHEN a_is_client THEN a ELSE b END AS client,
       CASE WHEN a_is_client THEN a_port ELSE b_port END AS client_port,
       CASE WHEN a_is_client THEN b ELSE a END AS server,
       CASE WHEN a_is_client THEN b_port ELSE a_port END AS server_port,
       protocol_name(protocol) AS protocol, evidence,
       CASE WHEN a_is_client THEN a_packets ELSE b_packets END AS client_packets,
       CASE WHEN a_is_client THEN a_bytes ELSE b_bytes END AS client_bytes,
       CASE WHEN a_is_client THEN b_packets ELSE a_packets END AS server_packets,
       CASE WHEN a_is_client THEN b_bytes ELSE a_bytes END AS server_bytes,
       refused_records, least(a_start, b_start) AS first_seen, last_seen
FROM told
ORDER BY a_bytes + b_bytes DESC, client, client_port, server, server_port, told.protocol, interface_id
LIMIT {limit})";

// A reply that is refused, or a packet after the close, is no scan: its other direction was
// accepted (facts/flow-logs.md §8.5, cases 4, 8 and 9).
constexpr std::string_view kScanners = R"(
WITH refused AS (
  SELECT srcaddr, srcport, dstaddr, dstport, protocol, sum(packets) AS packets,
         min(start_time) AS first_seen, max(end_time) AS last_seen
  FROM flow_logs
  WHERE action = 'REJECT'
  GROUP BY srcaddr, srcport, dstaddr, dstport, protocol
), suspects AS (
  SELECT srcaddr FROM refused GROUP BY srcaddr
  HAVING count(DISTINCT dstaddr) >= {at least} OR count(DISTINCT dstport) >= {at least}
), accepted AS (
  SELECT DISTINCT srcaddr, srcport, dstaddr, dstport, protocol
  FROM flow_logs
  WHERE action = 'ACCEPT' AND dstaddr IN (SELECT srcaddr FROM suspects)
), requests AS (
  SELECT * FROM refused SEMI JOIN suspects USING (srcaddr)
  ANTI JOIN accepted
    ON refused.srcaddr = accepted.dstaddr AND refused.srcport = accepted.dstport
   AND refused.dstaddr = accepted.srcaddr AND refused.dstport = accepted.srcport
   AND refused.protocol = accepted.protocol
)
SELECT srcaddr AS source, count(DISTINCT dstaddr) AS hosts, count(DISTINCT dstport) AS ports,
       sum(packets) AS packets, min(first_seen) AS first_seen, max(last_seen) AS last_seen
FROM requests
GROUP BY srcaddr
HAVING hosts >= {at least} OR ports >= {at least}
ORDER BY greatest(hosts, ports) DESC, packets DESC, source
LIMIT {limit})";

// Empty buckets are filled in, as far as a plot makes sense.
constexpr std::string_view kTrafficOverTime = R"(
WITH seconds AS (
  SELECT "end" AS second, coalesce(sum(bytes) FILTER (action = 'ACCEPT'), 0) AS accepted_bytes,
         coalesce(sum(bytes) FILTER (action = 'REJECT'), 0) AS refused_bytes
  FROM flow_logs
  WHERE action IS NOT NULL AND "end" BETWEEN 0 AND 253402300799
  GROUP BY second
), span AS (
  SELECT min(second) AS first, max(second) AS last FROM seconds
), width AS (
  SELECT first, last, coalesce({per}, (
    SELECT min(nice) FROM unnest([10, 60, 300, 900, 3600, 14400, 86400, 604800]) AS steps(nice)
    WHERE nice * 60 >= last - first), 2592000) AS per
  FROM span
), buckets AS (
  SELECT second // per * per AS bucket, sum(accepted_bytes) AS accepted_bytes,
         sum(refused_bytes) AS refused_bytes
  FROM seconds, width
  GROUP BY bucket
), axis AS (
  SELECT unnest(range(first // per * per, least(last, first + 1000 * per) + 1, per)) AS bucket
  FROM width
), filled AS (
  SELECT make_timestamp(bucket * 1000000) AS time,
         coalesce(accepted_bytes, 0) AS accepted_bytes, coalesce(refused_bytes, 0) AS refused_bytes
  FROM buckets FULL JOIN axis USING (bucket)
)
SELECT time, accepted_bytes, refused_bytes{plots}
FROM filled
ORDER BY time)";

constexpr std::string_view kNewPeers = R"(
WITH ends AS (
  SELECT unnest([srcaddr, dstaddr]) AS peer, unnest([dstaddr, srcaddr]) AS other,
         start_time, end_time, action, packets, bytes
  FROM flow_logs
  WHERE srcaddr IS NOT NULL
), peers AS (
  SELECT peer, min(start_time) AS first_seen, min(end_time) AS first_end, max(end_time) AS last_seen,
         min(other) AS met,
         count(*) FILTER (action = 'ACCEPT') AS accepted_records,
         count(*) FILTER (action = 'REJECT') AS refused_records,
         sum(packets) AS packets, sum(bytes) AS bytes
  FROM ends
  GROUP BY peer
)
SELECT peer, is_private(peer) AS is_private, first_seen, last_seen, met,
       accepted_records, refused_records, packets, bytes
FROM peers
WHERE first_end >= coalesce({since}, (SELECT max(last_seen) FROM peers) - INTERVAL 1 DAY)
ORDER BY bytes DESC, peer
LIMIT {limit})";

constexpr std::string_view kNewPeersCaution = R"(
SELECT CASE WHEN min(end_time) >= coalesce({since}, max(end_time) - INTERVAL 1 DAY)
            THEN 'the logs begin at ' || min(start_time) || ' UTC: there is no before, and every '
                 'address counts as new' END
FROM flow_logs
WHERE srcaddr IS NOT NULL)";

// Bytes are counted where they leave, so that no byte counts twice. A zone is known of an address
// whose own interface is logged, or where the record tells the next hop's.
constexpr std::string_view kCrossAz = R"(
WITH flows AS (
  SELECT srcaddr, dstaddr, flow_direction, az_id, next_hop_az_id, sum(packets) AS packets,
         sum(bytes) AS bytes
  FROM flow_logs
  WHERE flow_direction IS NOT NULL AND action IS DISTINCT FROM 'REJECT'
  GROUP BY ALL
), zones AS (
  SELECT CASE flow_direction WHEN 'egress' THEN srcaddr ELSE dstaddr END AS address, min(az_id) AS az_id
  FROM flows
  GROUP BY address
), sent AS (
  SELECT flows.az_id AS from_az, coalesce(next_hop_az_id, zones.az_id) AS to_az, srcaddr, dstaddr,
         packets, bytes
  FROM flows LEFT JOIN zones ON flows.dstaddr = zones.address
  WHERE flow_direction = 'egress'
), pairs AS (
  SELECT from_az, to_az, srcaddr, dstaddr, sum(packets) AS packets, sum(bytes) AS bytes
  FROM sent
  WHERE from_az <> to_az
  GROUP BY ALL
)
SELECT *, sum(bytes) OVER (PARTITION BY from_az, to_az) AS bytes_between_zones
FROM pairs
ORDER BY bytes DESC, srcaddr, dstaddr, from_az, to_az
LIMIT {limit})";

// At a NAT gateway's interface the packet's own address differs from the record's on the inner side
// only, so that each byte counts once (AWS's NAT sample, facts/flow-logs.md §8.5). Instances differ
// so for their secondary addresses: they have an instance-id, which the gateway has not.
constexpr std::string_view kNat = R"(
WITH translated AS (
  SELECT coalesce(resource_id, interface_id) AS nat, dstaddr <> pkt_dstaddr AS is_sent,
         CASE WHEN is_sent THEN pkt_srcaddr ELSE pkt_dstaddr END AS host,
         CASE WHEN is_sent THEN pkt_dstaddr ELSE pkt_srcaddr END AS peer,
         packets, bytes
  FROM flow_logs
  WHERE (srcaddr <> pkt_srcaddr OR dstaddr <> pkt_dstaddr)
    AND coalesce(interface_type IN ('nat_gateway', 'regional_nat_gateway'), instance_id IS NULL)
)
SELECT nat, host, peer, sum(packets) AS packets,
       coalesce(sum(bytes) FILTER (is_sent), 0) AS sent_bytes,
       coalesce(sum(bytes) FILTER (NOT is_sent), 0) AS received_bytes, sum(bytes) AS bytes
FROM translated
GROUP BY nat, host, peer
ORDER BY bytes DESC, nat, host, peer
LIMIT {limit})";

const std::array kOwnReports = {
    Report{"conversations",
           "Who talked to whom, both directions in one row, and who is client and who is server?",
           "srcaddr dstaddr srcport dstport protocol bytes", kConversations},
    Report{"top-talkers-by-interface", "Who sends the most, seen at each network interface?",
           "interface-id srcaddr bytes", R"(
SELECT interface_id, srcaddr AS talker, sum(packets) AS packets, sum(bytes) AS bytes,
       round(100.0 * sum(bytes) / nullif(sum(sum(bytes)) OVER (PARTITION BY interface_id), 0), 1)
         AS percent
FROM flow_logs
WHERE srcaddr IS NOT NULL
GROUP BY interface_id, srcaddr
QUALIFY row_number() OVER (PARTITION BY interface_id ORDER BY sum(bytes) DESC, srcaddr) <= {limit}
ORDER BY interface_id, bytes DESC, talker)",
           5},
    Report{"scanners", "Which sources were refused at many ports or hosts (--at-least)?",
           "srcaddr dstaddr srcport dstport protocol action", kScanners},
    Report{"traffic-over-time", "How much was accepted and refused, and when (--per)?",
           "bytes end action", kTrafficOverTime},
    Report{"new-peers",
           "Which addresses appeared in the last day of the logs, or since --since, and never "
           "before?",
           "srcaddr dstaddr start end bytes", kNewPeers, 50, 10, kNewPeersCaution},
    Report{"gaps", "Where are records missing (SKIPDATA), and where was there no traffic (NODATA)?",
           "interface-id log-status", R"(
SELECT interface_id, count(*) FILTER (log_status = 'SKIPDATA') AS skipdata,
       min(start_time) FILTER (log_status = 'SKIPDATA') AS first_skipdata,
       max(end_time) FILTER (log_status = 'SKIPDATA') AS last_skipdata,
       count(*) FILTER (log_status = 'NODATA') AS nodata, count(*) FILTER (log_status = 'OK') AS ok
FROM flow_logs
GROUP BY interface_id
HAVING skipdata > 0 OR nodata > 0
ORDER BY skipdata DESC, nodata DESC, interface_id
LIMIT {limit})"},
    Report{"cross-az", "Which pairs of addresses send the most bytes between Availability Zones?",
           "srcaddr dstaddr bytes az-id flow-direction", kCrossAz},
    Report{"nat", "Which hosts send the most bytes through NAT gateways, and where to?",
           "interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr bytes", kNat},
};

}  // namespace

std::span<const Report> own_reports() {
  return kOwnReports;
}

}  // namespace weir::query
