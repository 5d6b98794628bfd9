/* From bytes to the header fields that verdicts and flows are made of: the one packet parser, for
 * replay and for the kernel. It reads only between `data` and `end`, whatever the headers claim. */
#ifndef WEIR_BPF_PACKET_H
#define WEIR_BPF_PACKET_H

#include "bpf/types.h"

enum weir_parse_result {
  WEIR_PARSED = 0,
  WEIR_NOT_IP,    /* ARP, LLDP, … : no flow log speaks of it */
  WEIR_TRUNCATED, /* the packet was whole, but the capture kept too little of its headers */
  WEIR_MALFORMED, /* the headers contradict themselves or the length on the wire */
};

enum weir_fragment {
  WEIR_WHOLE = 0,
  WEIR_FIRST_FRAGMENT, /* holds the ports */
  WEIR_LATER_FRAGMENT, /* holds none: srcport and dstport are 0 */
};

/* Raw bits of the TCP header. */
enum weir_tcp_bits { WEIR_TCP_FIN = 1, WEIR_TCP_SYN = 2, WEIR_TCP_RST = 4, WEIR_TCP_ACK = 16 };

struct weir_packet {
  struct weir_address src;
  struct weir_address dst;
  weir_u32 bytes;       /* layer 3: the IP total length, as AWS counts (facts §1.3) */
  weir_u32 fragment_id; /* IP identification; 0 where the packet is whole */
  weir_u32 headers;     /* of `bytes`, what comes before layer 4's payload; 0 in a later fragment */
  weir_u16 srcport;     /* TCP, UDP, SCTP; otherwise 0 */
  weir_u16 dstport;
  weir_u16 icmp_id; /* identifier of an echo request or reply, otherwise 0 */
  weir_u8 icmp_type;
  weir_u8 icmp_code;
  weir_u8 family; /* enum weir_family */
  weir_u8 protocol;
  weir_u8 tcp_bits;
  weir_u8 fragment; /* enum weir_fragment */
};

#ifdef __bpf__
/* clang does not make one load of several bytes for BPF, whose packets may be read unaligned. */
WEIR_INLINE weir_u16 weir_load16(const weir_u8* at) {
  return __builtin_bswap16(*(const weir_u16*)at);
}

WEIR_INLINE weir_u32 weir_load32(const weir_u8* at) {
  return __builtin_bswap32(*(const weir_u32*)at);
}
#else
WEIR_INLINE weir_u16 weir_load16(const weir_u8* at) {
  return (weir_u16)(at[0] << 8 | at[1]);
}

WEIR_INLINE weir_u32 weir_load32(const weir_u8* at) {
  return (weir_u32)at[0] << 24 | (weir_u32)at[1] << 16 | (weir_u32)at[2] << 8 | at[3];
}
#endif

WEIR_INLINE weir_u64 weir_load64(const weir_u8* at) {
  return (weir_u64)weir_load32(at) << 32 | weir_load32(at + 4);
}

WEIR_INLINE int weir_is_echo(const struct weir_packet* packet) {
  return packet->protocol == WEIR_ICMP     ? packet->icmp_type == 8 || packet->icmp_type == 0
         : packet->protocol == WEIR_ICMPV6 ? packet->icmp_type == 128 || packet->icmp_type == 129
                                           : 0;
}

/* Layer 4 of a packet that is whole or a first fragment. `wire` is how many bytes of it this packet
 * had on the wire. */
