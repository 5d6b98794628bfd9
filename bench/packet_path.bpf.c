/* What bench/packet_path.cc times: the kernel program on packets that change from run to run, and
 * the same change without it, which is taken off. */
#include "bpf/bench.h"
#include "bpf/live.bpf.c"

/* Apart from .bss, which is shared with user space as one struct. */
struct weir_bench bench SEC(".data.bench");

/* The next packet of the sequence: addresses and ports, everything else stays. IPv4: from `key`
 * source address and port; IPv6: the source's low word. */
WEIR_INLINE int weir_next_packet(struct __sk_buff* skb) {
  weir_u32 at = bench.next++;
  weir_u32 key = bench.is_counting ? at : bench.keys[at & (WEIR_BENCH_KEYS - 1)];
  weir_u8* data = (weir_u8*)(long)skb->data;
  const weir_u8* end = (const weir_u8*)(long)skb->data_end;
  if (data + 60 > end) return 0;
  if (bench.is_ipv6) {
    *(weir_u32*)(data + 34) = key;
  } else {
    *(weir_u32*)(data + 26) = (key & 0xffffff) | 0x0a000000;
    *(weir_u16*)(data + 34) = (weir_u16)(key >> 24) + 1024;
  }
  return 1;
}

SEC("tc")
int weir_bench_empty(struct __sk_buff* skb) {
  return weir_next_packet(skb);
}

SEC("tc")
int weir_bench_record(struct __sk_buff* skb) {
  weir_next_packet(skb);
  return weir_record(skb);
}
