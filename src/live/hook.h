// Where programs are attached: both directions of one device, in a network namespace.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/error.h"

namespace weir::live {

struct Device {
  std::string name;
  std::string network_namespace;  ///< as `ip netns` names it; empty: this process's own

  friend bool operator==(const Device&, const Device&) = default;
};

/// "eth0 in blue"
std::string words_for(const Device& device);

/// Programs by what they see of a device's packets.
struct Programs {
  int of_received = -1;
  int of_sent = -1;
};

/// How: `tcx` (kernel 6.6) goes first and lets other programs run after it; `clsact` is the older
/// way, filters of a queueing discipline, which has not always a place before all others.
enum class Attachment : std::uint8_t { any, tcx, clsact };

/// How both programs hang at the device of that name; the worse of the two.
enum class Standing : std::uint8_t {
  gone,    ///< it, or its namespace, is gone, even if another has come; or somebody took them away
  behind,  ///< another's comes first, and may keep packets from them
  first,
};

/// What a hook has made that does not go with its process, if that is killed: filters of a clsact.
/// (The kernel itself takes away what hangs on tcx.)
struct Remains {
  struct Filter {
    std::uint32_t handle = 0;
    std::uint32_t priority = 0;
    std::uint32_t program = 0;  ///< the kernel's number of it, which no other program gets

    friend bool operator==(const Filter&, const Filter&) = default;
  };
  Device device;
  int index = 0;                 ///< the device's
  bool has_made_clsact = false;  ///< so that it goes too, unless others use it
  Filter ingress;
  Filter egress;

  friend bool operator==(const Remains&, const Remains&) = default;
};

/// Takes away what is still there of a hook whose process is gone. False: nothing was.
bool remove(const Remains& remains);

/// Detaches when it goes, and leaves nothing: a clsact that it made itself goes too, unless others
/// have since hung something there, or put another one in its place. Of a device that is gone
/// nothing is left anyway.
class Hook {
 public:
  static base::Expected<Hook> attach(Programs programs, const Device& device,
                                     Attachment attachment = Attachment::any);
  Hook(Hook&&) noexcept;
  Hook& operator=(Hook&&) noexcept;
  ~Hook();

  /// Puts others in the programs' place: each packet meets one or the other. Error: the kernel's;
  /// one direction may already have the new one.
  base::Expected<void> replace(Programs programs);
  /// Puts the programs back that somebody has taken away, and in front of what others have put
  /// before them; touches nothing of others. Packets that come meanwhile, in the directions where
  /// that was so, are not seen, and pass in enforce mode too. False: the device, or its namespace,
  /// is not there any more, even if another has come. Error: the kernel's.
  base::Expected<bool> repair(Programs programs);

  [[nodiscard]] Attachment attachment() const;
  /// Nothing at tcx.
  [[nodiscard]] std::optional<Remains> remains() const;
  [[nodiscard]] Standing standing() const;

 private:
  struct State;
  explicit Hook(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The addresses that a device has on its host.
base::Expected<std::vector<base::Address>> addresses_of(const Device& device);

/// Do the device's packets begin with an Ethernet header?
base::Expected<bool> has_link_header(const Device& device);

}  // namespace weir::live
