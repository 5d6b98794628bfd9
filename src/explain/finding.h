// What `weir explain` has to say of one refused record.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explain/conversation.h"

namespace weir::explain {

/// How the cause was found: it chooses the sentence.
enum class Reason : std::uint8_t {
  // recorded or evaluated: the rule is known
  rule_denies,       ///< a numbered entry of the network ACL
  closing_rule,      ///< no entry of the network ACL fits: its `*`
  no_group_rule,     ///< no rule of the security groups fits
  connection_ended,  ///< as a new connection no rule would let it through
  // recorded by AWS in reject-reason
  public_access_blocked,
  encryption_required,
  // inferred from the records alone
  reply_refused,        ///< its request was let through
  after_the_close,      ///< both directions were let through before
  tracking_ran_out,     ///< the same, without a connection that could be closed
  within_the_subnet,    ///< where no network ACL is asked
  opened_by_the_other,  ///< the same flow was let through once the other side had spoken
  // undecided
  lone_request,
  rules_changed,  ///< the same flow was let through before, after or at the same time
  icmp_unknown,   ///< what decides is the type of ICMP, which no record tells
  too_late,       ///< a reply after so long that its request may have been forgotten
};

/// What the description given says of a refusal.
enum class Description : std::uint8_t {
  none,             ///< none was given
  agrees,           ///< its rules refuse it
  would_accept,     ///< they would let it through
  contradicted,     ///< they would refuse what was accepted of the same connection
  lacks_interface,  ///< or the address
};

struct Finding {
  std::string account_id;
  std::string interface_id;
  std::string interface_name;  ///< from the description; may be empty
  std::uint8_t protocol = 0;
  LoggedFlow flow;

  Cause cause = Cause::undecided;
  Certainty certainty = Certainty::inferred;
  Reason reason = Reason::lone_request;
  std::string rule;               ///< "acl-…:egress:*"; empty: not known
  bool is_tracked_reply = false;  ///< the security group let it through as a reply
  Description description = Description::none;
  std::string fix;                    ///< commands that would let it through; empty: none is known
  bool lacks_number = false;          ///< there is no fix, since no number is free before the rule
  std::string reply_refused_by;       ///< a rule that would refuse the reply, were it let through
  std::vector<std::string> evidence;  ///< records it rests on, quoted, its own first
};

}  // namespace weir::explain
