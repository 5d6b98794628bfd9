/* Security groups and network ACLs, compiled: the one evaluator, for replay, the kernel and
 * explanations. User space compiles the rules (src/policy/), everybody reads them here.
 *
 * The rules of one layer, direction and family become three sorted lists: elementary intervals of
 * addresses, elementary intervals of ports, classes of protocols. Each element holds a set of bits,
 * one bit a rule: the rules that hold there. The rules that match a packet are the AND of three
 * sets; the first bit is the first rule. The cost grows with the logarithm of the number of rules,
 * and by one word for each 64 of them.
 *
 * All lists lie in one array of words, the arena; a `weir_rules` holds offsets into it. In the
 * kernel WEIR_ARENA_MASK bounds every index, so that the verifier can follow. */
#ifndef WEIR_BPF_POLICY_H
#define WEIR_BPF_POLICY_H

#include "bpf/packet.h"
#include "bpf/types.h"

#ifndef WEIR_ARENA_MASK
#define WEIR_ARENA_MASK 0xffffffffU
#endif

#define WEIR_MAX_RULE_WORDS 64 /* 4,096 rules; AWS allows 1,000 per interface (facts §8.1) */
#define WEIR_MAX_SEARCH_STEPS 24

/* Names of deciding rules are numbers here; Policy::rule_name has the text. */
#define WEIR_RULE_NONE 0U    /* the layer was not asked */
#define WEIR_RULE_TRACKED 1U /* a reply, let through by connection tracking */

/* One layer's rules for one direction and family. */
struct weir_rules {
  weir_u32 words;    /* of one set; 0: there is no rule */
  weir_u32 fallback; /* the rule's number when none matches: the closing `*` */
  weir_u32 rule_ids; /* at: one word a rule */

  weir_u32 addresses;     /* at: first address of each interval, ascending; IPv4: the low word, */
  weir_u32 address_count; /*     IPv6: high and low */
  weir_u32 address_sets;  /* at: a set for each interval */
  weir_u32 ports;         /* at: first port of each interval, ascending */
  weir_u32 port_count;
  weir_u32 port_sets;
  weir_u32 no_port_set;   /* at: the rules that hold for packets without ports */
  weir_u32 protocol_sets; /* at: a set for each class */
  weir_u32 allow_set;     /* at: the rules that allow */
  weir_u32 everyone_set;  /* at: the rules whose peer is 0.0.0.0/0 or ::/0 */
  weir_u8 protocol_class[256];
};

/* One CIDR block of a subnet. */
struct weir_subnet {
  struct weir_address network;
  struct weir_address mask;
};

#define WEIR_MAX_SUBNET_BLOCKS 8

/* Everything that judges the packets of one interface. */
struct weir_interface {
  struct weir_rules groups[2][2]; /* [direction][family] */
  struct weir_rules acl[2][2];
  struct weir_rules
      exempt[2]; /* [family]: what AWS never filters; those that "allow" are not logged */
  /* [direction][family][TCP, UDP]: is there a rule for everyone and every port, so that connections
   * let through for everyone in the other direction need no tracking? (facts §8.2) */
  weir_u8 open[2][2][2];
  weir_u32 subnet_count; /* inside its subnet the ACL is not asked (facts §8.3) */
  struct weir_subnet subnets[WEIR_MAX_SUBNET_BLOCKS];
};

struct weir_match {
  weir_u32 rule; /* its number, or the fallback */
  weir_u8 found;
  weir_u8 allow;
  weir_u8 everyone; /* one of the matching rules is for everyone */
};

/* What the rules say of a packet, connection tracking apart. */
struct weir_opinion {
  weir_u32 group_rule;
  weir_u32 acl_rule;
  weir_u8 group_allows;
  weir_u8 acl_allows;
  weir_u8 untracked; /* passing the groups opens no tracked connection */
  weir_u8 exempt;    /* never filtered */
  weir_u8 unlogged;  /* never logged */
};

enum weir_cause {
  WEIR_CAUSE_NONE = 0,
  WEIR_CAUSE_SECURITY_GROUP,
  WEIR_CAUSE_NETWORK_ACL,
  WEIR_CAUSE_CONNECTION_CLOSED,
};

struct weir_verdict {
  weir_u32 group_rule;
  weir_u32 acl_rule;
  weir_u8 accept;
  weir_u8 cause; /* enum weir_cause */
  weir_u8 unlogged;
};

WEIR_INLINE weir_u64 weir_word(const weir_u64* arena, weir_u32 at) {
  return arena[at & WEIR_ARENA_MASK];
}

#ifndef __bpf__
/* The largest power of two that is not above `count` (> 0). */
WEIR_INLINE weir_u32 weir_first_step(weir_u32 count) {
  return 1U << (31 - __builtin_clz(count));
}