WEIR_INLINE int weir_parse_transport(const weir_u8* at, const weir_u8* end, weir_u32 wire,
                                     struct weir_packet* packet) {
  weir_u32 header = packet->protocol == WEIR_TCP                                       ? 20
                    : packet->protocol == WEIR_UDP                                     ? 8
                    : packet->protocol == WEIR_SCTP                                    ? 12
                    : packet->protocol == WEIR_ICMP || packet->protocol == WEIR_ICMPV6 ? 4
                                                                                       : 0;
  packet->headers = packet->bytes - wire + header;
  if (header == 0) return WEIR_PARSED;
  if (wire < header) return WEIR_MALFORMED;
  if (at + 4 > end) return WEIR_TRUNCATED;
  if (header == 4) {
    packet->icmp_type = at[0];
    packet->icmp_code = at[1];
    if (weir_is_echo(packet)) {
      if (wire < 8) return WEIR_MALFORMED;
      if (at + 6 > end) return WEIR_TRUNCATED;
      packet->icmp_id = weir_load16(at + 4);
    }
    return WEIR_PARSED;
  }
  packet->srcport = weir_load16(at);
  packet->dstport = weir_load16(at + 2);
  if (packet->protocol == WEIR_TCP) {
    if (at + 14 > end) return WEIR_TRUNCATED;
    if ((at[12] >> 4) < 5) return WEIR_MALFORMED;
    packet->tcp_bits = at[13];
    packet->headers += (at[12] >> 4) * 4U - header;
  }
  return WEIR_PARSED;
}

WEIR_INLINE int weir_parse_ipv4(const weir_u8* data, const weir_u8* end, weir_u32 wire,
                                struct weir_packet* packet) {
  if (wire < 20) return WEIR_MALFORMED;
  if (data + 20 > end) return WEIR_TRUNCATED;
  weir_u32 header = (data[0] & 0x0fU) * 4;
  weir_u32 total = weir_load16(data + 2);
  if (total == 0) total = wire; /* a segment of over 64 kB, before the card has cut it */
  if (header < 20 || total < header || total > wire) return WEIR_MALFORMED;
  weir_u16 fragment = weir_load16(data + 6);

  packet->family = WEIR_IPV4;
  packet->src.high = 0;
  packet->src.low = WEIR_MAPPED_IPV4 | weir_load32(data + 12);
  packet->dst.high = 0;
  packet->dst.low = WEIR_MAPPED_IPV4 | weir_load32(data + 16);
  packet->protocol = data[9];
  packet->bytes = total;
  if (fragment & 0x3fffU) {
    packet->fragment = fragment & 0x1fffU ? WEIR_LATER_FRAGMENT : WEIR_FIRST_FRAGMENT;
    packet->fragment_id = weir_load16(data + 4);
    if (packet->fragment == WEIR_LATER_FRAGMENT) return WEIR_PARSED;
  }
  return weir_parse_transport(data + header, end, total - header, packet);
}

/* More extension headers than this in a row and the packet is called malformed: real ones have one
 * or two, and a loop in the kernel needs an end. */
#define WEIR_MAX_EXTENSION_HEADERS 8

WEIR_INLINE int weir_is_extension(weir_u8 header) {
  return header == WEIR_HOP_BY_HOP || header == WEIR_ROUTING || header == WEIR_FRAGMENT ||
         header == WEIR_DESTINATION_OPTIONS || header == WEIR_MOBILITY || header == WEIR_HIP ||
         header == WEIR_SHIM6;
}

WEIR_INLINE int weir_parse_ipv6(const weir_u8* data, const weir_u8* end, weir_u32 wire,
                                struct weir_packet* packet) {
  if (wire < 40) return WEIR_MALFORMED;
  if (data + 40 > end) return WEIR_TRUNCATED;
  weir_u32 total = 40 + (weir_u32)weir_load16(data + 4);
  if (total == 40 && data[6] == WEIR_HOP_BY_HOP) total = wire; /* a jumbogram */
  if (total > wire) return WEIR_MALFORMED;

  packet->family = WEIR_IPV6;
  packet->src.high = weir_load64(data + 8);
  packet->src.low = weir_load64(data + 16);
  packet->dst.high = weir_load64(data + 24);
  packet->dst.low = weir_load64(data + 32);
  /* A mapped IPv4 address is never on a wire (RFC 4291 §2.5.5.2), and here it would pass for IPv4.
   */
  if ((packet->src.high == 0 && packet->src.low >> 32 == 0xffff) ||
      (packet->dst.high == 0 && packet->dst.low >> 32 == 0xffff)) {
    return WEIR_MALFORMED;
  }
  packet->bytes = total;

  weir_u8 next = data[6];
  weir_u32 offset = 40;
  for (int i = 0; i <= WEIR_MAX_EXTENSION_HEADERS; ++i) {
    if (!weir_is_extension(next)) {
      packet->protocol = next;
      return weir_parse_transport(data + offset, end, total - offset, packet);
    }
    if (offset + 8 > total) return WEIR_MALFORMED;
    const weir_u8* at = data + offset;
    if (at + 8 > end) return WEIR_TRUNCATED;
    weir_u32 length = next == WEIR_FRAGMENT ? 8 : 8 + at[1] * 8U;
    if (next == WEIR_FRAGMENT) {
      weir_u16 where = weir_load16(at + 2);
      if (where & 0xfff9U) { /* not an atomic fragment (RFC 6946), which is whole */
        packet->fragment = where & 0xfff8U ? WEIR_LATER_FRAGMENT : WEIR_FIRST_FRAGMENT;
        packet->fragment_id = weir_load32(at + 4);
      }
    }
    next = at[0];
    offset += length;
    if (offset > total) return WEIR_MALFORMED;
    if (packet->fragment == WEIR_LATER_FRAGMENT) { /* what follows is data, not headers */
      packet->protocol = next;
      return WEIR_PARSED;
    }
  }
  return WEIR_MALFORMED;
}

