/* The whole way of a packet as a kernel program takes it: parse, ask the rules, consult the
 * connection, decide, remember. Compiled, not loaded: it shows that code generation for BPF takes
 * what the headers do. Arena and entry come from maps in a real program. */
#include "bpf/packet.h"
#include "bpf/policy.h"
#include "bpf/track.h"

int weir_judge_frame(const weir_u8* data, const weir_u8* end, weir_arena_words arena,
                     const struct weir_interface* interface, struct weir_connection* connection);

int weir_judge_frame(const weir_u8* data, const weir_u8* end, weir_arena_words arena,
                     const struct weir_interface* interface, struct weir_connection* connection) {
  struct weir_packet packet;
  if (weir_parse_ethernet(data, end, (weir_u32)(end - data), &packet) != WEIR_PARSED) return 0;
  const weir_u64 now = connection->last + WEIR_SECOND;
  const struct weir_connection_key key = weir_key_of(1, &packet, WEIR_INGRESS);
  const struct weir_opinion opinion = weir_ask_rules(arena, interface, &packet, WEIR_INGRESS);
  const enum weir_tracking tracking = weir_track(&key, connection, &packet, WEIR_INGRESS, now);
  const struct weir_verdict verdict =
      weir_decide(&opinion, WEIR_INGRESS, tracking, connection->opening_rule);
  if (verdict.accept) weir_advance(connection, &packet, WEIR_INGRESS, now);
  return verdict.accept;
}
