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
 * kernel an arena has a fixed size, which bounds every index, so that the verifier can follow. */
#ifndef WEIR_BPF_POLICY_H
#define WEIR_BPF_POLICY_H

#include "bpf/packet.h"
#include "bpf/types.h"

/* Of an arena in the kernel, a power of two: 2 MB. 300 rules on each of twenty interfaces fill half
 * of it. */
#define WEIR_ARENA_WORDS (1U << 18)
struct weir_arena {
  weir_u64 words[WEIR_ARENA_WORDS];
};

#ifdef __bpf__
typedef const struct weir_arena* weir_arena_words;
#define WEIR_WORD(arena, at) ((arena)->words[(at) & (WEIR_ARENA_WORDS - 1)])
/* The verifier looks at such a function once, whoever calls it with whatever: its paths do not
 * multiply with those of its callers. It asks for pointers to whole objects, checked for null. */
#define WEIR_APART __attribute__((noinline))
#else
typedef const weir_u64* weir_arena_words; /* as many as the rules need */
#define WEIR_WORD(arena, at) ((arena)[at])
#define WEIR_APART WEIR_INLINE
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
  /* As many bits as there are zeros below it, counted in pairs, fours and bytes. */
  bits = ~bits & (bits - 1);
  bits -= bits >> 1 & 0x5555555555555555ULL;
  bits = (bits & 0x3333333333333333ULL) + (bits >> 2 & 0x3333333333333333ULL);
  return (weir_u32)(((bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0fULL) * 0x0101010101010101ULL >> 56);
}
#endif

/* 1 if a < b, else 0. BPF has no instruction for that, and a search that branches on what it finds
 * explodes in the verifier: here it is the borrow of a - b. */
WEIR_INLINE weir_u64 weir_is_below(weir_u64 a, weir_u64 b) {
#ifdef __bpf__
  weir_u64 borrow = (~a & b) | ((~a | b) & (a - b));
  __asm__ volatile("" : "+r"(borrow)); /* or clang makes a comparison of it again */
  return borrow >> 63;
#else
  return a < b;
#endif
}

/* Index of the last element that is not above `key`. The first element is never above. */
WEIR_INLINE weir_u32 weir_search(weir_arena_words arena, weir_u32 at, weir_u32 count,
                                 weir_u64 key) {
  weir_u64 found = 0;
  weir_u32 step = weir_first_step(count);
  for (int i = 0; i < WEIR_MAX_SEARCH_STEPS && step != 0; ++i, step >>= 1) {
    weir_u64 stride = step & -weir_is_below(found + step, count);
    weir_u64 is_above = weir_is_below(key, WEIR_WORD(arena, at + (weir_u32)(found + stride)));
    found += stride & (is_above - 1);
  }
  return (weir_u32)found;
}

WEIR_INLINE weir_u32 weir_search_wide(weir_arena_words arena, weir_u32 at, weir_u32 count,
                                      const struct weir_address* key) {
  weir_u64 found = 0;
  weir_u32 step = weir_first_step(count);
  for (int i = 0; i < WEIR_MAX_SEARCH_STEPS && step != 0; ++i, step >>= 1) {
    weir_u64 stride = step & -weir_is_below(found + step, count);
    weir_u32 probe = at + 2 * (weir_u32)(found + stride);
    weir_u64 high = WEIR_WORD(arena, probe);
    weir_u64 low = WEIR_WORD(arena, probe + 1);
    weir_u64 is_above = weir_is_below(key->high, high) |
                        (~weir_is_below(high, key->high) & weir_is_below(key->low, low));
    found += stride & (is_above - 1);
  }
  return (weir_u32)found;
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

/* What rules are asked of a packet. */
struct weir_question {
  struct weir_address peer;
  int port; /* weir_port_key */
  weir_u8 family;
  weir_u8 protocol;
  weir_u8 zero[2];
};

WEIR_APART int weir_match_rules(weir_arena_words arena, const struct weir_rules* rules,
                                const struct weir_question* question, struct weir_match* match) {
  if (!arena || !rules || !question || !match) return 0;
  const struct weir_match nothing = WEIR_ZERO;
  *match = nothing;
  match->rule = rules->fallback;
  weir_u32 words = rules->words;
  if (words == 0 || words > WEIR_MAX_RULE_WORDS) return 0;
  weir_u32 interval =
      question->family == WEIR_IPV4
          ? weir_search(arena, rules->addresses, rules->address_count, question->peer.low)
          : weir_search_wide(arena, rules->addresses, rules->address_count, &question->peer);
  weir_u32 address = rules->address_sets + interval * words;
  weir_u32 ports =
      question->port < 0
          ? rules->no_port_set
          : rules->port_sets + words * weir_search(arena, rules->ports, rules->port_count,
                                                   (weir_u64)question->port);
  weir_u32 protocol = rules->protocol_sets + words * rules->protocol_class[question->protocol];
  for (weir_u32 i = 0; i < WEIR_MAX_RULE_WORDS && i < words; ++i) {
    weir_u64 hits = WEIR_WORD(arena, address + i) & WEIR_WORD(arena, ports + i) &
                    WEIR_WORD(arena, protocol + i);
    if (hits == 0) continue;
    if (WEIR_WORD(arena, rules->everyone_set + i) & hits) match->everyone = 1;
    if (match->found) continue;
    weir_u32 bit = weir_lowest_bit(hits);
    match->found = 1;
    match->allow = WEIR_WORD(arena, rules->allow_set + i) >> bit & 1U;
    match->rule = (weir_u32)WEIR_WORD(arena, rules->rule_ids + i * 64 + bit);
  }
  return match->found;
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
WEIR_INLINE struct weir_opinion weir_ask_rules(weir_arena_words arena,
                                               const struct weir_interface* interface,
                                               const struct weir_packet* packet, int direction) {
  struct weir_opinion opinion = WEIR_ZERO;
  struct weir_match match = WEIR_ZERO;
  int family = packet->family & 1;
  direction &= 1;
  struct weir_question question = WEIR_ZERO;
  question.peer = direction == WEIR_EGRESS ? packet->dst : packet->src;
  question.family = packet->family;
  question.protocol = packet->protocol;
  question.port =
      weir_port_key(packet, direction == WEIR_EGRESS ? packet->dstport : packet->srcport);
  if (weir_match_rules(arena, &interface->exempt[family], &question, &match)) {
    opinion.exempt = opinion.group_allows = opinion.acl_allows = 1;
    opinion.unlogged = match.allow;
    return opinion;
  }
  question.port = weir_port_key(packet, packet->dstport);
  opinion.group_allows =
      weir_match_rules(arena, &interface->groups[direction][family], &question, &match) != 0;
  opinion.group_rule = match.rule;
  opinion.untracked = match.everyone && weir_is_open(interface, packet, !direction);
  opinion.acl_allows = 1;
  if (!weir_same_subnet(interface, &question.peer)) {
    weir_match_rules(arena, &interface->acl[direction][family], &question, &match);
    opinion.acl_rule = match.rule;
    opinion.acl_allows = match.allow;
  }
  if (!opinion.untracked && weir_is_open(interface, packet, direction) &&
      packet->fragment != WEIR_LATER_FRAGMENT) {
    /* The same the other way round: a reply to an untracked connection opens no tracked one. */
    question.port = packet->srcport;
    weir_match_rules(arena, &interface->groups[!direction][family], &question, &match);
    opinion.untracked = match.everyone;
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
