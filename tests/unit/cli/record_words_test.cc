// Names and services; tests/conformance/test_tail.py has the sentences.
#include "cli/record_words.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::cli {
namespace {

using record::FieldId;

LoggedRecord flow(std::string_view source, std::string_view destination, std::string_view flags) {
  static const auto kFormat = std::make_shared<RecordFormat>(
      logs::LineReader::Columns{"interface-id", "srcaddr", "dstaddr", "srcport", "dstport",
                                "protocol", "tcp-flags", "start"});
  return {kFormat, {"eni-1", "10.0.0.5", "10.0.0.6", source, destination, "6", flags, "100"}};
}

TEST(RecordWords, TheServiceIsTheDestinationsUnlessItIsAReply) {
  const RecordWords words;
  EXPECT_EQ(words.service(flow("40000", "443", "-")), "https (443/TCP)");
  EXPECT_EQ(words.service(flow("443", "40000", "-")), "reply of https (443/TCP)");
  EXPECT_EQ(words.service(flow("40000", "9999", "-")), "port 9999/TCP");
}

TEST(RecordWords, FlagsOutweighTheNamesOfPorts) {
  const RecordWords words;
  EXPECT_EQ(words.service(flow("443", "40000", "2")), "port 40000/TCP");
  EXPECT_EQ(words.service(flow("9999", "443", "18")), "reply of port 9999/TCP");
  EXPECT_EQ(words.service(flow("9999", "443", "19")), "reply of port 9999/TCP");
}

TEST(RecordWords, WhatIsNoNumberBreaksNothing) {
  const RecordWords words;
  EXPECT_EQ(words.service(flow("x", "-", "\x1b")), "TCP");
  EXPECT_EQ(words.service(flow("99999999999999999999", "443", "-1")), "https (443/TCP)");
}

TEST(RecordWords, WhereVpcsOverlapTheOwnerInTheRecordingInterfacesVpcGivesTheName) {
  vpc::Network network;
  const auto add = [&](std::uint32_t vpc, const char* id, const char* address, const char* name) {
    vpc::NetworkInterface interface;
    interface.id = id;
    interface.vpc = vpc::VpcIndex(vpc);
    interface.ipv4 = {*base::Address::parse(address)};
    interface.name = name;
    network.interfaces.push_back(interface);
  };
  add(0, "eni-0", "10.0.0.6", "theirs");
  add(1, "eni-1", "10.0.0.5", "web");
  add(1, "eni-2", "10.0.0.6", "ours");
  network.index();
  const RecordWords words(&network);
  const LoggedRecord record = flow("40000", "443", "-");
  EXPECT_EQ(words.interface(record), "web");
  EXPECT_EQ(words.address(record, FieldId::srcaddr), "10.0.0.5 (web)");
  EXPECT_EQ(words.address(record, FieldId::dstaddr), "10.0.0.6 (ours)");
}

TEST(LoggedRecord, AKeptRecordOwnsItsText) {
  std::string line = "eni-9 10.0.0.7";
  const auto format =
      std::make_shared<RecordFormat>(logs::LineReader::Columns{"interface-id", "srcaddr"});
  const std::string_view view = line;
  const LoggedRecord kept = LoggedRecord(format, {view.substr(0, 5), view.substr(6)}).kept();
  line.assign(line.size(), 'x');
  EXPECT_EQ(kept.text(FieldId::interface_id), "eni-9");
  EXPECT_EQ(kept.text(FieldId::srcaddr), "10.0.0.7");
}

}  // namespace
}  // namespace weir::cli
