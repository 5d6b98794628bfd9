#include "explain/words.h"

#include <gtest/gtest.h>

namespace weir::explain {
namespace {

Finding refused(Cause cause, Reason reason, const char* rule) {
  Finding finding;
  finding.interface_id = "eni-1";
  finding.protocol = 6;
  finding.flow.srcaddr = "203.0.113.7";
  finding.flow.dstaddr = "10.0.0.9";
  finding.flow.srcport = 40000;
  finding.flow.dstport = 22;
  finding.flow.packets = 1;
  finding.flow.direction = vpc::Direction::ingress;
  finding.cause = cause;
  finding.reason = reason;
  finding.rule = rule;
  return finding;
}

TEST(Words, NameTheGroupsThatHaveNoRule) {
  EXPECT_EQ(sentence(refused(Cause::security_group, Reason::no_group_rule, "sg-1+sg-2:ingress:*"),
                     Language::english),
            "eni-1 may not receive from 203.0.113.7 to 10.0.0.9, TCP port 22 (1 packet): no "
            "inbound rule of security groups sg-1 and sg-2 allows it.");
}

TEST(Words, NameTheEntryThatDenies) {
  EXPECT_EQ(sentence(refused(Cause::network_acl, Reason::rule_denies, "acl-1:ingress:100"),
                     Language::japanese),
            "eni-1 は 203.0.113.7 から 10.0.0.9 宛てを受信できません (TCP ポート 22、1 "
            "パケット)。ネットワーク ACL acl-1 のルール 100 "
            "がサブネットに入るのを拒否しています。");
}

TEST(Words, SayOfWhatNoDirectionIsKnown) {
  Finding finding = refused(Cause::undecided, Reason::lone_request, "");
  finding.flow.direction.reset();
  EXPECT_EQ(sentence(finding, Language::english).substr(0, 62),
            "eni-1 refused what went from 203.0.113.7 to 10.0.0.9, TCP port");
}

TEST(Words, EveryReasonHasASentenceInEveryLanguage) {
  for (const Language language : {Language::english, Language::japanese}) {
    for (int reason = 0; reason <= static_cast<int>(Reason::too_late); ++reason) {
      const std::string text = sentence(
          refused(Cause::undecided, static_cast<Reason>(reason), "acl-1:ingress:1"), language);
      EXPECT_EQ(text.find('{'), std::string::npos) << text;
      EXPECT_GT(text.size(), 100U) << text;
    }
  }
}

TEST(Words, AServiceIsTheSidesThatServes) {
  Finding finding = refused(Cause::undecided, Reason::lone_request, "");
  EXPECT_EQ(service_of(finding, Language::english), "TCP port 22");
  std::swap(finding.flow.srcport, finding.flow.dstport);
  EXPECT_EQ(service_of(finding, Language::english), "from TCP port 22");
  finding.reason = Reason::reply_refused;
  EXPECT_EQ(service_of(finding, Language::english), "reply of TCP port 22");
}

}  // namespace
}  // namespace weir::explain
