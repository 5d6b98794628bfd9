// The questions of the Athena integration that AWS's console offers, under AWS's names. AWS
// documents what each answers, not its SQL (facts/flow-logs.md §9): the SQL is ours.
#include <array>

#include "query/report_table.h"

namespace weir::query {
namespace {

const std::array kAwsReports = {
    Report{"VpcFlowLogsAcceptedTraffic",
           "Which TCP connections did security groups and network ACLs let through?",
           "srcaddr dstaddr srcport dstport protocol bytes action", R"(
SELECT interface_id, srcaddr, srcport, dstaddr, dstport, port_name(dstport) AS service,
       sum(packets) AS packets, sum(bytes) AS bytes,
       min(start_time) AS first_seen, max(end_time) AS last_seen
FROM flow_logs
WHERE action = 'ACCEPT' AND protocol = 6
GROUP BY interface_id, srcaddr, srcport, dstaddr, dstport
ORDER BY bytes DESC, srcaddr, srcport, dstaddr, dstport, interface_id
LIMIT {limit})"},
    Report{"VpcFlowLogsAdminPortTraffic",
           "Which addresses have the most traffic on administrative ports (SSH, Telnet, RDP, VNC, "
           "WinRM)?",
           "srcaddr dstaddr srcport dstport bytes", R"(
WITH pairs AS (
  SELECT srcaddr, dstaddr, sum(packets) AS packets, sum(bytes) AS bytes
  FROM flow_logs
  WHERE srcport IN (22, 23, 3389, 5900, 5985, 5986) OR dstport IN (22, 23, 3389, 5900, 5985, 5986)
  GROUP BY srcaddr, dstaddr
), ends AS (
  SELECT srcaddr AS address, packets, bytes AS sent, 0 AS received FROM pairs
  UNION ALL
  SELECT dstaddr, packets, 0, bytes FROM pairs
)
SELECT address, sum(packets) AS packets, sum(sent) AS sent_bytes, sum(received) AS received_bytes,
       sum(sent + received) AS bytes
FROM ends
GROUP BY address
ORDER BY bytes DESC, address
LIMIT {limit})",
           10},
    Report{"VpcFlowLogsIPv4Traffic", "How much IPv4 traffic is there?", "srcaddr bytes", R"(
SELECT count(*) AS records, coalesce(sum(packets), 0) AS packets, coalesce(sum(bytes), 0) AS bytes
FROM flow_logs
WHERE srcaddr NOT LIKE '%:%')"},
    Report{"VpcFlowLogsIPv6Traffic", "How much IPv6 traffic is there?", "srcaddr bytes", R"(
SELECT count(*) AS records, coalesce(sum(packets), 0) AS packets, coalesce(sum(bytes), 0) AS bytes
FROM flow_logs
WHERE srcaddr LIKE '%:%')"},
    Report{"VpcFlowLogsRejectedTCPTraffic", "Which TCP connections were refused?",
           "srcaddr dstaddr srcport dstport protocol packets action", R"(
SELECT interface_id, srcaddr, srcport, dstaddr, dstport, port_name(dstport) AS service,
       sum(packets) AS packets, sum(bytes) AS bytes,
       min(start_time) AS first_seen, max(end_time) AS last_seen
FROM flow_logs
WHERE action = 'REJECT' AND protocol = 6
GROUP BY interface_id, srcaddr, srcport, dstaddr, dstport
ORDER BY packets DESC, srcaddr, srcport, dstaddr, dstport, interface_id
LIMIT {limit})"},
    Report{"VpcFlowLogsRejectedTraffic", "What was refused?",
           "srcaddr dstaddr dstport protocol packets action", R"(
SELECT interface_id, srcaddr, dstaddr, dstport, protocol_name(protocol) AS protocol,
       count(*) AS records, sum(packets) AS packets, sum(bytes) AS bytes,
       min(start_time) AS first_seen, max(end_time) AS last_seen
FROM flow_logs
WHERE action = 'REJECT'
GROUP BY interface_id, srcaddr, dstaddr, dstport, flow_logs.protocol
ORDER BY packets DESC, srcaddr, dstaddr, dstport, flow_logs.protocol, interface_id
LIMIT {limit})"},
    Report{"VpcFlowLogsSshRdpTraffic", "Who uses SSH and RDP?",
           "srcaddr dstaddr srcport dstport protocol bytes", R"(
SELECT interface_id, CASE WHEN 22 IN (srcport, dstport) THEN 'SSH' ELSE 'RDP' END AS service,
       srcaddr, srcport, dstaddr, dstport, action, sum(packets) AS packets, sum(bytes) AS bytes,
       min(start_time) AS first_seen, max(end_time) AS last_seen
FROM flow_logs
WHERE (protocol = 6 AND 22 IN (srcport, dstport))
   OR (protocol IN (6, 17) AND 3389 IN (srcport, dstport))
GROUP BY interface_id, srcaddr, srcport, dstaddr, dstport, action
ORDER BY bytes DESC, srcaddr, srcport, dstaddr, dstport, action, interface_id
LIMIT {limit})"},
    Report{"VpcFlowLogsTopTalkers", "Which addresses have the most traffic?",
           "srcaddr dstaddr bytes", R"(
WITH pairs AS (
  SELECT srcaddr, dstaddr, sum(packets) AS packets, sum(bytes) AS bytes
  FROM flow_logs
  WHERE srcaddr IS NOT NULL
  GROUP BY srcaddr, dstaddr
), ends AS (
  SELECT srcaddr AS address, packets, bytes AS sent, 0 AS received FROM pairs
  UNION ALL
  SELECT dstaddr, packets, 0, bytes FROM pairs
)
SELECT address, sum(packets) AS packets, sum(sent) AS sent_bytes, sum(received) AS received_bytes,
       sum(sent + received) AS bytes
FROM ends
GROUP BY address
ORDER BY bytes DESC, address
LIMIT {limit})"},
    Report{"VpcFlowLogsTopTalkersPacketLevel",
           "Which addresses in the packets' own headers have the most traffic?",
           "pkt-srcaddr pkt-dstaddr bytes", R"(
WITH pairs AS (
  SELECT pkt_srcaddr, pkt_dstaddr, sum(packets) AS packets, sum(bytes) AS bytes
  FROM flow_logs
  WHERE pkt_srcaddr IS NOT NULL
  GROUP BY pkt_srcaddr, pkt_dstaddr
), ends AS (
  SELECT pkt_srcaddr AS address, packets, bytes AS sent, 0 AS received FROM pairs
  UNION ALL
  SELECT pkt_dstaddr, packets, 0, bytes FROM pairs
)
SELECT address, sum(packets) AS packets, sum(sent) AS sent_bytes, sum(received) AS received_bytes,
       sum(sent + received) AS bytes
FROM ends
GROUP BY address
ORDER BY bytes DESC, address
LIMIT {limit})"},
    Report{"VpcFlowLogsTopTalkingInstances", "Which instances have the most traffic?",
           "instance-id bytes", R"(
SELECT instance_id, sum(packets) AS packets, sum(bytes) AS bytes
FROM flow_logs
WHERE instance_id IS NOT NULL AND bytes IS NOT NULL
GROUP BY instance_id
ORDER BY bytes DESC, instance_id
LIMIT {limit})"},
    Report{"VpcFlowLogsTopTalkingSubnets", "Which subnets have the most traffic?",
           "subnet-id bytes", R"(
SELECT subnet_id, sum(packets) AS packets, sum(bytes) AS bytes
FROM flow_logs
WHERE subnet_id IS NOT NULL AND bytes IS NOT NULL
GROUP BY subnet_id
ORDER BY bytes DESC, subnet_id
LIMIT {limit})"},
    Report{"VpcFlowLogsTopTCPTraffic", "Where does one source address send TCP to (--address)?",
           "srcaddr dstaddr dstport protocol bytes", R"(
SELECT interface_id, dstaddr, dstport, port_name(dstport) AS service, action,
       sum(packets) AS packets, sum(bytes) AS bytes,
       min(start_time) AS first_seen, max(end_time) AS last_seen
FROM flow_logs
WHERE {srcaddr is address} AND protocol = 6
GROUP BY interface_id, dstaddr, dstport, action
ORDER BY bytes DESC, dstaddr, dstport, action, interface_id
LIMIT {limit})"},
    Report{"VpcFlowLogsTotalBytesTransferred",
           "Which pairs of source and destination transferred the most bytes?",
           "srcaddr dstaddr bytes", R"(
SELECT srcaddr, dstaddr, sum(packets) AS packets, sum(bytes) AS bytes
FROM flow_logs
WHERE srcaddr IS NOT NULL
GROUP BY srcaddr, dstaddr
ORDER BY bytes DESC, srcaddr, dstaddr
LIMIT {limit})"},
    Report{"VpcFlowLogsTotalBytesTransferredPacketLevel",
           "Which pairs of addresses in the packets' own headers transferred the most bytes?",
           "pkt-srcaddr pkt-dstaddr bytes", R"(
SELECT pkt_srcaddr, pkt_dstaddr, sum(packets) AS packets, sum(bytes) AS bytes
FROM flow_logs
WHERE pkt_srcaddr IS NOT NULL
GROUP BY pkt_srcaddr, pkt_dstaddr
ORDER BY bytes DESC, pkt_srcaddr, pkt_dstaddr
LIMIT {limit})"},
    Report{"VpcFlowLogsTrafficFrmSrcAddr", "What does one address send (--address)?",
           "srcaddr dstaddr dstport protocol bytes", R"(
SELECT interface_id, dstaddr, dstport, protocol_name(protocol) AS protocol, action,
       sum(packets) AS packets, sum(bytes) AS bytes,
       min(start_time) AS first_seen, max(end_time) AS last_seen
FROM flow_logs
WHERE {srcaddr is address}
GROUP BY interface_id, dstaddr, dstport, flow_logs.protocol, action
ORDER BY bytes DESC, dstaddr, dstport, flow_logs.protocol, action, interface_id
LIMIT {limit})"},
    Report{"VpcFlowLogsTrafficToDstAddr", "What is sent to one address (--address)?",
           "srcaddr dstaddr dstport protocol bytes", R"(
SELECT interface_id, srcaddr, dstport, protocol_name(protocol) AS protocol, action,
       sum(packets) AS packets, sum(bytes) AS bytes,
       min(start_time) AS first_seen, max(end_time) AS last_seen
FROM flow_logs
WHERE {dstaddr is address}
GROUP BY interface_id, srcaddr, dstport, flow_logs.protocol, action
ORDER BY bytes DESC, srcaddr, dstport, flow_logs.protocol, action, interface_id
LIMIT {limit})"},
};

}  // namespace

std::span<const Report> aws_reports() {
  return kAwsReports;
}

}  // namespace weir::query
