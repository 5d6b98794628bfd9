/* What the kernel program that records live interfaces (bpf/live.bpf.c) and the user space that
 * loads and drains it (src/live/) share: the layout of the maps and of the settings.
 *
 * Flows lie in per-processor arenas, two of each: the kernel fills one half while the other is read
 * and emptied, so that nobody deletes what another one counts (deleting from a live hash map loses
 * 39-157 packets in a million, an LRU map far more, and neither says so). A flow keeps its verdict:
 * its next packet costs one cache line, unless what the verdict rests on has changed (weir_slot).
 *
 * Everything seen is counted apart from the flows, in the same half, so that each drain can check:
 * packets seen = packets of flows + overflow + exceptions. */
#ifndef WEIR_BPF_LIVE_H
#define WEIR_BPF_LIVE_H

#include <linux/bpf.h>

#include "bpf/policy.h"
#include "bpf/track.h"
#include "bpf/types.h"

/* How many interfaces one host records. */
#define WEIR_MAX_PORTS 256

/* A port is an interface as the kernel knows it; a point is one direction of it. */
#define WEIR_POINTS (2 * WEIR_MAX_PORTS)

/* The kernel's clock is in jiffies, which cost nothing to read; the tracking clock ticks once a
 * beat of 2^beat_shift jiffies, about a second: a flow looks at its connection once a beat. */
struct weir_clock {
  weir_u64 jiffies;
  weir_u64 nanoseconds; /* CLOCK_MONOTONIC at the same moment */
};

/* One flow that met one verdict. `id` 0: free. */
struct weir_slot {
  weir_u64 addresses; /* IPv4: both of them; IPv6: their hash (weir_wide_slot has them) */
  weir_u64 id;        /* weir_slot_id */
  weir_u64 packets;
  weir_u64 bytes;
  weir_u32 first; /* low word of the jiffies */
  weir_u32 last;
  weir_u32 group_rule;
  weir_u32 acl_rule;
  /* The verdict holds for the flow's next packet as long as these are what they are. */
  weir_u32 generation; /* of the policy */
  weir_u32 changes;    /* of the connections that share the flow's place in weir_shared.changes */
  weir_u32 beat;       /* in which the connection was last looked at, where there is one */
  weir_u8 tcp_flags;
  weir_u8 accept;
  weir_u8 cause;
  weir_u8 marks; /* enum weir_slot_mark */
};

enum weir_slot_mark {
  WEIR_SLOT_HOLDS = 1,     /* this is the flow's verdict of today, not an earlier one */
  WEIR_SLOT_CONNECTED = 2, /* it rests on a tracked connection */
  WEIR_SLOT_UNLOGGED = 4,  /* never logged (facts §7): counted, not recorded */
};

struct weir_wide_slot {
  struct weir_slot slot;
  weir_u64 zero[4];
  struct weir_address src;
  struct weir_address dst;
};

/* A slot's id: ports, protocol, which point, and what kind of packet. ICMP has its type and code
 * and its identifier where others have ports, so that the verdict is one for all packets of a slot;
 * fragments have slots of their own, whose verdict never holds for the next one. */
#define WEIR_ID_USED (1ULL << 63)
#define WEIR_ID_FRAGMENT (1ULL << 62)
#define WEIR_ID_POINT_SHIFT 40
#define WEIR_ID_PROTOCOL_SHIFT 32

WEIR_INLINE weir_u64 weir_slot_id(weir_u32 point, const struct weir_packet* packet) {
  weir_u64 id = WEIR_ID_USED | (weir_u64)point << WEIR_ID_POINT_SHIFT |
                (weir_u64)packet->protocol << WEIR_ID_PROTOCOL_SHIFT |
                (weir_u64)packet->srcport << 16 | packet->dstport;
  if (packet->fragment != WEIR_WHOLE) {
    id |= WEIR_ID_FRAGMENT;
  } else if (packet->protocol == WEIR_ICMP || packet->protocol == WEIR_ICMPV6) {
    id |= (weir_u64)packet->icmp_type << 24 | (weir_u64)packet->icmp_code << 16 | packet->icmp_id;
  }
  return id;
}

/* An arena is a row of blocks for each half and processor. A flow lies in its block, in the first
 * free slot from its home on; when the window is full, the packet is overflow. The arenas of a half
 * lie one behind the other, by processor. */
