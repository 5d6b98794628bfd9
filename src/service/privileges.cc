#include "service/privileges.h"

#include <grp.h>
#include <pwd.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>
#include <type_traits>
#include <vector>

namespace weir::service {
namespace {

struct FreeCapabilities {
  void operator()(cap_t capabilities) const { cap_free(capabilities); }
};
using Capabilities = std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCapabilities>;

tl::unexpected<base::Error> refused(const std::string& user, const char* what) {
  return base::fail("user " + user,
                    std::string(what) + ": " + std::generic_category().message(errno),
                    "start weir as root, or leave `user` to the service manager");
}

bool keep_only(const std::vector<cap_value_t>& kept) {
  const Capabilities all(cap_init());
  const auto count = static_cast<int>(kept.size());
  return all && cap_set_flag(all.get(), CAP_PERMITTED, count, kept.data(), CAP_SET) == 0 &&
         cap_set_flag(all.get(), CAP_EFFECTIVE, count, kept.data(), CAP_SET) == 0 &&
         cap_set_proc(all.get()) == 0;
}

}  // namespace

base::Expected<void> become(const std::string& user) {
  const passwd* found = getpwnam(user.c_str());
  if (found == nullptr) {
    return base::fail("user " + user, "is not known here", "make it: useradd --system " + user);
  }
  const gid_t group = found->pw_gid;
  const uid_t id = found->pw_uid;
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || initgroups(user.c_str(), group) != 0 ||
      setresgid(group, group, group) != 0 || setresuid(id, id, id) != 0) {
    return refused(user, "cannot be become");
  }
  if (!keep_only({CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN, CAP_SYS_ADMIN})) {
    return refused(user, "cannot keep what programs in the kernel take");
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return refused(user, "no_new_privs");
  return {};
}

base::Expected<void> stay_in_namespace() {
  if (keep_only({CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN})) return {};
  return base::fail("CAP_SYS_ADMIN",
                    "cannot be given up: " + std::generic_category().message(errno));
}

bool has_capability(int capability) {
  const Capabilities own(cap_get_proc());
  cap_flag_value_t is_set = CAP_CLEAR;
  return own && cap_get_flag(own.get(), capability, CAP_EFFECTIVE, &is_set) == 0 &&
         is_set == CAP_SET;
}

}  // namespace weir::service
