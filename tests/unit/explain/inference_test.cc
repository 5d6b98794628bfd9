// The table of facts/flow-logs.md §8.5, and what an expert adds to it.
#include "explain/inference.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::explain {
namespace {

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kIcmp = 1;

enum class Way { there, back };

/// A conversation from 10.0.0.1 port 40000 to 10.0.9.9 port 443.
class Talk {
 public:
  explicit Talk(std::uint8_t protocol) { conversation_.protocol = protocol; }

  Talk& accept(Way way, int start, int end, std::optional<std::uint8_t> flags = std::nullopt) {
    return add(way, start, end, flags, true);
  }
  /// What it is all about.
  Talk& refuse(Way way, int start, int end, std::optional<std::uint8_t> flags = std::nullopt) {
    refused_ = conversation_.flows.size();
    return add(way, start, end, flags, false);
  }
  Talk& sized(std::uint64_t packets, std::uint64_t bytes) {
    conversation_.flows.back().packets = packets;
    conversation_.flows.back().bytes = bytes;
    return *this;
  }

  [[nodiscard]] Inference infer(bool is_within_subnet = false) const {
    return explain::infer(conversation_, refused_, is_within_subnet);
  }
  [[nodiscard]] Cause cause() const { return infer().cause; }

 private:
  Talk& add(Way way, int start, int end, std::optional<std::uint8_t> flags, bool is_accepted) {
    LoggedFlow flow;
    flow.srcaddr = way == Way::there ? "10.0.0.1" : "10.0.9.9";
    flow.dstaddr = way == Way::there ? "10.0.9.9" : "10.0.0.1";
    const bool has_ports = conversation_.protocol != kIcmp;
    flow.srcport = !has_ports ? 0 : way == Way::there ? 40000 : 443;
    flow.dstport = !has_ports ? 0 : way == Way::there ? 443 : 40000;
    flow.packets = 2;
    flow.bytes = 168;
    flow.start = base::UnixSeconds(std::chrono::seconds(start));
    flow.end = base::UnixSeconds(std::chrono::seconds(end));
    flow.is_accepted = is_accepted;
    flow.tcp_flags = flags;
    conversation_.flows.push_back(flow);
    return *this;
  }

  Conversation conversation_;
  std::size_t refused_ = 0;
};

TEST(Inference, ARefusedReplyToAnAcceptedRequestIsTheAclsDoing) {
  const auto inference =
      Talk(kTcp).accept(Way::there, 100, 103).refuse(Way::back, 100, 103).infer();
  EXPECT_EQ(inference.cause, Cause::network_acl);
  EXPECT_EQ(inference.reason, Reason::reply_refused);
  EXPECT_EQ(inference.evidence, std::vector<std::size_t>{0});
}

TEST(Inference, ALoneRefusedRequestIsUndecided) {
  EXPECT_EQ(Talk(kTcp).refuse(Way::there, 100, 103).cause(), Cause::undecided);
}

TEST(Inference, WithinASubnetALoneRefusedRequestIsTheGroupsDoing) {
  EXPECT_EQ(Talk(kTcp).refuse(Way::there, 100, 103).infer(true).cause, Cause::security_group);
}

TEST(Inference, ASynIsARequestEvenIfTheOtherDirectionWasAccepted) {
  EXPECT_EQ(Talk(kTcp).accept(Way::there, 90, 95, 0).refuse(Way::back, 100, 103, 2).cause(),
            Cause::undecided);
}

TEST(Inference, APacketAfterTheCloseIsNobodysRule) {
  const auto inference = Talk(kTcp)
                             .accept(Way::there, 100, 110, 3)
                             .accept(Way::back, 100, 110, 19)
                             .refuse(Way::back, 130, 130, 4)
                             .infer();
  EXPECT_EQ(inference.cause, Cause::connection_closed);
  EXPECT_EQ(inference.evidence, (std::vector<std::size_t>{1, 0}));
}

TEST(Inference, WithoutFlagsTheOrderTellsThatAConnectionWasClosed) {
  EXPECT_EQ(Talk(kTcp)
                .accept(Way::there, 100, 110)
                .accept(Way::back, 100, 110)
                .refuse(Way::there, 130, 130)
                .cause(),
            Cause::connection_closed);
}

TEST(Inference, ALatePacketWhoseFlagsShowNoCloseIsUndecided) {
  EXPECT_EQ(Talk(kTcp)
                .accept(Way::there, 100, 110, 2)
                .accept(Way::back, 100, 110, 18)
                .refuse(Way::back, 130, 130, 0)
                .cause(),
            Cause::undecided);
}

TEST(Inference, FlowsOfAWindowThatShareTheirTimesAreToldByTheirFlags) {
  EXPECT_EQ(Talk(kTcp)
                .accept(Way::there, 100, 160, 3)
                .accept(Way::back, 100, 160, 19)
                .refuse(Way::back, 100, 160, 4)
                .cause(),
            Cause::connection_closed);
}

TEST(Inference, ChangedRulesInMidWindowAreNotGuessedAt) {
  EXPECT_EQ(Talk(kTcp)
                .accept(Way::there, 100, 160)
                .accept(Way::back, 100, 160)
                .refuse(Way::back, 100, 160)
                .cause(),
            Cause::undecided);
}

TEST(Inference, ARefusedRequestThatIsLaterAcceptedIsUndecided) {
  EXPECT_EQ(Talk(kTcp)
                .refuse(Way::there, 100, 103)
                .accept(Way::there, 110, 120)
                .accept(Way::back, 110, 120)
                .cause(),
            Cause::undecided);
}

TEST(Inference, WhatIsAcceptedOnceTheOtherSideHasSpokenIsNotTheAclsDoing) {
  EXPECT_EQ(Talk(kUdp)
                .refuse(Way::back, 100, 100)
                .accept(Way::there, 105, 106)
                .accept(Way::back, 106, 106)
                .cause(),
            Cause::security_group);
}

TEST(Inference, AfterTheSilenceOfADatagramFlowTheGroupHasForgotten) {
  Talk talk(kUdp);
  talk.accept(Way::there, 100, 100).accept(Way::back, 100, 100).refuse(Way::back, 400, 400);
  EXPECT_EQ(talk.cause(), Cause::security_group);
}

TEST(Inference, ALateReplyMayHaveBeenForgotten) {
  EXPECT_EQ(Talk(kUdp).accept(Way::there, 100, 100).refuse(Way::back, 131, 131).cause(),
            Cause::undecided);
  EXPECT_EQ(Talk(kUdp).accept(Way::there, 100, 100).refuse(Way::back, 130, 130).cause(),
            Cause::network_acl);
  EXPECT_EQ(Talk(kTcp).accept(Way::there, 100, 100).refuse(Way::back, 221, 221).cause(),
            Cause::undecided);
}

TEST(Inference, WithinASecondTheClientsPortTellsTheRequest) {
  EXPECT_EQ(Talk(kUdp).accept(Way::back, 100, 100).refuse(Way::there, 100, 100).cause(),
            Cause::undecided);
}

TEST(Inference, AnEchosReplyIsAsLongAsItsRequest) {
  Talk ping(kIcmp);
  ping.accept(Way::there, 100, 103).sized(4, 336).refuse(Way::back, 100, 103).sized(4, 336);
  EXPECT_EQ(ping.cause(), Cause::network_acl);
  Talk error(kIcmp);
  error.accept(Way::there, 100, 103).sized(4, 336).refuse(Way::back, 100, 103).sized(4, 448);
  EXPECT_EQ(error.cause(), Cause::undecided);
}

}  // namespace
}  // namespace weir::explain
