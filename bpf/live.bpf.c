/* Records a live interface: one program for each direction of each, on a tcx or clsact hook. A
 * packet is parsed, judged, and counted in its flow; what cannot be is counted as such. bpf/live.h
 * tells how it all lies in the maps.
 *
 * A processor runs one of these programs at a time (the hooks are called with softirqs held off),
 * so what is a processor's own is counted without atomics, and exactly. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
/* after the types that it needs */
#include <bpf/bpf_helpers.h>

#include "bpf/live.h"
#include "bpf/tunnel.h"

char weir_license[] SEC("license") = "GPL";

const volatile struct weir_settings settings;
struct weir_shared shared __attribute__((aligned(64)));

/* User space sets the number of entries. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, weir_u32);
  __type(value, struct weir_block);
} slots SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, weir_u32);
  __type(value, struct weir_wide_block);
} wide_slots SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, weir_u32);
  __type(value, struct weir_counts);
} counts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, weir_u32);
  __type(value, struct weir_connection_set);
} connections SEC(".maps");

struct policy_map {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(key_size, sizeof(weir_u32)); /* of an inner map, clang describes no types */
  __uint(value_size, sizeof(struct weir_live_policy));
};

/* One entry: the policy. Replacing it waits until no program uses the one before. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 1);
  __type(key, weir_u32);
  __array(values, struct policy_map);
} policies SEC(".maps");

/* A packet at this point: all that the steps below pass on. */
struct weir_sighting {
  struct weir_packet packet;
  weir_u64 hash; /* of the connection's key, so that both directions have the same */
  weir_u64 addresses;
  weir_u64 id;
  weir_u64 bytes;
  weir_u32 segments; /* packets that this one is, or was, on the wire */
  weir_u32 jiffies;
  weir_u32 beat;
  weir_u16 half;
  weir_u16 processor;
};

/* What is known of a packet once it has been judged. */
struct weir_judgement {
  struct weir_verdict verdict;
  weir_u32 generation;
  weir_u32 changes;
  weir_u8 is_connected;
  weir_u8 holds; /* for the flow's next packets too */
  weir_u8 opens_datagram;
};

WEIR_INLINE weir_u64 weir_mix(weir_u64 hash, weir_u64 word) {
  hash = (hash ^ word) * 0x9fb21c651e98df25ULL;
  return hash ^ hash >> 29;
}

WEIR_INLINE weir_u64 weir_hash_key(const struct weir_connection_key* key) {
  weir_u64 hash = settings.seed;
  if ((key->local.high | key->remote.high) != 0) {
    hash = weir_mix(hash, key->local.high);
    hash = weir_mix(hash, key->remote.high);
    hash = weir_mix(hash, key->local.low);
    hash = weir_mix(hash, key->remote.low);
  } else {
    hash = weir_mix(hash, key->local.low << 32 | (key->remote.low & 0xffffffffU));
  }
  hash = weir_mix(hash, (weir_u64)key->interface << 48 | (weir_u64)key->kind << 40 |
                            (weir_u64)key->protocol << 32 | (weir_u64)key->local_port << 16 |
                            key->remote_port);
  return hash * (settings.seed | 1);
}

/* May it end a connection, or begin one? */
WEIR_INLINE int weir_is_turning_point(const struct weir_packet* packet) {
  return packet->tcp_bits & (WEIR_TCP_FIN | WEIR_TCP_SYN | WEIR_TCP_RST);
}

WEIR_INLINE int weir_is_same_key(const struct weir_connection_key* a,
                                 const struct weir_connection_key* b) {
  const weir_u64* x = (const weir_u64*)a;
  const weir_u64* y = (const weir_u64*)b;
  weir_u64 difference = 0;
  for (weir_u32 i = 0; i < sizeof(*a) / sizeof(*x); ++i) difference |= x[i] ^ y[i];
  return difference == 0;
}

WEIR_INLINE weir_u16 weir_tag_of(weir_u64 hash) {
  return (weir_u16)(hash >> 48 | 1);
}