/* An IP packet from its first byte. `wire` is its length on the wire as the link layer tells it;
 * padding may be in it. */
WEIR_INLINE int weir_parse_ip(const weir_u8* data, const weir_u8* end, weir_u32 wire,
                              struct weir_packet* packet) {
  const struct weir_packet nothing = WEIR_ZERO;
  *packet = nothing;
  if (data + 1 > end) return wire == 0 ? WEIR_MALFORMED : WEIR_TRUNCATED;
  if (data[0] >> 4 == 4) return weir_parse_ipv4(data, end, wire, packet);
  if (data[0] >> 4 == 6) return weir_parse_ipv6(data, end, wire, packet);
  return WEIR_MALFORMED;
}

/* What a link layer's protocol number (EtherType) says of the bytes after it. VLAN tags are stepped
 * over, up to four. */
WEIR_INLINE int weir_parse_ethertype(const weir_u8* data, const weir_u8* end, weir_u32 wire,
                                     weir_u16 type, struct weir_packet* packet) {
  for (int tags = 0; tags < 4; ++tags) {
    if (type != 0x8100 && type != 0x88a8 && type != 0x9100) break;
    if (wire < 4) return WEIR_MALFORMED;
    if (data + 4 > end) return WEIR_TRUNCATED;
    type = weir_load16(data + 2);
    data += 4;
    wire -= 4;
  }
  if (type != 0x0800 && type != 0x86dd) return WEIR_NOT_IP;
  int result = weir_parse_ip(data, end, wire, packet);
  if (result == WEIR_PARSED && packet->family != (type == 0x0800 ? WEIR_IPV4 : WEIR_IPV6)) {
    return WEIR_MALFORMED;
  }
  return result;
}

WEIR_INLINE int weir_parse_ethernet(const weir_u8* data, const weir_u8* end, weir_u32 wire,
                                    struct weir_packet* packet) {
  if (wire < 14) return WEIR_MALFORMED;
  if (data + 14 > end) return WEIR_TRUNCATED;
  return weir_parse_ethertype(data + 14, end, wire - 14, weir_load16(data + 12), packet);
}

/* AWS's tcp-flags bits (facts §1.4): the ACK bit only as part of SYN-ACK. */
#define WEIR_TCP_FLAGS_UNKNOWN 0x80 /* a combination that cannot be: the record prints `-` */

WEIR_INLINE weir_u8 weir_tcp_flags(weir_u8 bits) {
  weir_u8 flags = bits & (WEIR_TCP_FIN | WEIR_TCP_SYN | WEIR_TCP_RST);
  if ((bits & WEIR_TCP_SYN) && flags != WEIR_TCP_SYN) return WEIR_TCP_FLAGS_UNKNOWN;
  if ((bits & WEIR_TCP_SYN) && (bits & WEIR_TCP_ACK)) flags |= WEIR_TCP_ACK;
  return flags;
}

#endif
