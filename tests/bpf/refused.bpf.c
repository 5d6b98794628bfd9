/* A program that no verifier takes, beside the real one, whose maps it has. */
#include "bpf/live.bpf.c"

SEC("tc")
int weir_refused(struct __sk_buff* skb) {
  return *(const weir_u8*)(long)skb->data; /* there may be none */
}