/* The place of the key's entry; WEIR_SET_CONNECTIONS: there is none. */
WEIR_INLINE weir_u32 weir_find_connection(const struct weir_connection_set* set,
                                          const struct weir_connection_key* key, weir_u16 tag) {
  for (weir_u32 i = 0; i < WEIR_SET_CONNECTIONS; ++i) {
    if (set->tags[i] == tag && weir_is_same_key(&set->entries[i].key, key)) return i;
  }
  return WEIR_SET_CONNECTIONS;
}

/* A place for a new entry: one that was never used or has been forgotten; else one that only
 * remembers that its connection was closed. */
WEIR_INLINE weir_u32 weir_find_place(const struct weir_connection_set* set, weir_u64 now,
                                     weir_u64* forgotten_closed) {
  weir_u32 closed = WEIR_SET_CONNECTIONS;
  for (weir_u32 i = 0; i < WEIR_SET_CONNECTIONS; ++i) {
    if (set->tags[i] == 0 || set->remembered_until[i] < now) return i;
    const struct weir_connection* connection = &set->entries[i].connection;
    if (connection->closed && connection->last + WEIR_TIMEOUT_CLOSING < now) closed = i;
  }
  if (closed < WEIR_SET_CONNECTIONS) *forgotten_closed += 1;
  return closed;
}

/* After every change of an entry. */
WEIR_INLINE void weir_set_until(struct weir_connection_set* set, weir_u32 place) {
  const struct weir_connection_entry* entry = &set->entries[place];
  set->remembered_until[place] = entry->connection.last +
                                 weir_idle_timeout(&entry->key, &entry->connection) +
                                 (entry->connection.closed ? WEIR_TIMEOUT_CLOSED : 0);
}

/* Opens a connection with the packet that passed, at the key's place or a new one. False where
 * there is no place. */
WEIR_INLINE int weir_remember(struct weir_connection_set* set,
                              const struct weir_connection_key* key, weir_u16 tag, weir_u32 place,
                              weir_u32 rule, const struct weir_packet* packet, weir_u64 now,
                              weir_u64* forgotten_closed) {
  if (place >= WEIR_SET_CONNECTIONS) place = weir_find_place(set, now, forgotten_closed);
  if (place >= WEIR_SET_CONNECTIONS) return 0;
  struct weir_connection connection = weir_open_connection(rule, (int)settings.direction, now);
  weir_advance(&connection, packet, (int)settings.direction, now);
  set->tags[place] = tag;
  set->entries[place].key = *key;
  set->entries[place].connection = connection;
  weir_set_until(set, place);
  return 1;
}

/* What of a connection other flows' verdicts may rest on, in one word. */
WEIR_INLINE weir_u32 weir_shape_of(const struct weir_connection* connection) {
  return (weir_u32)connection->turns << 16 | (weir_u32)connection->fins << 8 | connection->closed;
}

/* The verdict, and what it does to the connection: policy::Judge::judge, with a table that all
 * processors share. */
