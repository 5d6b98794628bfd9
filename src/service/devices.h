// The interfaces of a plan at their devices, which come and go.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/time.h"
#include "live/datapath.h"
#include "live/hook.h"
#include "service/plan.h"

namespace weir::service {

/// An interface that is to be recorded, and its device while that is there.
struct Watched {
  Place place;
  std::string id;
  std::optional<live::Port> port;
  live::Mode mode = live::Mode::observe;  ///< of the port's programs
  bool has_link_header = false;           ///< the same
  bool is_own = true;                     ///< the device has the interface's addresses
  std::optional<live::Hook> hook;
  /// At some time between the two last looks nothing hung at its device, or another's before it.
  bool was_away = false;
  unsigned times_behind = 0;  ///< at how many looks, one after the other, another's came before it
  struct Refusal {
    base::Error why;
    base::UnixMicros at;
  };
  std::optional<Refusal> refusal;  ///< by the kernel, of the programs that it is to have
  bool is_new = true;              ///< there was no look yet
  std::string complaint;  ///< why it is not attached, or what is wrong there, as it was last told
};

/// Called by one thread. Destroying it detaches from all.
class Devices {
 public:
  /// `datapath` and `plan` outlive it, the plan until `follow` gives it another.
  Devices(live::Datapath& datapath, const Plan& plan, base::Log log);

  /// Attaches to devices that have come, also in the place of those that are gone, and puts back
  /// what somebody has taken away or put another program before; what was counted there stays with
  /// the kernel until the next drain. The kernel takes up to a second to verify programs, and
  /// nobody drains meanwhile: one look loads those of one interface, or has them refused; these are
  /// tried again after a minute, if then no other waits.
  void look(base::UnixMicros now);
  /// An interface waits for the next look, to have its programs loaded.
  [[nodiscard]] bool is_waited_for() const { return is_waited_for_; }
  /// Loads what the next look attaches, of all interfaces, as long as `goes_on`, which is asked
  /// after each. False: it does not.
  bool prepare(base::UnixMicros now, const std::function<bool()>& goes_on);
  [[nodiscard]] std::span<const Watched> watched() const { return watched_; }
  /// REQUIRES: the port is of what was drained last.
  [[nodiscard]] vpc::InterfaceIndex interface_of(live::Port port) const;

  /// Detaches from what `next` does not have, or at another device. What this counted can be
  /// drained when it returns.
  base::Expected<void> release(const Plan& next);
  /// From now on the rules, modes and interfaces are those of `next`. REQUIRES: `release`, then a
  /// drain. Error: the kernel's; then nothing has changed.
  base::Expected<void> follow(const Plan& next);
  /// The last look, then lets go of all. What was counted can be drained when it returns.
  base::Expected<void> detach();

 private:
  bool keep(Watched& one);
  void put_back(Watched& one, live::Standing standing);
  bool may_load(const Watched& one);
  base::Expected<void> load(Watched& one, live::Mode mode, bool has_link_header);
  base::Expected<bool> prepare(Watched& one);
  base::Expected<void> publish();
  base::Expected<void> attach(Watched& one);
  base::Expected<void> change_mode(Watched& one);
  void complain(Watched& one, const base::Expected<void>& done);
  [[nodiscard]] live::Programs programs_of(const Watched& one) const;

  live::Datapath& datapath_;
  const Plan* plan_;
  base::Log log_;
  std::vector<Watched> watched_;
  std::vector<vpc::InterfaceIndex> interfaces_;  ///< by port
  bool has_new_port_ = false;                    ///< of which the rules published do not know
  base::UnixMicros now_;                         ///< of this look
  bool has_loaded_ = false;                      ///< programs, in this look, or tried to
  bool is_waited_for_ = false;
  bool tries_again_ = true;  ///< what was refused: nobody waited at the last look
};

}  // namespace weir::service
