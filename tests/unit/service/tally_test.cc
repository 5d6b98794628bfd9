#include "service/tally.h"

#include <gtest/gtest.h>

namespace weir::service {
namespace {

live::PointAccount account(std::uint64_t seen, std::uint64_t recorded) {
  live::PointAccount made;
  made.recorded = recorded;
  made.counts.of[WEIR_SEEN] = seen;
  return made;
}

class Tallied : public ::testing::Test {
 protected:
  void drain(const live::PointAccount& point) {
    tally.begin_drain({});
    tally.add(point, "eni-1");
    tally.end_drain({}, {});
  }

  Tally tally;
};

TEST_F(Tallied, AccountsThatAddUpAreNoMismatch) {
  live::PointAccount whole = account(10, 3);
  whole.not_logged = 2;
  whole.counts.of[WEIR_SEEN_NOT_IP] = 1;
  whole.counts.of[WEIR_OVERFLOW_REJECT] = 4;
  drain(whole);
  EXPECT_EQ(tally.at("eni-1")[0].seen, 10U);
  EXPECT_EQ(tally.at("eni-1")[0].mismatch, 0U);
}

TEST_F(Tallied, WhatIsMissingInOneDrainAndTooMuchInTheNextStaysAMismatch) {
  drain(account(10, 9));
  EXPECT_EQ(tally.at("eni-1")[0].mismatch, 1U);
  drain(account(10, 11));
  EXPECT_EQ(tally.at("eni-1")[0].mismatch, 2U);
  EXPECT_EQ(tally.at("eni-1")[1].mismatch, 0U);
}

}  // namespace
}  // namespace weir::service