WEIR_APART int weir_consult(const struct weir_sighting* at, const struct weir_opinion* opinion,
                            struct weir_counts* count, struct weir_judgement* judgement) {
  if (!at || !opinion || !count || !judgement) return 0;
  const struct weir_packet* packet = &at->packet;
  const int direction = (int)settings.direction;
  const struct weir_connection_key key = weir_key_of(settings.owner, packet, direction);
  const weir_u64 now = (weir_u64)at->beat * settings.beat_micros;
  weir_u32* changes = &shared.changes[at->hash & (WEIR_CHANGES - 1)];
  weir_u32 index = (weir_u32)(at->hash >> 16) & settings.set_mask;
  struct weir_connection_set* set = bpf_map_lookup_elem(&connections, &index);
  if (!set) return 0;

  enum weir_tracking tracking = WEIR_UNKNOWN_CONNECTION;
  weir_u32 opening_rule = WEIR_RULE_NONE;
  weir_u64 forgotten_closed = 0;
  int is_changed = 0;
  int is_lost = 0;
  /* Before the look: what changes from here on makes the flow look again. */
  judgement->changes = *(volatile weir_u32*)changes;
  bpf_spin_lock(&set->lock);
  weir_u32 place = weir_find_connection(set, &key, weir_tag_of(at->hash));
  if (place < WEIR_SET_CONNECTIONS) {
    const struct weir_connection* connection = &set->entries[place].connection;
    tracking = weir_track(&key, connection, packet, direction, now);
    opening_rule = connection->opening_rule;
    judgement->is_connected = !weir_is_forgotten(&key, connection, now);
  }
  judgement->verdict = weir_decide(opinion, direction, tracking, opening_rule);
  if (judgement->verdict.accept) {
    if (tracking == WEIR_OWN_PACKET || tracking == WEIR_REPLY) {
      if (place < WEIR_SET_CONNECTIONS) {
        struct weir_connection* connection = &set->entries[place].connection;
        weir_u32 before = weir_shape_of(connection);
        weir_advance(connection, packet, direction, now);
        is_changed = weir_shape_of(connection) != before;
        weir_set_until(set, place);
      }
    } else if (!opinion->untracked && weir_is_trackable(packet)) {
      is_changed = weir_remember(set, &key, weir_tag_of(at->hash), place,
                                 judgement->verdict.group_rule, packet, now, &forgotten_closed);
      judgement->is_connected |= is_changed;
      is_lost = !is_changed;
    }
  }
  bpf_spin_unlock(&set->lock);

  if (is_changed && __sync_fetch_and_add(changes, 1) == judgement->changes) {
    judgement->changes += 1; /* by this flow itself, which knows */
  }
  count->of[WEIR_FORGOTTEN_CLOSED] += forgotten_closed;
  count->of[WEIR_NOT_TRACKED] += is_lost;
  /* A SYN on a closed connection is judged as a new one's; the next packet may be the old one's. */
  int is_refused_syn =
      judgement->is_connected && !judgement->verdict.accept && weir_is_turning_point(packet);
  judgement->holds = packet->fragment == WEIR_WHOLE && !is_lost && !is_refused_syn;
  return 1;
}

/* Later fragments are let through the groups if their first one was: it leaves a note. */
WEIR_APART int weir_remember_datagram(const struct weir_sighting* at, weir_u32 rule,
                                      struct weir_counts* count) {
  if (!at || !count) return 0;
  struct weir_packet later = at->packet;
  later.fragment = WEIR_LATER_FRAGMENT;
  const struct weir_connection_key key =
      weir_key_of(settings.owner, &later, (int)settings.direction);
  const weir_u64 hash = weir_hash_key(&key);
  const weir_u64 now = (weir_u64)at->beat * settings.beat_micros;
  weir_u32 index = (weir_u32)(hash >> 16) & settings.set_mask;
  struct weir_connection_set* set = bpf_map_lookup_elem(&connections, &index);
  if (!set) return 0;
  weir_u64 forgotten_closed = 0;
  bpf_spin_lock(&set->lock);
  weir_u32 place = weir_find_connection(set, &key, weir_tag_of(hash));
  int is_known =
      weir_remember(set, &key, weir_tag_of(hash), place, rule, &later, now, &forgotten_closed);
  bpf_spin_unlock(&set->lock);
  count->of[WEIR_FORGOTTEN_CLOSED] += forgotten_closed;
  count->of[WEIR_NOT_TRACKED] += !is_known;
  return is_known;
}

/* What the rules say. False as long as no policy was published. */
WEIR_APART int weir_ask(const struct weir_sighting* at, struct weir_opinion* opinion,
                        weir_u32* generation) {
  if (!at || !opinion || !generation) return 0;
  weir_u32 zero = 0;
  void* published = bpf_map_lookup_elem(&policies, &zero);
  if (!published) return 0;
  const struct weir_live_policy* policy = bpf_map_lookup_elem(published, &zero);
  if (!policy) return 0;
  *opinion =
      weir_ask_rules(&policy->arena, &policy->interfaces[settings.port & (WEIR_MAX_PORTS - 1)],
                     &at->packet, (int)settings.direction);
  *generation = (weir_u32)policy->generation;
  return 1;
}

/* Asks the rules and the tracking table. False as long as no policy was published. One after the
 * other, not one from within the other: all that are called from each other have 512 bytes of
 * stack together, and kernels before 6.6 count each as a multiple of 32. */
