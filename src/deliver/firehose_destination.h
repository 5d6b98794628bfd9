// Data Firehose as a destination.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "aws/firehose.h"
#include "deliver/event_destination.h"

namespace weir::deliver {

/// Puts events into a delivery stream, each as {"message":"…"} and a newline. Firehose makes no
/// promise of order. Records that it refuses out of a call are sent again, and they alone.
class FirehoseDestination : public EventDestination {
 public:
  FirehoseDestination(std::shared_ptr<aws::Firehose> firehose, std::string stream,
                      std::function<void()> cancel)
      : EventDestination(std::move(cancel)),
        firehose_(std::move(firehose)),
        stream_(std::move(stream)) {}

  [[nodiscard]] std::string name() const override { return "delivery stream " + stream_; }

 private:
  aws::Result<void> send_some(Rest& rest, aws::Backoff& backoff, EventTally& tally) override;
  [[nodiscard]] aws::Backoff backoff() const override { return firehose_->backoff(); }

  std::shared_ptr<aws::Firehose> firehose_;
  std::string stream_;
};

}  // namespace weir::deliver
