/* What bench/packet_path.cc tells bench/packet_path.bpf.c. */
#ifndef WEIR_BPF_BENCH_H
#define WEIR_BPF_BENCH_H

#include "bpf/types.h"

#define WEIR_BENCH_KEYS (1U << 21)

struct weir_bench {
  weir_u32 next;
  weir_u32 is_counting; /* each packet has a key of its own */
  weir_u32 is_ipv6;
  weir_u32 zero;
  weir_u32 keys[WEIR_BENCH_KEYS];
};

#endif