WEIR_INLINE int weir_judge(const struct weir_sighting* at, struct weir_counts* count,
                           struct weir_judgement* judgement) {
  struct weir_opinion opinion = {};
  if (!weir_ask(at, &opinion, &judgement->generation)) return 0;
  if (opinion.exempt) {
    judgement->verdict = weir_decide(&opinion, (int)settings.direction, WEIR_UNKNOWN_CONNECTION, 0);
    judgement->changes = shared.changes[at->hash & (WEIR_CHANGES - 1)];
    judgement->holds = at->packet.fragment == WEIR_WHOLE;
    return 1;
  }
  weir_consult(at, &opinion, count, judgement);
  judgement->opens_datagram =
      judgement->verdict.accept && at->packet.fragment == WEIR_FIRST_FRAGMENT;
  return 1;
}

/* The part of an arena that a flow may lie in. `block` is a weir_wide_block for IPv6. */
struct weir_window {
  void* block;
  weir_u32 home;
};

/* The number of the flow's block, of `each` that the processor has where `all` are a half. */
WEIR_INLINE weir_u32 weir_block_of(const struct weir_sighting* at, weir_u32 each, weir_u32 all) {
  weir_u32 first = at->half * all;
  if (at->processor >= settings.online) {
    return first + settings.online * each + (at->processor - settings.online);
  }
  return first + at->processor * each + (weir_u32)((at->hash >> 32) * each >> 32);
}

WEIR_INLINE struct weir_window weir_find_window(const struct weir_sighting* at, int is_wide) {
  /* A flow and its replies lie side by side. */
  struct weir_window window = {0, (weir_u32)at->hash + settings.direction};
  if (is_wide) {
    weir_u32 index = weir_block_of(at, settings.wide_blocks.each, settings.wide_blocks.all);
    window.block = bpf_map_lookup_elem(&wide_slots, &index);
  } else {
    weir_u32 index = weir_block_of(at, settings.blocks.each, settings.blocks.all);
    window.block = bpf_map_lookup_elem(&slots, &index);
  }
  return window;
}

WEIR_INLINE struct weir_slot* weir_slot_at(const struct weir_window* window, int is_wide,
                                           weir_u32 i) {
  if (is_wide) {
    struct weir_wide_block* block = window->block;
    return &block->slots[(window->home + i) & (WEIR_WIDE_BLOCK_SLOTS - 1)].slot;
  }
  struct weir_block* block = window->block;
  return &block->slots[(window->home + i) & (WEIR_BLOCK_SLOTS - 1)];
}

WEIR_INLINE int weir_is_of_flow(const struct weir_slot* slot, int is_wide,
                                const struct weir_sighting* at) {
  if (slot->id != at->id || slot->addresses != at->addresses) return 0;
  if (!is_wide) return 1;
  const struct weir_wide_slot* wide = (const struct weir_wide_slot*)slot;
  return wide->src.high == at->packet.src.high && wide->src.low == at->packet.src.low &&
         wide->dst.high == at->packet.dst.high && wide->dst.low == at->packet.dst.low;
}

/* The flow's slot, if its verdict holds for this packet. */
WEIR_INLINE struct weir_slot* weir_find_holding(const struct weir_window* window, int is_wide,
                                                const struct weir_sighting* at) {
  for (weir_u32 i = 0; i < WEIR_SLOT_WINDOW; ++i) {
    struct weir_slot* slot = weir_slot_at(window, is_wide, i);
    if (slot->id == 0) return 0;
    if (!weir_is_of_flow(slot, is_wide, at) || !(slot->marks & WEIR_SLOT_HOLDS)) continue;
    if (slot->generation != shared.generation) return 0;
    if (slot->changes != shared.changes[at->hash & (WEIR_CHANGES - 1)]) return 0;
    if (!(slot->marks & WEIR_SLOT_CONNECTED)) return slot;
    if (slot->beat != at->beat || weir_is_turning_point(&at->packet)) return 0;
    return slot;
  }
  return 0;
}

WEIR_INLINE int weir_has_verdict(const struct weir_slot* slot, const struct weir_verdict* verdict) {
  int unlogged = (slot->marks & WEIR_SLOT_UNLOGGED) != 0;
  return slot->accept == verdict->accept && slot->cause == verdict->cause &&
         slot->group_rule == verdict->group_rule && slot->acl_rule == verdict->acl_rule &&
         unlogged == verdict->unlogged;
}

