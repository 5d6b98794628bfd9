/* The words that kernel programs and user space share. Plain C11 that also compiles for BPF, where
 * no libc header may be included: so the widths come from the compiler itself. */
#ifndef WEIR_BPF_TYPES_H
#define WEIR_BPF_TYPES_H

typedef __UINT8_TYPE__ weir_u8;
typedef __UINT16_TYPE__ weir_u16;
typedef __UINT32_TYPE__ weir_u32;
typedef __UINT64_TYPE__ weir_u64;

/* A value whose every member is zero, in C and in C++. */
#ifdef __cplusplus
#define WEIR_ZERO \
  {}
#else
#define WEIR_ZERO \
  { 0 }
#endif

#define WEIR_INLINE static inline __attribute__((always_inline))

/* An address as two words in host byte order, most significant first. IPv4 is held mapped
 * (::ffff:a.b.c.d), so that one layout serves both families (base::Address has the same). */
struct weir_address {
  weir_u64 high;
  weir_u64 low;
};

#define WEIR_MAPPED_IPV4 0x0000ffff00000000ULL

/* Relative to the interface. */
enum weir_direction { WEIR_INGRESS = 0, WEIR_EGRESS = 1 };

/* Index of the per-family tables. */
enum weir_family { WEIR_IPV4 = 0, WEIR_IPV6 = 1 };

/* IANA protocol numbers that are treated apart. */
enum weir_protocol {
  WEIR_HOP_BY_HOP = 0,
  WEIR_ICMP = 1,
  WEIR_TCP = 6,
  WEIR_UDP = 17,
  WEIR_ROUTING = 43,
  WEIR_FRAGMENT = 44,
  WEIR_ICMPV6 = 58,
  WEIR_DESTINATION_OPTIONS = 60,
  WEIR_SCTP = 132,
  WEIR_MOBILITY = 135,
  WEIR_HIP = 139,
  WEIR_SHIM6 = 140,
};

#endif