/* Place of the lowest bit that is set; one is. */
WEIR_INLINE weir_u32 weir_lowest_bit(weir_u64 bits) {
  return (weir_u32)__builtin_ctzll(bits);
}
#else /* clang 14 cannot translate its bit-counting builtins for BPF */
WEIR_INLINE weir_u32 weir_first_step(weir_u32 count) {
  for (int shift = 1; shift < 32; shift *= 2) count |= count >> shift;
  return count - (count >> 1);
}

WEIR_INLINE weir_u32 weir_lowest_bit(weir_u64 bits) {
  weir_u32 at = 0;
  for (weir_u32 half = 32; half != 0; half /= 2) {
    weir_u32 step = bits << (64 - at - half) == 0 ? half : 0;
    at += step;
  }
  return at;
}
#endif

/* Index of the last element that is not above `key`. The first element is never above. Without
 * branches on data: a branching search explodes in the verifier. */
WEIR_INLINE weir_u32 weir_search(const weir_u64* arena, weir_u32 at, weir_u32 count, weir_u64 key) {
  weir_u32 found = 0;
  weir_u32 step = weir_first_step(count);
  for (int i = 0; i < WEIR_MAX_SEARCH_STEPS && step != 0; ++i, step >>= 1) {
    weir_u32 probe = found + step < count ? found + step : found;
    found = weir_word(arena, at + probe) <= key ? probe : found;
  }
  return found;
}

WEIR_INLINE weir_u32 weir_search_wide(const weir_u64* arena, weir_u32 at, weir_u32 count,
                                      const struct weir_address* key) {
  weir_u32 found = 0;
  weir_u32 step = weir_first_step(count);
  for (int i = 0; i < WEIR_MAX_SEARCH_STEPS && step != 0; ++i, step >>= 1) {
    weir_u32 probe = found + step < count ? found + step : found;
    weir_u64 high = weir_word(arena, at + 2 * probe);
    weir_u64 low = weir_word(arena, at + 2 * probe + 1);
    int not_above = (high < key->high) | ((high == key->high) & (low <= key->low));
    found = not_above ? probe : found;
  }
  return found;
}

/* What the rules' port dimension is for this packet: `port`, or ICMP's type and code; -1 for what
 * has neither, which only rules without a port range can match. */
WEIR_INLINE int weir_port_key(const struct weir_packet* packet, weir_u16 port) {
  if (packet->fragment == WEIR_LATER_FRAGMENT) return -1;
  if (packet->protocol == WEIR_ICMP || packet->protocol == WEIR_ICMPV6) {
    return packet->icmp_type << 8 | packet->icmp_code;
  }
  return port;
}

WEIR_INLINE struct weir_match weir_match_rules(const weir_u64* arena,
                                               const struct weir_rules* rules,
                                               const struct weir_packet* packet,
                                               const struct weir_address* peer, int port) {
  struct weir_match match = WEIR_ZERO;
  match.rule = rules->fallback;
  weir_u32 words = rules->words;
  if (words == 0 || words > WEIR_MAX_RULE_WORDS) return match;
  weir_u32 interval = packet->family == WEIR_IPV4
                          ? weir_search(arena, rules->addresses, rules->address_count, peer->low)
                          : weir_search_wide(arena, rules->addresses, rules->address_count, peer);
  weir_u32 address = rules->address_sets + interval * words;
  weir_u32 ports = port < 0
                       ? rules->no_port_set
                       : rules->port_sets + words * weir_search(arena, rules->ports,
                                                                rules->port_count, (weir_u64)port);
  weir_u32 protocol = rules->protocol_sets + words * rules->protocol_class[packet->protocol];
  for (weir_u32 i = 0; i < WEIR_MAX_RULE_WORDS && i < words; ++i) {
    weir_u64 hits = weir_word(arena, address + i) & weir_word(arena, ports + i) &
                    weir_word(arena, protocol + i);
    if (hits == 0) continue;
    if (weir_word(arena, rules->everyone_set + i) & hits) match.everyone = 1;
    if (match.found) continue;
    weir_u32 bit = weir_lowest_bit(hits);
    match.found = 1;
    match.allow = weir_word(arena, rules->allow_set + i) >> bit & 1U;
    match.rule = (weir_u32)weir_word(arena, rules->rule_ids + i * 64 + bit);
  }
  return match;
}

WEIR_INLINE int weir_same_subnet(const struct weir_interface* interface,
                                 const struct weir_address* peer) {
  for (weir_u32 i = 0; i < WEIR_MAX_SUBNET_BLOCKS && i < interface->subnet_count; ++i) {
    const struct weir_subnet* subnet = &interface->subnets[i];
    if ((peer->high & subnet->mask.high) == subnet->network.high &&
        (peer->low & subnet->mask.low) == subnet->network.low) {
      return 1;
    }
  }
  return 0;
}