/* The flow's slot for this verdict, new if need be; no other holds any more. Nothing: the window is
 * full. */
WEIR_INLINE struct weir_slot* weir_find_or_add(const struct weir_window* window, int is_wide,
                                               const struct weir_sighting* at,
                                               const struct weir_judgement* judgement) {
  struct weir_slot* found = 0;
  struct weir_slot* slot = 0;
  for (weir_u32 i = 0; i < WEIR_SLOT_WINDOW; ++i) {
    slot = weir_slot_at(window, is_wide, i);
    if (slot->id == 0) break;
    if (weir_is_of_flow(slot, is_wide, at)) {
      slot->marks &= (weir_u8)~WEIR_SLOT_HOLDS;
      if (weir_has_verdict(slot, &judgement->verdict)) found = slot;
    }
    slot = 0;
  }
  if (found) return found;
  if (!slot) return 0;
  slot->id = at->id;
  slot->addresses = at->addresses;
  slot->packets = 0;
  slot->bytes = 0;
  slot->first = at->jiffies;
  slot->group_rule = judgement->verdict.group_rule;
  slot->acl_rule = judgement->verdict.acl_rule;
  slot->tcp_flags = 0;
  slot->accept = judgement->verdict.accept;
  slot->cause = judgement->verdict.cause;
  slot->marks = judgement->verdict.unlogged ? WEIR_SLOT_UNLOGGED : 0;
  if (is_wide) {
    struct weir_wide_slot* wide = (struct weir_wide_slot*)slot;
    wide->src = at->packet.src;
    wide->dst = at->packet.dst;
  }
  return slot;
}

WEIR_INLINE void weir_note(struct weir_slot* slot, const struct weir_sighting* at,
                           const struct weir_judgement* judgement) {
  weir_u8 marks = slot->marks & WEIR_SLOT_UNLOGGED;
  if (judgement->holds) marks |= WEIR_SLOT_HOLDS;
  if (judgement->is_connected) marks |= WEIR_SLOT_CONNECTED;
  slot->marks = marks;
  slot->generation = judgement->generation;
  slot->changes = judgement->changes;
  slot->beat = at->beat;
}

WEIR_INLINE void weir_count(struct weir_slot* slot, const struct weir_sighting* at) {
  slot->packets += at->segments;
  slot->bytes += at->bytes;
  slot->last = at->jiffies;
  slot->tcp_flags |= weir_tcp_flags(at->packet.tcp_bits);
}

/* Counts the packet of a flow that keeps no verdict, or another one. False where there is no room.
 */
WEIR_APART int weir_count_judged(const struct weir_sighting* at,
                                 const struct weir_judgement* judgement) {
  if (!at || !judgement) return 0;
  const int is_wide = at->packet.family == WEIR_IPV6;
  const struct weir_window window = is_wide ? weir_find_window(at, 1) : weir_find_window(at, 0);
  if (!window.block) return 0;
  struct weir_slot* slot = is_wide ? weir_find_or_add(&window, 1, at, judgement)
                                   : weir_find_or_add(&window, 0, at, judgement);
  if (!slot) return 0;
  weir_note(slot, at, judgement);
  weir_count(slot, at);
  return 1;
}

