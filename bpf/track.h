/* Connection tracking: what a security group remembers of a connection at one interface, and for
 * how long (facts §8.2). Only the rules of one entry stand here; the table that holds the entries
 * is the caller's (src/policy/tracker.h, a map in the kernel). Times are microseconds of any clock
 * that the caller keeps to. */
#ifndef WEIR_BPF_TRACK_H
#define WEIR_BPF_TRACK_H

#include "bpf/packet.h"
#include "bpf/policy.h"
#include "bpf/types.h"

#define WEIR_SECOND 1000000ULL

/* AWS's defaults (facts §8.2). */
#define WEIR_TIMEOUT_TCP_ESTABLISHED (432000 * WEIR_SECOND)
#define WEIR_TIMEOUT_UDP (30 * WEIR_SECOND)
#define WEIR_TIMEOUT_UDP_STREAM (180 * WEIR_SECOND)
#define WEIR_TIMEOUT_OTHER (600 * WEIR_SECOND)
/* Not documented by AWS; ours (docs/decisions.md). */
#define WEIR_TIMEOUT_TCP_OPENING (120 * WEIR_SECOND) /* no reply seen yet */
#define WEIR_TIMEOUT_ICMP (30 * WEIR_SECOND)
#define WEIR_TIMEOUT_FRAGMENTS (30 * WEIR_SECOND)
#define WEIR_TIMEOUT_CLOSING (10 * WEIR_SECOND) /* last ACKs and repeated FINs still pass */
#define WEIR_TIMEOUT_CLOSED (600 * WEIR_SECOND) /* then forgotten, but still named as the cause */

/* Both directions of a connection have one key: the interface's own end is `local`. */
struct weir_connection_key {
  struct weir_address local;
  struct weir_address remote;
  weir_u32 interface;
  weir_u16 local_port;
  weir_u16 remote_port;
  weir_u8 protocol;
  weir_u8 kind; /* enum weir_connection_kind */
  weir_u8 zero[6];
};

enum weir_connection_kind {
  WEIR_BY_PORTS = 0, /* TCP, UDP; other protocols with ports 0; echo: identifier as both ports */
  /* Later fragments of one datagram: its identification as the ports, and its direction, since a
   * datagram has no reply. */
  WEIR_FRAGMENTS_IN,
  WEIR_FRAGMENTS_OUT,
};

struct weir_connection {
  weir_u64 last; /* of the latest packet in either direction, or of the close */
  weir_u32 opening_rule;
  weir_u8 opened_by; /* enum weir_direction */
  weir_u8 turns;     /* UDP and others: how often the direction changed; up to 3 counts */
  weir_u8 last_direction;
  weir_u8 fins; /* bit per direction */
  weir_u8 closed;
  weir_u8 zero[7];
};

/* The key of a packet's connection. Later fragments are found by their datagram's identification,
 * under which their first fragment has been remembered. */
WEIR_INLINE struct weir_connection_key weir_key_of(weir_u32 interface,
                                                   const struct weir_packet* packet,
                                                   int direction) {
  int out = direction == WEIR_EGRESS;
  struct weir_connection_key key = WEIR_ZERO;
  key.local = out ? packet->src : packet->dst;
  key.remote = out ? packet->dst : packet->src;
  key.interface = interface;
  key.protocol = packet->protocol;
  if (packet->fragment == WEIR_LATER_FRAGMENT) {
    key.kind = out ? WEIR_FRAGMENTS_OUT : WEIR_FRAGMENTS_IN;
    key.local_port = (weir_u16)(packet->fragment_id >> 16);
    key.remote_port = (weir_u16)packet->fragment_id;
  } else if (packet->protocol == WEIR_TCP || packet->protocol == WEIR_UDP) {
    key.local_port = out ? packet->srcport : packet->dstport;
    key.remote_port = out ? packet->dstport : packet->srcport;
  } else if (weir_is_echo(packet)) {
    key.local_port = key.remote_port = packet->icmp_id;
  }
  return key;
}

/* May a packet that passes open a tracked connection? ICMP but echo is no conversation: errors and
 * notices are judged packet by packet. Later fragments follow their first one.
 */
