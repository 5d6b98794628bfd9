#include "recorder/recorder.h"

#include <gmock/gmock.h>

#include <array>
#include <map>
#include <string>
#include <vector>

#include "record/text.h"
#include "recorder/live_recorder.h"
#include "vpc/read.h"

namespace weir::recorder {
namespace {

using std::chrono::seconds;

constexpr std::uint16_t kEthernet = 1;
constexpr std::uint16_t kRawIp = 101;
constexpr std::int64_t kStart = 1'700'000'400;  // a multiple of 600

constexpr const char* kNetwork = R"({
  "Vpcs": [{"VpcId": "vpc-1", "OwnerId": "123456789012", "CidrBlock": "10.0.0.0/16"}],
  "Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24"}],
  "NetworkAcls": [{"NetworkAclId": "acl-1", "VpcId": "vpc-1", "IsDefault": true, "Entries": [
    {"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "Egress": true, "CidrBlock": "0.0.0.0/0"},
    {"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "Egress": false, "CidrBlock": "0.0.0.0/0"}]}],
  "SecurityGroups": [
    {"GroupId": "sg-open", "VpcId": "vpc-1",
     "IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
     "IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]},
    {"GroupId": "sg-shut", "VpcId": "vpc-1"}],
  "NetworkInterfaces": [
    {"NetworkInterfaceId": "eni-a", "SubnetId": "subnet-1", "Groups": [{"GroupId": "sg-open"}],
     "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.1.5", "Primary": true},
                            {"PrivateIpAddress": "10.0.1.6", "Primary": false}]},
    {"NetworkInterfaceId": "eni-b", "SubnetId": "subnet-1", "Groups": [{"GroupId": "sg-open"}],
     "PrivateIpAddress": "10.0.1.7"},
    {"NetworkInterfaceId": "eni-shut", "SubnetId": "subnet-1", "Groups": [{"GroupId": "sg-shut"}],
     "PrivateIpAddress": "10.0.1.9"}]})";

/// A UDP packet of raw IPv4 without payload: 28 bytes.
std::vector<std::uint8_t> udp(const std::string& src, std::uint16_t srcport, const std::string& dst,
                              std::uint16_t dstport) {
  std::vector<std::uint8_t> bytes = {0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0};
  for (const std::string& text : {src, dst}) {
    const std::uint32_t address = base::Address::parse(text)->ipv4();
    for (unsigned shift = 32; shift != 0; shift -= 8) {
      bytes.push_back(static_cast<std::uint8_t>(address >> (shift - 8)));
    }
  }
  for (const unsigned word : {unsigned{srcport}, unsigned{dstport}, 8U, 0U}) {
    bytes.push_back(static_cast<std::uint8_t>(word >> 8U));
    bytes.push_back(static_cast<std::uint8_t>(word));
  }
  return bytes;
}

/// Keeps the records as lines; after `limit` of them it fails.
class Lines : public RecordSink {
 public:
  explicit Lines(const record::LogFormat& format, std::size_t limit = 1'000'000)
      : format_(format), limit_(limit) {}
  base::Expected<void> add(const record::Record& record) override {
    if (lines.size() == limit_) return base::fail("sink", "is full");
    record::append_line(lines.emplace_back(), record, format_);
    return {};
  }
  base::Expected<void> completed(base::UnixSeconds /*time*/) override { return {}; }

  std::vector<std::string> lines;

 private:
  const record::LogFormat& format_;
  std::size_t limit_;
};

class RecorderTest : public testing::Test {
 protected:
  void SetUp() override {
    vpc::Reading reading = vpc::read_description(kNetwork, "network");
    ASSERT_TRUE(reading.errors.empty()) << reading.errors.front().message();
    network_ = std::move(reading.network);
    policy_ = *policy::Policy::compile(network_);
    format(
        "${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${packets} ${bytes} "
        "${start} ${end} ${action} ${flow-direction} ${log-status}");
    settings_.flow_log.max_aggregation_interval = seconds(60);
  }

  void format(const std::string& text) {
    settings_.flow_log.log_format = *record::LogFormat::parse(text);
  }

  Recorder make(RecordSink& sink) {
    return std::move(*Recorder::make(network_, policy_, services_, settings_, sink));
  }

  void packet(std::int64_t second, std::vector<std::uint8_t> bytes,
              std::uint16_t link_type = kRawIp) {
    bytes_.push_back(std::move(bytes));
    packets_.push_back({base::UnixMicros(seconds(kStart + second)), bytes_.back(),
                        static_cast<std::uint32_t>(bytes_.back().size()), link_type});
  }

  /// Records the packets to the end.
  std::vector<std::string> record() {
    Lines lines(settings_.flow_log.log_format);
    Recorder recorder = make(lines);
    EXPECT_TRUE(recorder.record(packets_).has_value());
    EXPECT_TRUE(recorder.finish().has_value());
    summary_ = recorder.summary();
    EXPECT_EQ(summary_.accounted(), packets_.size());
    EXPECT_EQ(summary_.records, lines.lines.size());
    return lines.lines;
  }

  vpc::Network network_;
  policy::Policy policy_;
  AwsServices services_;
  Settings settings_;
  std::vector<std::vector<std::uint8_t>> bytes_;
  std::vector<capture::CapturedPacket> packets_;
  Summary summary_;
};

TEST_F(RecorderTest, BothInterfacesRecordWhatPassesBetweenThem) {
  packet(1, udp("10.0.1.5", 1000, "10.0.1.7", 53));
  packet(2, udp("10.0.1.5", 1000, "10.0.1.7", 53));
  EXPECT_EQ(record(),
            (std::vector<std::string>{
                "eni-a 10.0.1.5 10.0.1.7 1000 53 2 56 1700000401 1700000402 ACCEPT egress OK",
                "eni-b 10.0.1.5 10.0.1.7 1000 53 2 56 1700000401 1700000402 ACCEPT ingress OK",
                "eni-shut - - - - - - 1700000400 1700000459 - - NODATA"}));
  EXPECT_EQ(summary_.recorded, 2U);
}

TEST_F(RecorderTest, OnlyWhatIsSubscribedIsRecorded) {
  settings_.subscribed = {false, true, false};
  packet(1, udp("10.0.1.5", 1000, "10.0.1.7", 53));
  EXPECT_EQ(record(), (std::vector<std::string>{
                          "eni-b 10.0.1.5 10.0.1.7 1000 53 1 28 1700000401 1700000401 ACCEPT "
                          "ingress OK"}));
}

TEST_F(RecorderTest, WhatTheSendersGroupRefusesNeverReachesTheReceiver) {
  packet(1, udp("10.0.1.9", 1000, "10.0.1.7", 53));
  const auto lines = record();
  EXPECT_EQ(lines[0],
            "eni-shut 10.0.1.9 10.0.1.7 1000 53 1 28 1700000401 1700000401 REJECT egress OK");
  EXPECT_EQ(lines[2], "eni-b - - - - - - 1700000400 1700000459 - - NODATA");
}

TEST_F(RecorderTest, ASecondaryAddressIsRecordedAsThePrimary) {
  packet(1, udp("10.0.1.6", 1000, "203.0.113.1", 53));
  packet(2, udp("10.0.1.5", 1000, "203.0.113.1", 53));
  EXPECT_EQ(record()[0],
            "eni-a 10.0.1.5 203.0.113.1 1000 53 2 56 1700000401 1700000402 ACCEPT egress OK");
}

TEST_F(RecorderTest, WithThePacketsOwnAddressInTheFormatSecondariesAreFlowsOfTheirOwn) {
  format("${srcaddr} ${pkt-srcaddr} ${packets} ${log-status}");
  packet(1, udp("10.0.1.6", 1000, "203.0.113.1", 53));
  packet(2, udp("10.0.1.5", 1000, "203.0.113.1", 53));
  const auto lines = record();
  EXPECT_EQ(lines[0], "10.0.1.5 10.0.1.6 1 OK");
  EXPECT_EQ(lines[1], "10.0.1.5 10.0.1.5 1 OK");
}

TEST_F(RecorderTest, EachWindowHasItsOwnRecordAndItsSilence) {
  packet(59, udp("10.0.1.5", 1000, "203.0.113.1", 53));
  packet(60, udp("10.0.1.5", 1000, "203.0.113.1", 53));
  const auto lines = record();
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_EQ(lines[0],
            "eni-a 10.0.1.5 203.0.113.1 1000 53 1 28 1700000459 1700000459 ACCEPT egress OK");
  EXPECT_EQ(lines[1], "eni-b - - - - - - 1700000400 1700000459 - - NODATA");
  EXPECT_EQ(lines[3],
            "eni-a 10.0.1.5 203.0.113.1 1000 53 1 28 1700000460 1700000460 ACCEPT egress OK");
}

TEST_F(RecorderTest, AnInterfacesOwnCaptureIsRecordedForItAlone) {
  settings_.interface = network_.find_interface("eni-a");
  packet(1, udp("10.0.1.5", 1000, "10.0.1.7", 53));
  packet(2, udp("203.0.113.1", 53, "198.51.100.1", 1000));  // not its address: it came in
  EXPECT_EQ(
      record(),
      (std::vector<std::string>{
          "eni-a 10.0.1.5 10.0.1.7 1000 53 1 28 1700000401 1700000401 ACCEPT egress OK",
          "eni-a 203.0.113.1 10.0.1.5 53 1000 1 28 1700000402 1700000402 ACCEPT ingress OK"}));
}

TEST_F(RecorderTest, EveryPacketCountsInOneClass) {
  packet(1, udp("10.0.1.5", 1000, "203.0.113.1", 53));                        // recorded
  packet(1, udp("198.51.100.1", 1, "203.0.113.1", 53));                       // no interface
  packet(1, udp("10.0.1.5", 1000, "10.0.0.2", 53));                           // Amazon's DNS
  packet(1, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x08, 0x06}, kEthernet);  // ARP
  packet(1, {0x45, 0, 0, 19}, kRawIp);                                        // contradicts itself
  packet(1, udp("10.0.1.5", 1000, "203.0.113.1", 53), 9999);                  // unknown link
  packet(1, udp("10.0.1.5", 1000, "203.0.113.1", 53));                        // cut, see below
  packets_.back().bytes = packets_.back().bytes.first(21);
  record();
  EXPECT_EQ(summary_.recorded, 1U);
  EXPECT_EQ(summary_.no_interface, 1U);
  EXPECT_EQ(summary_.not_logged, 1U);
  EXPECT_EQ(summary_.not_ip, 1U);
  EXPECT_EQ(summary_.malformed, 1U);
  EXPECT_EQ(summary_.unknown_link, 1U);
  EXPECT_EQ(summary_.truncated, 1U);
}

TEST_F(RecorderTest, RejectsAloneLeaveTheOthersFilteredOut) {
  settings_.flow_log.traffic_type = deliver::TrafficType::reject;
  packet(1, udp("10.0.1.9", 1000, "10.0.1.7", 53));
  packet(1, udp("10.0.1.5", 1000, "10.0.1.7", 53));
  record();
  EXPECT_EQ(summary_.recorded, 1U);
  EXPECT_EQ(summary_.filtered_out, 1U);
}

TEST_F(RecorderTest, ManyBlocksOfPacketsAreCountedFlowByFlow) {
  format("${srcport} ${packets} ${flow-direction} ${log-status}");
  std::map<std::string, int> expected;
  for (int i = 0; i < 20'000; ++i) {
    const int port = i * i % 1009;
    ++expected[std::to_string(port)];
    packet(i / 1000, udp("10.0.1.5", static_cast<std::uint16_t>(port), "203.0.113.1", 53));
  }
  std::map<std::string, int> counted;
  for (const std::string& line : record()) {
    if (line.ends_with("OK")) {
      counted[line.substr(0, line.find(' '))] += std::stoi(line.substr(line.find(' ')));
    }
  }
  EXPECT_EQ(counted, expected);
}

TEST_F(RecorderTest, TheSinksErrorComesBackAndEndsTheRecording) {
  Lines lines(settings_.flow_log.log_format, 1);
  Recorder recorder = make(lines);
  for (int i = 0; i < 5000; ++i) packet(200 + i, udp("10.0.1.5", 1000, "203.0.113.1", 53));
  base::Expected<void> done;
  while (done) done = recorder.record(packets_);
  EXPECT_EQ(done.error().message(), "sink: is full");
  EXPECT_FALSE(recorder.finish().has_value());
}

TEST_F(RecorderTest, LeftWithoutAnEndItStopsQuietly) {
  packet(1, udp("10.0.1.5", 1000, "203.0.113.1", 53));
  Lines lines(settings_.flow_log.log_format);
  {
    Recorder recorder = make(lines);
    EXPECT_TRUE(recorder.record(packets_).has_value());
  }
  EXPECT_TRUE(lines.lines.empty());
}

TEST_F(RecorderTest, AnAddressOfTwoInterfacesNeedsToBeToldWhoseCaptureItIs) {
  network_.interfaces[1].ipv4 = network_.interfaces[0].ipv4;
  network_.index();
  Lines lines(settings_.flow_log.log_format);
  const auto recorder = Recorder::make(network_, policy_, services_, settings_, lines);
  ASSERT_FALSE(recorder.has_value());
  EXPECT_EQ(recorder.error().message(),
            "10.0.1.5: belongs to eni-a and to eni-b; name the interface that the capture is of "
            "with --interface");
}

TEST_F(RecorderTest, WhatTheKernelRecordedMakesTheSameRecords) {
  Lines lines(settings_.flow_log.log_format);
  LiveRecorder recorder(network_, policy_, services_, settings_, lines);
  const auto at = [](std::int64_t second) { return base::UnixMicros(seconds(kStart + second)); };
  live::DrainedFlow flow;
  flow.direction = vpc::Direction::ingress;
  flow.src = *base::Address::parse("203.0.113.1");
  flow.dst = *base::Address::parse("10.0.1.6");  // not the primary address
  flow.srcport = 50000;
  flow.dstport = 53;
  flow.protocol = WEIR_UDP;
  flow.counters.accept = 1;
  flow.counters.packets = 3;
  flow.counters.bytes = 300;
  const vpc::InterfaceIndex a{0};
  const vpc::InterfaceIndex b{1};
  const auto add = [&](std::int64_t first, std::int64_t last) {
    flow.first = at(first);
    flow.last = at(last);
    ASSERT_TRUE(recorder.add(flow, a));
  };
  ASSERT_TRUE(recorder.pass(at(1)));
  add(61, 62);  // flows of one drain come in no order
  add(5, 9);
  add(2, 7);
  ASSERT_TRUE(recorder.skipped(b, at(64)));
  EXPECT_TRUE(lines.lines.empty()) << "more of the drain may come";
  ASSERT_TRUE(recorder.pass(at(64)));
  EXPECT_EQ(lines.lines.size(), 3U);
  flow.counters.accept = 0;  // then the rules were changed
  flow.counters.packets = 1;
  add(59, 63);  // by a coarse clock
  ASSERT_TRUE(recorder.pass(at(118)));
  EXPECT_EQ(lines.lines.size(), 3U);
  flow.counters.packets = 2;
  flow.dstport = 54;
  add(119, 120);  // drained after the edge: its record must not end in the next window
  ASSERT_TRUE(recorder.pass(at(120)));

  const auto time = [](std::int64_t second) { return std::to_string(kStart + second); };
  const std::string without_flow = " - - - - - - ";
  EXPECT_EQ(lines.lines,
            (std::vector<std::string>{
                "eni-a 203.0.113.1 10.0.1.5 50000 53 6 600 " + time(2) + " " + time(9) +
                    " ACCEPT ingress OK",
                "eni-b" + without_flow + time(0) + " " + time(59) + " - - SKIPDATA",
                "eni-shut" + without_flow + time(0) + " " + time(59) + " - - NODATA",
                "eni-a 203.0.113.1 10.0.1.5 50000 53 3 300 " + time(61) + " " + time(62) +
                    " ACCEPT ingress OK",
                "eni-a 203.0.113.1 10.0.1.5 50000 53 1 300 " + time(64) + " " + time(64) +
                    " REJECT ingress OK",
                "eni-a 203.0.113.1 10.0.1.5 50000 54 2 300 " + time(119) + " " + time(119) +
                    " REJECT ingress OK",
                "eni-b" + without_flow + time(60) + " " + time(119) + " - - SKIPDATA",
                "eni-shut" + without_flow + time(60) + " " + time(119) + " - - NODATA"}));
}

TEST_F(RecorderTest, WhatFoundNoRoomBeforeTheClockWasSetBackIsMissedInTheWindowOfItsFlowsToo) {
  Lines lines(settings_.flow_log.log_format);
  LiveRecorder recorder(network_, policy_, services_, settings_, lines);
  const auto at = [](std::int64_t second) { return base::UnixMicros(seconds(kStart + second)); };
  ASSERT_TRUE(recorder.pass(at(130)));
  ASSERT_TRUE(recorder.skipped(vpc::InterfaceIndex{1}, at(10)));
  ASSERT_TRUE(recorder.pass(at(10)));
  ASSERT_TRUE(recorder.pass(at(300)));
  std::vector<std::string> skipped;
  for (const std::string& line : lines.lines) {
    if (line.ends_with("SKIPDATA")) skipped.push_back(line);
  }
  const auto time = [](std::int64_t second) { return std::to_string(kStart + second); };
  const std::string without_flow = "eni-b - - - - - - ";
  EXPECT_THAT(skipped, ::testing::UnorderedElementsAre(
                           without_flow + time(0) + " " + time(59) + " - - SKIPDATA",
                           without_flow + time(120) + " " + time(179) + " - - SKIPDATA"));
}

}  // namespace
}  // namespace weir::recorder
