#include "explain/words.h"

#include <fmt/args.h>
#include <fmt/format.h>

#include <array>

#include "packet/packet.h"

namespace weir::explain {
namespace {

using vpc::Direction;

/// Clients speak from here on (facts/flow-logs.md §8.3).
constexpr std::uint16_t kFirstClientPort = 1024;

/// All that is said, in one language. The names in braces are those of `arguments`.
struct Phrases {
  std::string_view may_not_send;
  std::string_view may_not_receive;
  std::string_view refused;  ///< where the direction is not known
  std::string_view service;
  std::string_view reply_service;
  std::string_view source_service;  ///< where only the sender's port is a service's
  std::string_view protocol;
  std::string_view into_the_subnet;
  std::string_view out_of_the_subnet;
  std::string_view through;  ///< the way, where the direction is not known
  std::string_view inbound;
  std::string_view outbound;
  std::string_view a_reply;        ///< after a network ACL's reason
  std::string_view reply_refused;  ///< after a reason with a fix
  std::string_view group;          ///< {ids}
  std::string_view groups;         ///< {ids}
  std::string_view id_separator;
  std::string_view acl;                         ///< {id}
  std::array<std::string_view, 5> description;  ///< after any reason, by Description
  std::array<std::string_view, 15> reasons;     ///< by Reason
};

constexpr Phrases kEnglish = {
    "{who} may not send from {src} to {dst}, {service} ({packets}): {reason}.",
    "{who} may not receive from {src} to {dst}, {service} ({packets}): {reason}.",
    "{who} refused what went from {src} to {dst}, {service} ({packets}): {reason}.",
    "{protocol} port {port}",
    "reply of {protocol} port {port}",
    "from {protocol} port {port}",
    "protocol {number}",
    "into the subnet",
    "out of the subnet",
    "through",
    "inbound",
    "outbound",
    ". It is a reply to a connection that was let through: a security group remembers that, a "
    "network ACL does not",
    ". Once it is let through, its reply is refused by rule {rule} of {acl}: that needs an entry "
    "too",
    "security group {ids}",
    "security groups {ids}",
    " and ",
    "network ACL {id}",
    {"", "",
     ". The rules of the description would let it through: they were probably changed since",
     ". The rules of the description would also refuse what was accepted of this connection: they "
     "were changed since, and are not asked",
     ". The description lacks this interface or its address, so its rules are not asked"},
    {
        "rule {rule} of network ACL {owner} denies it {way}",
        "no rule of network ACL {owner} allows it {way}, so its closing rule * denies it",
        "no {side} rule of {groups} allows it",
        "its connection had ended, and as a new one no {side} rule of {groups} allows it",
        "VPC Block Public Access refuses it, whatever security groups and network ACLs allow",
        "the VPC's encryption controls refuse what is not encrypted, whatever security groups and "
        "network ACLs allow",
        "its request was accepted, and a security group lets replies to what it accepted through. "
        "A network ACL judges each packet alone: that of the interface's subnet has no rule for "
        "the reply, which goes to the port that the client chose (most often one of 1024-65535)",
        "packets of this connection were accepted before, so the rules let them through. It came "
        "after the connection had been closed; there is nothing to mend",
        "the same was accepted before, so the network ACL lets it through. The security group had "
        "forgotten the connection after the silence, and has no rule that allows it anew",
        "both ends are in one subnet, where no network ACL is asked: no rule of the security "
        "groups allows it",
        "the same was accepted once the other side had spoken, so the network ACL lets it through. "
        "It came before that, and no rule of the security groups allows it as a first packet",
        "nothing of this connection was accepted, and a missing rule of a security group looks the "
        "same in the records as one of a network ACL",
        "the same was accepted as well, before it, after it or meanwhile: the rules were probably "
        "changed, and the records do not tell which",
        "what decides is the type of ICMP, which no record tells",
        "it came so late that its connection may have been closed or forgotten by the security "
        "group; "
        "else the network ACL has no rule for it",
    }};

constexpr Phrases kJapanese = {
    "{who} は {src} から {dst} へ送信できません ({service}、{packets})。{reason}。",
    "{who} は {src} から {dst} 宛てを受信できません ({service}、{packets})。{reason}。",
    "{who} で {src} から {dst} への通信が拒否されました ({service}、{packets})。{reason}。",
    "{protocol} ポート {port}",
    "{protocol} ポート {port} の応答",
    "送信元 {protocol} ポート {port}",
    "プロトコル {number}",
    "サブネットに入るのを",
    "サブネットから出るのを",
    "通過を",
    "インバウンド",
    "アウトバウンド",
    "。これは許可された通信への応答です。セキュリティグループは接続を覚えていますが"
    "(ステートフル)、ネットワーク ACL は覚えていません (ステートレス)",
    "。許可しても、応答は {acl} のルール {rule} で拒否されます。そちらにもエントリが必要です",
    "セキュリティグループ {ids}",
    "セキュリティグループ {ids}",
    "、",
    "ネットワーク ACL {id}",
    {"", "", "。指定された定義のルールなら許可されるはずです。その後ルールが変更されたと思われます",
     "。指定された定義のルールでは、この接続で許可されたものまで拒否されます。その後ルールが"
     "変更されているため、判定には使いません",
     "。指定された定義にこのインターフェイスまたはそのアドレスがないため、ルールでは判定できませ"
     "ん"},
    {
        "ネットワーク ACL {owner} のルール {rule} が{way}拒否しています",
        "ネットワーク ACL {owner} に{way}許可するルールがなく、最後の * ルールで拒否されました",
        "{groups} に許可する{side}ルールがありません",
        "接続はすでに終わっており、新しい接続としては {groups} に許可する{side}ルールがありません",
        "VPC ブロックパブリックアクセスが拒否しています。セキュリティグループやネットワーク ACL が"
        "許可していても変わりません",
        "VPC の暗号化コントロールが暗号化されていない通信を拒否しています。セキュリティグループや"
        "ネットワーク ACL が許可していても変わりません",
        "要求は許可されており、セキュリティグループは許可した通信の応答を通します。ネットワーク "
        "ACL はパケットを 1 つずつ判定するため、このサブネットのネットワーク ACL に応答"
        "(宛先はクライアントが選んだポートで、多くは 1024-65535) を許可するルールがありません",
        "この接続のパケットは以前に許可されているので、ルールは通信を許可しています。接続が"
        "閉じた後に届いたパケットであり、直すべきものはありません",
        "同じ通信が以前に許可されているので、ネットワーク ACL は許可しています。無通信の間に"
        "セキュリティグループの接続追跡が切れ、新たに許可するルールがありません",
        "両端が同じサブネットにあり、ネットワーク ACL は評価されません。セキュリティグループに"
        "許可するルールがありません",
        "相手側から通信が始まった後は同じ通信が許可されているので、ネットワーク ACL は許可して"
        "います。その前に届いたため、最初のパケットとして許可するルールがセキュリティグループに"
        "ありません",
        "この通信で許可されたものは何もなく、セキュリティグループのルール不足とネットワーク ACL "
        "のルール不足は記録の上では区別できません",
        "同じ通信が前後または同時に許可もされています。ルールが変更されたと思われますが、どちらの"
        "ルールかは記録から分かりません",
        "判定は ICMP のタイプによりますが、記録にはタイプがありません",
        "届いたのが遅く、接続が閉じたか、セキュリティグループの接続追跡が切れた可能性があります。"
        "そうでなければネットワーク ACL に許可するルールがありません",
    }};

const Phrases& phrases(Language language) {
  return language == Language::japanese ? kJapanese : kEnglish;
}

std::string protocol_name(std::uint8_t protocol, const Phrases& words) {
  switch (protocol) {
    case WEIR_ICMP:
      return "ICMP";
    case WEIR_TCP:
      return "TCP";
    case WEIR_UDP:
      return "UDP";
    case WEIR_ICMPV6:
      return "ICMPv6";
    case WEIR_SCTP:
      return "SCTP";
    default:
      return fmt::format(fmt::runtime(words.protocol), fmt::arg("number", protocol));
  }
}

bool is_reply(const Finding& finding) {
  return finding.is_tracked_reply || finding.reason == Reason::reply_refused;
}

// Of a rule's name, "acl-…:egress:100" or "sg-…+sg-…:ingress:*".
std::string_view owner_of(std::string_view rule) {
  return rule.substr(0, rule.find(':'));
}
std::string_view number_in(std::string_view rule) {
  return rule.substr(rule.rfind(':') + 1);
}

std::string groups_in_words(std::string_view owner, const Phrases& words) {
  const bool are_several = owner.find('+') != std::string_view::npos;
  std::string ids;
  for (const char c : owner) {
    if (c == '+') {
      ids += words.id_separator;
    } else {
      ids += c;
    }
  }
  return fmt::format(fmt::runtime(are_several ? words.groups : words.group), fmt::arg("ids", ids));
}

std::string reason_in_words(const Finding& finding, const Phrases& words) {
  const auto& direction = finding.flow.direction;
  const std::string_view rule = finding.rule;
  const auto& way = !direction                        ? words.through
                    : *direction == Direction::egress ? words.out_of_the_subnet
                                                      : words.into_the_subnet;
  const auto& side = direction == Direction::egress ? words.outbound : words.inbound;
  std::string text =
      fmt::format(fmt::runtime(words.reasons[static_cast<std::size_t>(finding.reason)]),
                  fmt::arg("rule", number_in(rule)), fmt::arg("owner", owner_of(rule)),
                  fmt::arg("groups", groups_in_words(owner_of(rule), words)), fmt::arg("way", way),
                  fmt::arg("side", side));
  if (finding.is_tracked_reply &&
      (finding.reason == Reason::rule_denies || finding.reason == Reason::closing_rule)) {
    text += words.a_reply;
  }
  text += words.description[static_cast<std::size_t>(finding.description)];
  if (!finding.fix.empty() && !finding.reply_refused_by.empty()) {
    const std::string_view refusing = finding.reply_refused_by;
    text += fmt::format(
        fmt::runtime(words.reply_refused), fmt::arg("rule", number_in(refusing)),
        fmt::arg("acl", fmt::format(fmt::runtime(words.acl), fmt::arg("id", owner_of(refusing)))));
  }
  return text;
}

}  // namespace

std::optional<Language> language_of(std::string_view code) {
  if (code == "en") return Language::english;
  if (code == "ja") return Language::japanese;
  return std::nullopt;
}

std::string service_of(const Finding& finding, Language language) {
  const Phrases& words = phrases(language);
  std::string protocol = protocol_name(finding.protocol, words);
  const LoggedFlow& flow = finding.flow;
  const bool is_from_service =
      (flow.srcport < kFirstClientPort && flow.dstport >= kFirstClientPort) ||
      (flow.srcport < kFirstLinuxPort && flow.dstport >= kFirstLinuxPort);
  const bool names_source = is_reply(finding) || is_from_service;
  const std::uint16_t port = names_source ? flow.srcport : flow.dstport;
  if (port == 0) return protocol;
  const auto& pattern = is_reply(finding) ? words.reply_service
                        : names_source    ? words.source_service
                                          : words.service;
  return fmt::format(fmt::runtime(pattern), fmt::arg("protocol", protocol), fmt::arg("port", port));
}

std::string counted(std::uint64_t count, Thing thing, Language language) {
  static constexpr std::array<std::string_view, 3> kThings = {"flow", "packet", "byte"};
  static constexpr std::array<std::string_view, 3> kThingsJapanese = {"フロー", "パケット",
                                                                      "バイト"};
  const auto place = static_cast<std::size_t>(thing);
  if (language == Language::japanese) return fmt::format("{} {}", count, kThingsJapanese[place]);
  return fmt::format("{} {}{}", count, kThings[place], count == 1 ? "" : "s");
}

std::string sentence(const Finding& finding, Language language) {
  const Phrases& words = phrases(language);
  const auto& direction = finding.flow.direction;
  const std::string who =
      finding.interface_name.empty()
          ? finding.interface_id
          : fmt::format("{} ({})", finding.interface_name, finding.interface_id);
  // What the rules would let through may well be sent.
  const bool is_plain =
      finding.description == Description::none || finding.description == Description::agrees;
  const auto& pattern = !direction || !is_plain           ? words.refused
                        : *direction == Direction::egress ? words.may_not_send
                                                          : words.may_not_receive;
  const std::string protocol = protocol_name(finding.protocol, words);
  const std::string service =
      finding.flow.dstport == 0
          ? protocol
          : fmt::format(fmt::runtime(words.service), fmt::arg("protocol", protocol),
                        fmt::arg("port", finding.flow.dstport));
  return fmt::format(fmt::runtime(pattern), fmt::arg("who", who),
                     fmt::arg("src", finding.flow.srcaddr), fmt::arg("dst", finding.flow.dstaddr),
                     fmt::arg("service", service),
                     fmt::arg("packets", counted(finding.flow.packets, Thing::packet, language)),
                     fmt::arg("reason", reason_in_words(finding, words)));
}

std::string why(const Finding& finding, Language language) {
  return reason_in_words(finding, phrases(language));
}

const Labels& labels(Language language) {
  static constexpr Labels kInEnglish = {
      "{cause} ({certainty}) {rule}, {service}: {flows}, {packets}, {bytes}",
      "  It rests on:",
      "  This would let it through:",
      "  This would let it through. Replies to the next client go to another port: "
      "From=1024,To=65535 "
      "lets all of them through:",
      "  Every number before the rule that denies it is taken: renumber the entries of the network "
      "ACL, or replace that one.",
      "  And {flows} more like it; --output json tells the fix of each.",
      "  And {flows} more like it.",
      "And {groups} more groups: --limit shows more, --output json all.",
      "No record was refused.",
      "\nWith --vpc the rules are asked which of the two it was.",
      {"recorded", "evaluated", "inferred"},
      "rule not known"};
  static constexpr Labels kInJapanese = {
      "{cause} ({certainty}) {rule}、{service}: {flows}、{packets}、{bytes}",
      "  根拠となる記録:",
      "  許可するには:",
      "  許可するには (次のクライアントへの応答は別のポート宛てになります。すべて許可するなら "
      "From=1024,To=65535):",
      "  拒否するルールより前の番号に空きがありません。ネットワーク ACL "
      "の番号を振り直すか、そのルールを"
      "置き換えてください。",
      "  同様のものがほかに {flows}あります (それぞれの修正は --output json で)。",
      "  同様のものがほかに {flows}あります。",
      "ほかに {groups} 組あります (--limit で表示数を、--output json で全件を)。",
      "拒否された記録はありません。",
      "\n--vpc を指定すると、どちらが拒否したかをルールで判定します。",
      {"記録", "評価", "推論"},
      "ルール不明"};
  return language == Language::japanese ? kInJapanese : kInEnglish;
}

}  // namespace weir::explain
