// When objects are published where weir.toml does not say it: with AWS's five minutes.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "integration/recorded_network.h"

namespace weir::service {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAreArray;

class Mark : public Recorded {
 protected:
  void tick_until(base::UnixMicros time) { tick(std::chrono::ceil<seconds>(time - now)); }
  /// "60 OK" of each ingress record and NODATA, by its window's seconds since `first`.
  [[nodiscard]] std::vector<std::string> told_since(base::UnixSeconds first) const {
    std::vector<std::string> out;
    for (const Line& line : lines()) {
      if (line.direction == "egress") continue;
      const base::UnixSeconds start(seconds(std::stoll(line.start)));
      const auto window = base::aligned(start, minutes(1)) - first;
      out.push_back(std::to_string(window.count()) + " " + line.status);
    }
    return out;
  }
};

TEST_F(Mark, HasAllObjectsOfItsFiveMinutesInTheFirstTickAndNoneComesBefore) {
  describe({{"eni-1", "10.0.0.10", "eth0"}});
  start();
  const auto begin = base::aligned(base::second_of(now), minutes(5));
  send(3);
  tick();
  tick_until(begin + minutes(5) - seconds(1));
  EXPECT_THAT(lines(), IsEmpty());
  tick_until(begin + minutes(5));
  EXPECT_EQ(recorded("eni-1", "ingress"), 3U);
  const std::vector<std::string> first{"0 OK", "60 NODATA", "120 NODATA", "180 NODATA",
                                       "240 NODATA"};
  EXPECT_THAT(told_since(begin), UnorderedElementsAreArray(first));

  send(2);
  tick_until(begin + minutes(10) - seconds(1));
  EXPECT_THAT(told_since(begin), UnorderedElementsAreArray(first));
  tick_until(begin + minutes(10));
  EXPECT_EQ(recorded("eni-1", "ingress"), 5U);
  EXPECT_THAT(told_since(begin), ::testing::SizeIs(10));
  stop();
}

}  // namespace
}  // namespace weir::service
