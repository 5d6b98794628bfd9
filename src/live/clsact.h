// A queueing discipline "clsact" and the filters of it that are ours: how programs are attached
// where there is no tcx.
#pragma once

#include <bpf/libbpf.h>

#include <algorithm>

#include "live/hook.h"

namespace weir::live {

/// All of it works in the calling thread's network namespace. What fails gives a negative errno.
/// The filters have the first priority, where the newest of several comes first; where the kernel
/// has no place for one there (others of another kind, or for one protocol), it chooses.
class Clsact {
 public:
  explicit Clsact(int device) : device_(device) {}
  explicit Clsact(const Remains& remains);

  /// Makes the discipline where there is none, and hangs the programs there. What is first of them
  /// already stays, so that it also repairs.
  int attach(Programs programs);
  /// Puts others in the programs' place.
  int put(Programs programs);
  /// Leaves nothing of ours: the discipline goes too, if it was made here and nobody else uses it.
  void detach();

  [[nodiscard]] Remains remains(const Device& device) const;
  [[nodiscard]] Standing standing() const {
    return std::min(standing_of(ingress_), standing_of(egress_));
  }
  /// Is one of them?
  [[nodiscard]] bool is_there() const { return is_there(ingress_) || is_there(egress_); }

 private:
  /// By the numbers that the kernel gave it.
  struct Filter {
    bpf_tc_attach_point point;
    Remains::Filter known;
  };

  [[nodiscard]] bpf_tc_hook hook_at(bpf_tc_attach_point point) const;
  int put(int program, Filter& filter) const;
  int put(int program, Filter& filter, std::uint32_t priority) const;
  [[nodiscard]] Standing standing_of(const Filter& filter) const;
  [[nodiscard]] bool is_there(const Filter& filter) const;
  void remove(const Filter& filter) const;
  /// Does anything hang there, whoever's it is? If the kernel does not tell, yes.
  [[nodiscard]] bool is_used() const;
  void destroy() const;

  int device_;
  bool is_ours_ = false;
  Filter ingress_{BPF_TC_INGRESS, {}};
  Filter egress_{BPF_TC_EGRESS, {}};
};

}  // namespace weir::live