#define WEIR_SLOT_WINDOW 16
#define WEIR_BLOCK_SLOTS 512
struct weir_block {
  struct weir_slot slots[WEIR_BLOCK_SLOTS];
};
#define WEIR_WIDE_BLOCK_SLOTS 256
struct weir_wide_block {
  struct weir_wide_slot slots[WEIR_WIDE_BLOCK_SLOTS];
};

/* How many blocks a processor has: those that were online when the maps were made share what there
 * is; one that comes later has a block. */
struct weir_shares {
  weir_u32 each;
  weir_u32 all; /* blocks of a half */
};

/* What one point saw on one processor, in packets as they are on the wire. */
enum weir_count {
  WEIR_SEEN = 0,
  WEIR_SEEN_NOT_IP = WEIR_NOT_IP,
  WEIR_SEEN_TRUNCATED = WEIR_TRUNCATED, /* headers that the kernel could not be made to show */
  WEIR_SEEN_MALFORMED = WEIR_MALFORMED,
  WEIR_SEEN_UNJUDGED, /* before a policy was published */
  WEIR_OVERFLOW_ACCEPT,
  WEIR_OVERFLOW_REJECT,
  WEIR_OVERFLOW_UNLOGGED, /* would not have been logged anyway */
  /* These count no packets of their own. */
  WEIR_OVERFLOW_IPV6,    /* of those accepted and rejected; the others are of the IPv4 table */
  WEIR_NOT_TRACKED,      /* connections that passed and found no place in the tracking table */
  WEIR_FORGOTTEN_CLOSED, /* closed connections that gave up their place before their time */
  WEIR_COUNTS = 16,
};
struct weir_counts {
  weir_u64 of[WEIR_COUNTS];
};

/* Tracked connections, all interfaces and processors together: sets of entries under one lock. An
 * entry that has been forgotten is free, so nothing is ever deleted. */
#define WEIR_SET_CONNECTIONS 16
struct weir_connection_entry {
  struct weir_connection_key key;
  struct weir_connection connection;
};

struct weir_connection_set {
  struct bpf_spin_lock lock;
  weir_u32 zero;
  weir_u16 tags[WEIR_SET_CONNECTIONS]; /* of the entry's hash; 0: was never used */
  /* The last moment at which the entry is remembered. So that looking for a place is a walk along
   * one array: computed there, the time-outs are half of what the verifier has to look at. */
  weir_u64 remembered_until[WEIR_SET_CONNECTIONS];
  struct weir_connection_entry entries[WEIR_SET_CONNECTIONS];
};

/* How often the connections of one place have changed in a way that another flow's verdict could
 * rest on: opened, closed, direction turned. A power of two: 64 kB stay in a near cache. */
#define WEIR_CHANGES 16384

/* What user space tells running programs, and they each other. */
struct weir_shared {
  weir_u32 half;       /* which half is being filled */
  weir_u32 generation; /* of the policy that holds; slots of another ask again */
  weir_u64 test_clock; /* in jiffies, where settings.is_test */
  struct weir_clock clock;
  weir_u8 zero[32];
  weir_u32 changes[WEIR_CHANGES];
};

/* A policy as it is published, whole. `interfaces` is by port. */
struct weir_live_policy {
  weir_u64 generation;
  struct weir_interface interfaces[WEIR_MAX_PORTS];
  struct weir_arena arena;
};

/* Constants of one loaded program: the kernel compiles them in. */
struct weir_settings {
  weir_u64 seed; /* of the hash; secret, or an attacker could fill one place */
  weir_u32 port;
  weir_u32 owner;           /* of connections: an interface, also when another has its port */
  weir_u32 direction;       /* enum weir_direction, as the interface's owner sees it */
  weir_u32 enforces;        /* drops what it rejects */
  weir_u32 has_link_header; /* Ethernet's; else packets start with IP */
  weir_u32 processors;      /* their numbers are below it, also of those that are not online yet */
  weir_u32 online;          /* the same of those that were online when the maps were made */
  weir_u32 points;          /* how many rows of counters a processor has */
  struct weir_shares blocks;
  struct weir_shares wide_blocks;
  weir_u32 set_mask; /* sets of connections, less one */
  weir_u32 beat_shift;
  weir_u32 beat_micros;
  weir_u32 is_test; /* time is weir_shared.test_clock */
};

#endif
