/* A program that no verifier takes where it enforces, beside the real one, whose maps it has. */
#include "bpf/live.bpf.c"

SEC("tc")
int weir_refused(struct __sk_buff* skb) {
  if (!settings.enforces) return TC_ACT_UNSPEC;
  return *(const weir_u8*)(long)skb->data; /* there may be none */
}