WEIR_INLINE int weir_action(int accept) {
  /* Nothing is decided for what else is attached: it runs as if Weir were not there. */
  return accept || !settings.enforces ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

WEIR_APART int weir_parse(struct __sk_buff* skb, struct weir_packet* packet) {
  if (!packet) return WEIR_MALFORMED;
  const weir_u8* data = (const weir_u8*)(long)skb->data;
  const weir_u8* end = (const weir_u8*)(long)skb->data_end;
  return settings.has_link_header ? weir_parse_ethernet(data, end, skb->len, packet)
                                  : weir_parse_ip(data, end, skb->len, packet);
}

/* Headers are at most this long in any packet that people send; what is longer and in no linear
 * buffer is called truncated. */
#define WEIR_PULL 512

/* How many packets this one was, or will be, on the wire, and their layer-3 bytes: the headers come
 * again with every segment. */
WEIR_INLINE void weir_measure(struct __sk_buff* skb, struct weir_sighting* at) {
  at->segments = 1;
  at->bytes = at->packet.bytes;
  weir_u32 size = skb->gso_size;
  if (size == 0) return;
  weir_u32 headers = at->packet.headers + weir_tunnel_headers(skb, &at->packet);
  if (headers > at->packet.bytes) return; /* a lie, such as of a virtual machine */
  weir_u32 payload = at->packet.bytes - headers;
  weir_u32 segments = skb->gso_segs;
  /* A virtual machine's segments come uncounted. */
  if (segments == 0) segments = (payload + size - 1) / size;
  if (segments == 0) return;
  at->segments = segments;
  at->bytes += (weir_u64)(segments - 1) * headers;
}

WEIR_INLINE void weir_identify(struct weir_sighting* at) {
  const struct weir_connection_key key =
      weir_key_of(settings.owner, &at->packet, (int)settings.direction);
  at->hash = weir_hash_key(&key);
  at->id = weir_slot_id(settings.port * 2 + settings.direction, &at->packet);
  at->addresses = at->packet.family == WEIR_IPV6
                      ? at->hash
                      : at->packet.src.low << 32 | (at->packet.dst.low & 0xffffffffU);
}

WEIR_INLINE int weir_record(struct __sk_buff* skb) {
  struct weir_sighting at = {};
  const weir_u64 now = settings.is_test ? shared.test_clock : bpf_jiffies64();
  at.jiffies = (weir_u32)now;
  at.beat = (weir_u32)(now >> settings.beat_shift);
  at.half = shared.half & 1;
  at.processor = (weir_u16)bpf_get_smp_processor_id();
  weir_u32 row = at.half * settings.processors + at.processor;
  weir_u32 index = row * settings.points + settings.port * 2 + settings.direction;
  struct weir_counts* count = bpf_map_lookup_elem(&counts, &index);
  if (!count) return weir_action(0);

  int parsed = weir_parse(skb, &at.packet);
  if (parsed == WEIR_TRUNCATED &&
      bpf_skb_pull_data(skb, skb->len < WEIR_PULL ? skb->len : WEIR_PULL) == 0) {
    parsed = weir_parse(skb, &at.packet);
  }
  weir_measure(skb, &at);
  count->of[WEIR_SEEN] += at.segments;
  if (parsed != WEIR_PARSED) {
    count->of[parsed & (WEIR_COUNTS - 1)] += at.segments;
    return weir_action(parsed == WEIR_NOT_IP);
  }
  weir_identify(&at);
  const int is_wide = at.packet.family == WEIR_IPV6;
  const struct weir_window window = is_wide ? weir_find_window(&at, 1) : weir_find_window(&at, 0);
  struct weir_slot* slot = 0;
  if (window.block) {
    slot = is_wide ? weir_find_holding(&window, 1, &at) : weir_find_holding(&window, 0, &at);
  }
  if (slot) {
    weir_count(slot, &at);
    return weir_action(slot->accept);
  }

  struct weir_judgement judgement = {};
  if (!weir_judge(&at, count, &judgement)) {
    count->of[WEIR_SEEN_UNJUDGED] += at.segments;
    return weir_action(0);
  }
  if (judgement.opens_datagram) {
    weir_remember_datagram(&at, judgement.verdict.group_rule, count);
  }
  if (!weir_count_judged(&at, &judgement)) {
    weir_u32 which = judgement.verdict.unlogged ? WEIR_OVERFLOW_UNLOGGED
                     : judgement.verdict.accept ? WEIR_OVERFLOW_ACCEPT
                                                : WEIR_OVERFLOW_REJECT;
    count->of[which] += at.segments;
    if (is_wide && !judgement.verdict.unlogged) count->of[WEIR_OVERFLOW_IPV6] += at.segments;
  }
  return weir_action(judgement.verdict.accept);
}

SEC("tc")
int weir_live(struct __sk_buff* skb) {
  return weir_record(skb);
}

/* Run by user space: which moment is which in jiffies. */
SEC("tc")
int weir_read_clock(struct __sk_buff* skb) {
  (void)skb;
  shared.clock.jiffies = bpf_jiffies64();
  shared.clock.nanoseconds = bpf_ktime_get_ns();
  return 0;
}