/* Does a rule of this direction let everyone in or out on every port, so that what the other
 * direction lets through for everyone needs no tracking? */
WEIR_INLINE int weir_is_open(const struct weir_interface* interface,
                             const struct weir_packet* packet, int direction) {
  if (packet->protocol != WEIR_TCP && packet->protocol != WEIR_UDP) return 0;
  return interface->open[direction & 1][packet->family & 1][packet->protocol == WEIR_UDP];
}

/* What the interface's rules say of the packet. It depends on nothing but the two arguments, so it
 * may be kept for a flow, unless the packet is ICMP (the type is not in the flow) or a fragment. */
WEIR_INLINE struct weir_opinion weir_ask_rules(const weir_u64* arena,
                                               const struct weir_interface* interface,
                                               const struct weir_packet* packet, int direction) {
  struct weir_opinion opinion = WEIR_ZERO;
  int family = packet->family & 1;
  direction &= 1;
  const struct weir_address* peer = direction == WEIR_EGRESS ? &packet->dst : &packet->src;
  weir_u16 peer_port = direction == WEIR_EGRESS ? packet->dstport : packet->srcport;
  struct weir_match exempt = weir_match_rules(arena, &interface->exempt[family], packet, peer,
                                              weir_port_key(packet, peer_port));
  if (exempt.found) {
    opinion.exempt = opinion.group_allows = opinion.acl_allows = 1;
    opinion.unlogged = exempt.allow;
    return opinion;
  }
  int port = weir_port_key(packet, packet->dstport);
  struct weir_match group =
      weir_match_rules(arena, &interface->groups[direction][family], packet, peer, port);
  opinion.group_rule = group.rule;
  opinion.group_allows = group.found;
  opinion.untracked = group.everyone && weir_is_open(interface, packet, !direction);
  if (!opinion.untracked && weir_is_open(interface, packet, direction) &&
      packet->fragment != WEIR_LATER_FRAGMENT) {
    /* The same the other way round: a reply to an untracked connection opens no tracked one. */
    struct weir_match reverse = weir_match_rules(arena, &interface->groups[!direction][family],
                                                 packet, peer, packet->srcport);
    opinion.untracked = reverse.everyone;
  }
  opinion.acl_allows = 1;
  if (!weir_same_subnet(interface, peer)) {
    struct weir_match acl =
        weir_match_rules(arena, &interface->acl[direction][family], packet, peer, port);
    opinion.acl_rule = acl.rule;
    opinion.acl_allows = acl.allow;
  }
  return opinion;
}

/* What connection tracking knows of a packet (bpf/track.h). */
enum weir_tracking {
  WEIR_UNKNOWN_CONNECTION = 0,
  WEIR_OWN_PACKET,      /* of a tracked connection, in the direction that opened it */
  WEIR_REPLY,           /* of a tracked connection, in the other direction */
  WEIR_AFTER_THE_CLOSE, /* of a connection that was closed and forgotten */
};

/* The verdict: egress asks the groups, then the ACL; ingress the ACL, then the groups (facts §8.4).
 * `opening_rule` is the group rule that let the connection's first packet through. */
WEIR_INLINE struct weir_verdict weir_decide(const struct weir_opinion* opinion, int direction,
                                            enum weir_tracking tracking, weir_u32 opening_rule) {
  struct weir_verdict verdict = WEIR_ZERO;
  int tracked = tracking == WEIR_OWN_PACKET || tracking == WEIR_REPLY;
  int group_allows = tracked || opinion->group_allows;
  verdict.accept = group_allows && opinion->acl_allows;
  verdict.unlogged = opinion->unlogged;
  if (opinion->exempt) return verdict;
  if (direction == WEIR_EGRESS || opinion->acl_allows) {
    verdict.group_rule = tracking == WEIR_REPLY        ? WEIR_RULE_TRACKED
                         : tracking == WEIR_OWN_PACKET ? opening_rule
                                                       : opinion->group_rule;
  }
  if (direction == WEIR_INGRESS || group_allows) verdict.acl_rule = opinion->acl_rule;
  if (verdict.accept) return verdict;
  int acl_decided = !opinion->acl_allows && (direction == WEIR_INGRESS || group_allows);
  verdict.cause = acl_decided                        ? WEIR_CAUSE_NETWORK_ACL
                  : tracking == WEIR_AFTER_THE_CLOSE ? WEIR_CAUSE_CONNECTION_CLOSED
                                                     : WEIR_CAUSE_SECURITY_GROUP;
  return verdict;
}

#endif
