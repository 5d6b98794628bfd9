// What each drain hands over, as lines of text, for whoever looks on.
#pragma once

#include <cstdint>
#include <string>

#include "recorder/live_recorder.h"
#include "service/plan.h"

namespace weir::service {

/// What drains handed over, for people to look at. It may be a part of it: records are made of
/// all of it elsewhere.
struct FlowLines {
  std::string text;            ///< records in FlowStream's format, each with its newline
  std::uint64_t left_out = 0;  ///< flows beyond those that are shown

  void append(const FlowLines& more) {
    text += more.text;
    left_out += more.left_out;
  }
};

/// For one thread.
class FlowStream : private recorder::RecordSink {
 public:
  /// So many flows of a drain are shown of each verdict: more would take longer than the tick has
  /// time, and nobody could read them. A flood of one does not hide the other.
  static constexpr std::uint64_t kMostFlows = 10'000;

  /// The names of its fields, as an object's first line has them.
  static std::string header();

  /// The plan outlives the stream.
  explicit FlowStream(const Plan& plan);
  FlowStream(const FlowStream&) = delete;
  FlowStream& operator=(const FlowStream&) = delete;
  ~FlowStream() override = default;

  void add(const live::DrainedFlow& flow, vpc::InterfaceIndex interface);
  void skipped(vpc::InterfaceIndex interface, base::UnixMicros now);
  /// The drain of `now` has been added.
  FlowLines take(base::UnixMicros now);

 private:
  base::Expected<void> add(const record::Record& record) override;
  base::Expected<void> completed(base::UnixSeconds /*time*/) override { return {}; }

  recorder::Settings settings_;
  recorder::LiveRecorder recorder_;
  std::uint64_t accepted_ = 0;
  std::uint64_t rejected_ = 0;
  FlowLines lines_;
};

}  // namespace weir::service
