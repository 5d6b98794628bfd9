#!/usr/bin/env bash
# compiles.sh FILE INCLUDE_ROOT KERNEL_HEADERS: compiles FILE for the kernel's virtual machine. FILE is included, not
# compiled itself, since a header alone has functions that nobody calls.
set -euo pipefail

command -v clang-14 >/dev/null || {
  echo "clang-14 is not installed: nothing else here compiles for BPF"
  exit 77
}
exec clang-14 -target bpf -mcpu=v3 -std=gnu11 -O2 -g -Wall -Wextra -Werror \
  -fno-crash-diagnostics -I "$2" -idirafter "$3" -include "$1" -x c -c /dev/null -o /dev/null
