// Where finished objects go from the folder in which they are written.
#pragma once

#include <filesystem>

#include "base/error.h"
#include "deliver/publisher.h"

namespace weir::deliver {

/// Takes objects that are whole, under their final names, in a folder of our own (the spool's, or
/// one for a single run). Who keeps them elsewhere removes each file when, and only
/// when, it surely holds it.
class Handover {
 public:
  virtual ~Handover() = default;
  /// Takes over one object; it may still be under way when the call returns. Error: one that was
  /// taken before cannot be delivered, so that it makes no sense to go on.
  virtual base::Expected<void> take(const PublishedObject& object,
                                    const std::filesystem::path& file) = 0;
  /// Waits for all that was taken. Error: the first of those that could not be delivered.
  virtual base::Expected<void> finish() = 0;
};

}  // namespace weir::deliver