WEIR_INLINE int weir_is_trackable(const struct weir_packet* packet) {
  if (packet->fragment == WEIR_LATER_FRAGMENT) return 0;
  return (packet->protocol != WEIR_ICMP && packet->protocol != WEIR_ICMPV6) || weir_is_echo(packet);
}

WEIR_INLINE weir_u64 weir_idle_timeout(const struct weir_connection_key* key,
                                       const struct weir_connection* connection) {
  if (key->kind != WEIR_BY_PORTS) return WEIR_TIMEOUT_FRAGMENTS;
  if (connection->closed) return WEIR_TIMEOUT_CLOSING;
  switch (key->protocol) {
    case WEIR_TCP:
      return connection->turns > 0 ? WEIR_TIMEOUT_TCP_ESTABLISHED : WEIR_TIMEOUT_TCP_OPENING;
    case WEIR_UDP: /* a stream has more than one exchange: out, in, out, in */
      return connection->turns > 2 ? WEIR_TIMEOUT_UDP_STREAM : WEIR_TIMEOUT_UDP;
    case WEIR_ICMP:
    case WEIR_ICMPV6:
      return WEIR_TIMEOUT_ICMP;
    default:
      return WEIR_TIMEOUT_OTHER;
  }
}

/* A clock that steps back makes nothing expire. */
WEIR_INLINE weir_u64 weir_idle_time(const struct weir_connection* connection, weir_u64 now) {
  return now > connection->last ? now - connection->last : 0;
}

/* May the entry be thrown away? */
WEIR_INLINE int weir_is_forgotten(const struct weir_connection_key* key,
                                  const struct weir_connection* connection, weir_u64 now) {
  weir_u64 kept = weir_idle_timeout(key, connection);
  if (connection->closed) kept += WEIR_TIMEOUT_CLOSED;
  return weir_idle_time(connection, now) > kept;
}

/* What an entry found under the packet's key says of it. A SYN on a closed connection is a new one
 * that reuses the ports, and is judged as such. */
WEIR_INLINE enum weir_tracking weir_track(const struct weir_connection_key* key,
                                          const struct weir_connection* connection,
                                          const struct weir_packet* packet, int direction,
                                          weir_u64 now) {
  if (weir_is_forgotten(key, connection, now)) return WEIR_UNKNOWN_CONNECTION;
  if (connection->closed) {
    if ((packet->tcp_bits & (WEIR_TCP_SYN | WEIR_TCP_ACK)) == WEIR_TCP_SYN) {
      return WEIR_UNKNOWN_CONNECTION;
    }
    if (weir_idle_time(connection, now) > WEIR_TIMEOUT_CLOSING) return WEIR_AFTER_THE_CLOSE;
  }
  return connection->opened_by == direction ? WEIR_OWN_PACKET : WEIR_REPLY;
}

WEIR_INLINE struct weir_connection weir_open_connection(weir_u32 opening_rule, int direction,
                                                        weir_u64 now) {
  struct weir_connection connection = WEIR_ZERO;
  connection.last = now;
  connection.opening_rule = opening_rule;
  connection.opened_by = connection.last_direction = (weir_u8)direction;
  return connection;
}

/* Takes note of a packet that has passed all of the interface's checks, the opening one too. */
WEIR_INLINE void weir_advance(struct weir_connection* connection, const struct weir_packet* packet,
                              int direction, weir_u64 now) {
  if (connection->closed) return; /* the closing time runs from the close */
  if (now > connection->last) connection->last = now;
  if (connection->last_direction != direction) {
    connection->last_direction = (weir_u8)direction;
    if (connection->turns < 3) connection->turns += 1;
  }
  if (packet->protocol != WEIR_TCP || packet->fragment == WEIR_LATER_FRAGMENT) return;
  if (packet->tcp_bits & WEIR_TCP_FIN) connection->fins |= (weir_u8)(1U << direction);
  if (packet->tcp_bits & WEIR_TCP_RST || connection->fins == 3) connection->closed = 1;
}

#endif
