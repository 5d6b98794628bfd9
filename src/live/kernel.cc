#include "live/kernel.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <system_error>

namespace weir::live {

tl::unexpected<base::Error> refused(std::string what, int error) {
  std::string hint;
  if (error == EPERM) hint = "it takes root, or CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN";
  if (error == ENOMEM) hint = "it takes more memory than there is: make the tables smaller";
  return base::fail(std::move(what), std::generic_category().message(error), std::move(hint));
}

base::Expected<void> wait_for_running_programs() {
  // Programs run in RCU's read-side sections, and this is RCU's grace period for user space.
  if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0)
    return refused("membarrier", errno);
  return {};
}

base::Expected<TestRun> test_run(int program, std::span<const std::uint8_t> packet,
                                 std::uint32_t repeat, Segmentation segmentation) {
  __sk_buff context{};
  context.gso_segs = segmentation.segments;
  context.gso_size = segmentation.size;
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  options.data_in = packet.data();
  options.data_size_in = static_cast<std::uint32_t>(packet.size());
  if (segmentation.size != 0) {
    options.ctx_in = &context;
    options.ctx_size_in = sizeof(context);
  }
  options.repeat = static_cast<int>(repeat);
  const int error = bpf_prog_test_run_opts(program, &options);
  if (error != 0) return refused("a test run in the kernel", -error);
  return TestRun{options.retval, std::chrono::nanoseconds(options.duration)};
}

}  // namespace weir::live
