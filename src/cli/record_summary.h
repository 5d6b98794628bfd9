// What `weir record` says at its end, on stderr: what became of the packets, where the records are.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "capture/reader.h"
#include "deliver/event_destination.h"
#include "deliver/record_writer.h"
#include "recorder/recorder.h"

namespace weir::cli {

/// Every class of packets that is not empty, and what makes a figure inexact. `interface_id` is
/// that of `--interface`, or empty; `is_written` tells whether every record was.
void print_summary(const std::string& capture, const std::string& interface_id,
                   const recorder::Summary& summary, bool is_written,
                   std::span<const capture::CaptureInterface> interfaces);

/// The first objects by name, and how many of the records that were `made` are in none.
void print_objects(const std::string& destination, std::uint64_t made,
                   std::span<const deliver::PublishedObject> objects);

/// What became of events, by how they were settled.
void print_events(const std::string& destination, std::uint64_t made,
                  std::span<const deliver::PublishedObject> segments,
                  const deliver::EventTally& tally);

}  // namespace weir::cli
