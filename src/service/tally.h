// Counts what the drains hand over, by interface and direction.
#pragma once

#include <array>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "live/datapath.h"
#include "service/report.h"

namespace weir::service {

class Tally {
 public:
  using Clock = std::chrono::steady_clock;

  void begin_drain(Clock::time_point start);
  /// `id` is the interface's.
  void add(const live::DrainedFlow& flow, const std::string& id);
  void add(const live::PointAccount& account, const std::string& id);
  void end_drain(Clock::time_point end, base::UnixMicros now);

  /// Of an interface since the service began, by direction.
  [[nodiscard]] std::array<PointFigures, 2> at(const std::string& id) const;
  [[nodiscard]] const DrainFigures& drains() const { return drains_; }

 private:
  using Directions = std::array<PointFigures, 2>;

  PointFigures& figures(live::Port port, vpc::Direction direction, const std::string& id);

  std::map<std::string, Directions> by_id_;
  /// Of one drain, so that an interface is looked for once: later the port may be another one's.
  std::vector<Directions*> by_port_;
  DrainFigures drains_;
  Clock::time_point start_;
};

}  // namespace weir::service
