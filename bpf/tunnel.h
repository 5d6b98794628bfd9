/* Segments inside tunnels: how long the headers are that each of them repeats. For the kernel
 * program alone, which sees packets before they are cut, or after they were put together. */
#ifndef WEIR_BPF_TUNNEL_H
#define WEIR_BPF_TUNNEL_H

#include <linux/bpf.h>
/* after the types that it needs */
#include <bpf/bpf_helpers.h>

#include "bpf/packet.h"
#include "bpf/policy.h"

enum weir_tunnel {
  WEIR_IN_IP = 4,
  WEIR_IPV6_IN_IP = 41,
  WEIR_GRE = 47,
  WEIR_VXLAN_PORT = 4789,
  WEIR_VXLAN_PORT_OF_LINUX = 8472,
  WEIR_GENEVE_PORT = 6081,
};
enum weir_ether_type { WEIR_TAGGED = 0x8100, WEIR_FRAME = 0x6558 };

/* The headers of IP and TCP or UDP that begin there; 0 if that is not what is there. */
WEIR_INLINE weir_u32 weir_inner_headers(const struct __sk_buff* skb, weir_u32 at) {
  weir_u8 ip[20];
  weir_u8 offset = 0;
  if (bpf_skb_load_bytes(skb, at, ip, sizeof(ip)) != 0) return 0;
  const int is_wide = ip[0] >> 4 == 6;
  if (!is_wide && ip[0] >> 4 != 4) return 0;
  const weir_u32 length = is_wide ? 40 : (ip[0] & 0x0fU) * 4;
  const weir_u8 protocol = is_wide ? ip[6] : ip[9];
  if (protocol == WEIR_UDP) return length + 8;
  if (protocol != WEIR_TCP || bpf_skb_load_bytes(skb, at + length + 12, &offset, 1) != 0) return 0;
  return length + (offset >> 4) * 4U;
}

/* Of a tunnel's packet that is to be cut, or was put together: what comes again with every segment
 * besides the outer headers, up to the payload of the TCP or UDP inside. 0 if there is no tunnel,
 * or an unknown one. The kernel knows where it begins, but tells no program. */
WEIR_APART weir_u32 weir_tunnel_headers(struct __sk_buff* skb, const struct weir_packet* packet) {
  if (!packet) return 0;
  const weir_u32 begin = skb->len - packet->bytes + packet->headers;
  weir_u32 at = begin;
  weir_u16 type = 0; /* IP, which tells by itself which one */
  union {
    weir_u16 words[8];
    weir_u8 bytes[16];
  } head;
  if (packet->protocol == WEIR_UDP) {
    if (bpf_skb_load_bytes(skb, at, &head, 8) != 0) return 0;
    at += 8;
    if (packet->dstport == WEIR_GENEVE_PORT) {
      at += (head.bytes[0] & 0x3fU) * 4;
      type = weir_load16(head.bytes + 2);
    } else if (packet->dstport == WEIR_VXLAN_PORT || packet->dstport == WEIR_VXLAN_PORT_OF_LINUX) {
      type = WEIR_FRAME;
    } else {
      return 0;
    }
  } else if (packet->protocol == WEIR_GRE) {
    if (bpf_skb_load_bytes(skb, at, &head, 4) != 0) return 0;
    /* Checksum, key and sequence number are there if their bits are. */
    at += 4 + (head.bytes[0] >> 7 & 1) * 4U + (head.bytes[0] >> 5 & 1) * 4U +
          (head.bytes[0] >> 4 & 1) * 4U;
    type = weir_load16(head.bytes + 2);
  } else if (packet->protocol != WEIR_IN_IP && packet->protocol != WEIR_IPV6_IN_IP) {
    return 0;
  }
  if (type == WEIR_FRAME) {
    if (bpf_skb_load_bytes(skb, at, &head, 14) != 0) return 0;
    at += weir_load16(head.bytes + 12) == WEIR_TAGGED ? 18 : 14;
  }
  const weir_u32 inner = weir_inner_headers(skb, at);
  return inner == 0 ? 0 : at - begin + inner;
}

#endif
