// AWS's published lines, made from records.
#include "record/text.h"

#include <gtest/gtest.h>

#include "samples.h"

namespace weir::record {
namespace {

std::string line(const Record& record, std::string_view format = "default") {
  std::string out;
  append_line(out, record, LogFormat::parse(format).value());
  return out;
}

Record rejected(Record record) {
  record.flow.action = Action::reject;
  return record;
}

TEST(Text, TheHeaderNamesTheFieldsAsAwsDoes) {
  EXPECT_EQ(
      header_line(LogFormat()),
      "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes "
      "start end action log-status");
  EXPECT_EQ(header_line(LogFormat::parse("${pkt-srcaddr}").value()), "pkt-srcaddr");
}

TEST(Text, AwssSshAndRdpSamples) {
  EXPECT_EQ(line(tcp("172.31.16.139", 20641, "172.31.16.21", 22, 20, 4249, 1418530010, 1418530070)),
            "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 "
            "1418530010 1418530070 ACCEPT OK");
  EXPECT_EQ(line(rejected(
                tcp("172.31.9.69", 49761, "172.31.9.12", 3389, 20, 4249, 1418530010, 1418530070))),
            "2 123456789010 eni-1235b8ca123456789 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 "
            "1418530010 1418530070 REJECT OK");
}

TEST(Text, AwssPingSample) {
  Record request = tcp("203.0.113.12", 0, "172.31.16.139", 0, 4, 336, 1432917027, 1432917142);
  Record reply =
      rejected(tcp("172.31.16.139", 0, "203.0.113.12", 0, 4, 336, 1432917094, 1432917142));
  request.flow.protocol = reply.flow.protocol = 1;
  EXPECT_EQ(
      line(request),
      "2 123456789010 eni-1235b8ca123456789 203.0.113.12 172.31.16.139 0 0 1 4 336 1432917027 "
      "1432917142 ACCEPT OK");
  EXPECT_EQ(
      line(reply),
      "2 123456789010 eni-1235b8ca123456789 172.31.16.139 203.0.113.12 0 0 1 4 336 1432917094 "
      "1432917142 REJECT OK");
}

TEST(Text, AwssIpv6Sample) {
  EXPECT_EQ(
      line(tcp("2001:db8:1234:a100:8d6e:3477:df66:f105", 34892,
               "2001:db8:1234:a102:3304:8879:34cf:4071", 22, 54, 8855, 1477913708, 1477913820)),
      "2 123456789010 eni-1235b8ca123456789 2001:db8:1234:a100:8d6e:3477:df66:f105 "
      "2001:db8:1234:a102:3304:8879:34cf:4071 34892 22 6 54 8855 1477913708 1477913820 "
      "ACCEPT OK");
}

TEST(Text, AwssNodataAndSkipdataSamples) {
  EXPECT_EQ(line(without_flow(LogStatus::nodata, 1431280876, 1431280934)),
            "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA");
  EXPECT_EQ(line(without_flow(LogStatus::skipdata, 1431280876, 1431280934)),
            "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - SKIPDATA");
}

TEST(Text, AwssTcpFlagSequence) {
  constexpr std::string_view kFormat =
      "${version} ${vpc-id} ${subnet-id} ${instance-id} ${interface-id} ${account-id} ${type} "
      "${srcaddr} ${dstaddr} ${srcport} ${dstport} ${pkt-srcaddr} ${pkt-dstaddr} ${protocol} "
      "${bytes} ${packets} ${start} ${end} ${action} ${tcp-flags} ${log-status}";
  const std::string head =
      "3 vpc-abcdefab012345678 subnet-aaaaaaaa012345678 i-01234567890123456 eni-1235b8ca123456789 "
      "123456789010 IPv4 ";
  Record open = tcp("52.213.180.42", 43416, "10.0.0.62", 5001, 8, 568, 1566848875, 1566848933);
  open.flow.tcp_flags = 2;
  EXPECT_EQ(line(open, kFormat),
            head +
                "52.213.180.42 10.0.0.62 43416 5001 52.213.180.42 10.0.0.62 6 568 8 1566848875 "
                "1566848933 ACCEPT 2 OK");
  Record close =
      tcp("52.213.180.42", 43416, "10.0.0.62", 5001, 1219, 63388, 1566848933, 1566849113);
  close.flow.tcp_flags = 1;
  EXPECT_EQ(line(close, kFormat),
            head +
                "52.213.180.42 10.0.0.62 43416 5001 52.213.180.42 10.0.0.62 6 63388 1219 "
                "1566848933 1566849113 ACCEPT 1 OK");
  EXPECT_EQ(
      line(without_flow(LogStatus::skipdata, 1566848875, 1566848933), kFormat),
      head.substr(0, head.find("IPv4")) + "- - - - - - - - - - 1566848875 1566848933 - - SKIPDATA");
}

TEST(Text, AwssNatGatewaySampleShowsTheInterfacesAddressAndThePackets) {
  const InterfaceMetadata nat = bare_interface("", "eni-1235b8ca123456789");
  Record record = tcp("10.0.1.5", 39812, "203.0.113.5", 80, 1, 60, 0, 0);
  record.interface = &nat;
  record.flow.dstaddr = address("10.0.0.220");
  EXPECT_EQ(line(record,
                 "${instance-id} ${interface-id} ${srcaddr} ${dstaddr} ${pkt-srcaddr} "
                 "${pkt-dstaddr}"),
            "- eni-1235b8ca123456789 10.0.1.5 10.0.0.220 10.0.1.5 203.0.113.5");
}

TEST(Text, AwssS3SampleOfVersion5) {
  Record record = tcp("10.0.0.71", 34210, "52.95.128.179", 443, 20, 1024, 1616729292, 1616729349);
  record.flow.tcp_flags = 3;
  record.flow.direction = FlowDirection::egress;
  record.flow.pkt_dst_aws_service = "S3";
  record.flow.traffic_path = 8;
  EXPECT_EQ(line(record,
                 "${version} ${action} ${tcp-flags} ${pkt-srcaddr} ${pkt-dstaddr} "
                 "${pkt-src-aws-service} ${pkt-dst-aws-service} ${traffic-path} ${flow-direction} "
                 "${log-status}"),
            "5 ACCEPT 3 10.0.0.71 52.95.128.179 - S3 8 egress OK");
}

TEST(Text, TheSkipdataRecordOfTwentyNineFieldsThatWasPublished) {
  InterfaceMetadata interface = bare_interface("325352056000", "eni-03a3504cbdd789000");
  interface.vpc_id = "vpc-bcd5b000";
  interface.subnet_id = "subnet-f27b1000";
  interface.instance_id = "i-085c8f3d12aa57000";
  interface.region = "ap-northeast-1";
  interface.az_id = "apne1-az1";
  Record record = without_flow(LogStatus::skipdata, 1700185000, 1700185000);
  record.interface = &interface;
  EXPECT_EQ(line(record,
                 "${account-id} ${action} ${az-id} ${bytes} ${dstaddr} ${dstport} ${end} "
                 "${flow-direction} ${instance-id} ${interface-id} ${log-status} ${packets} "
                 "${pkt-dst-aws-service} ${pkt-dstaddr} ${pkt-src-aws-service} ${pkt-srcaddr} "
                 "${protocol} ${region} ${srcaddr} ${srcport} ${start} ${sublocation-id} "
                 "${sublocation-type} ${subnet-id} ${tcp-flags} ${traffic-path} ${type} ${version} "
                 "${vpc-id}"),
            "325352056000 - apne1-az1 - - - 1700185000 - i-085c8f3d12aa57000 eni-03a3504cbdd789000 "
            "SKIPDATA - - - - - - ap-northeast-1 - - 1700185000 - - subnet-f27b1000 - - - 5 "
            "vpc-bcd5b000");
}

TEST(Text, LinesAreAppended) {
  std::string out = "before\n";
  append_line(out, full_reject(), LogFormat::parse("${srcaddr} ${bytes}").value());
  EXPECT_EQ(out, "before\n10.0.0.220 376");
}

}  // namespace
}  // namespace weir::record
