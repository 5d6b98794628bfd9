#include "deliver/bucket_policy.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "deliver/policy_match.h"

namespace weir::deliver {
namespace {

using testing::HasSubstr;
using testing::SizeIs;
using Json = nlohmann::ordered_json;

/// What AWS attached to the bucket of an article about VPC flow logs, character for character but
/// for its white space.
constexpr const char* kOfArticle =
    R"({"Version":"2012-10-17","Id":"AWSLogDeliveryWrite20150319","Statement":[)"
    R"({"Sid":"AWSLogDeliveryWrite1","Effect":"Allow",)"
    R"("Principal":{"Service":"delivery.logs.amazonaws.com"},"Action":"s3:PutObject",)"
    R"("Resource":"arn:aws:s3:::s3bucket-test/AWSLogs/123456789012/*",)"
    R"("Condition":{"StringEquals":{"aws:SourceAccount":"123456789012",)"
    R"("s3:x-amz-acl":"bucket-owner-full-control"},)"
    R"("ArnLike":{"aws:SourceArn":"arn:aws:logs:ap-northeast-1:123456789012:*"}}},)"
    R"({"Sid":"AWSLogDeliveryAclCheck1","Effect":"Allow",)"
    R"("Principal":{"Service":"delivery.logs.amazonaws.com"},"Action":"s3:GetBucketAcl",)"
    R"("Resource":"arn:aws:s3:::s3bucket-test",)"
    R"("Condition":{"StringEquals":{"aws:SourceAccount":"123456789012"},)"
    R"("ArnLike":{"aws:SourceArn":"arn:aws:logs:ap-northeast-1:123456789012:*"}}}]})";

BucketNeeds of_article() {
  return {"s3bucket-test", "", "123456789012", "ap-northeast-1", false, ""};
}

/// A policy of these statements.
std::string policy_of(const std::string& statements) {
  return R"({"Version":"2012-10-17","Statement":[)" + statements + "]}";
}

std::string describe(const PolicyCheck& check) {
  std::string out;
  for (const StatementCheck& each : check.statements) {
    constexpr std::array kNames = {"allowed", "missing", "denied", "unclear"};
    out += std::string(out.empty() ? "" : " ") + kNames.at(static_cast<std::size_t>(each.standing));
    if (!each.by.empty()) out += ":" + each.by;
  }
  return out;
}

std::string checked(const std::string& policy, const BucketNeeds& needs = of_article()) {
  const auto check = check_policy(policy, needs);
  return check ? describe(*check) : check.error().message();
}

TEST(BucketPolicy, IsWhatAwsAttaches) {
  EXPECT_EQ(Json::parse(needed_policy(of_article())).dump(), kOfArticle);
  EXPECT_EQ(checked(kOfArticle), "allowed:AWSLogDeliveryWrite1 allowed:AWSLogDeliveryAclCheck1");
}

TEST(BucketPolicy, NamesPrefixHivePartitionsAndTheRegionsPartition) {
  const BucketNeeds needs{"logs", "a/b", "123456789012", "cn-north-1", true, ""};
  const Json policy = Json::parse(needed_policy(needs));
  EXPECT_EQ(policy["Statement"][0]["Resource"],
            "arn:aws-cn:s3:::logs/a/b/AWSLogs/aws-account-id=123456789012/*");
  EXPECT_EQ(policy["Statement"][1]["Resource"], "arn:aws-cn:s3:::logs");
  EXPECT_EQ(policy["Statement"][1]["Condition"]["ArnLike"]["aws:SourceArn"],
            "arn:aws-cn:logs:cn-north-1:123456789012:*");
}

TEST(BucketPolicy, AUserTakesTheServicesPlaceWithoutTheConditionsOnItsSource) {
  BucketNeeds needs = of_article();
  needs.principal = "arn:aws:iam:::user/delivery";
  const Json policy = Json::parse(needed_policy(needs));
  EXPECT_EQ(policy["Statement"][0]["Principal"].dump(), R"({"AWS":"arn:aws:iam:::user/delivery"})");
  EXPECT_EQ(policy["Statement"][0]["Condition"].dump(),
            R"({"StringEquals":{"s3:x-amz-acl":"bucket-owner-full-control"}})");
  EXPECT_FALSE(policy["Statement"][1].contains("Condition"));
  EXPECT_EQ(checked(policy.dump(), needs),
            "allowed:AWSLogDeliveryWrite1 allowed:AWSLogDeliveryAclCheck1");
  EXPECT_EQ(checked(kOfArticle, needs), "missing missing");
}

TEST(BucketPolicy, IsAddedBehindWhatStandsThereAndOnlyWhereItLacks) {
  const std::string mine =
      R"({"Sid":"Mine","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1:root"},)"
      R"("Action":"s3:GetObject","Resource":"arn:aws:s3:::s3bucket-test/*"})";
  const std::string before = R"({"Version":"2008-10-17","Id":"X","Statement":)" + mine + "}";
  const auto merged = with_needed(before, of_article());
  ASSERT_TRUE(merged && *merged);
  const Json policy = Json::parse(**merged);
  EXPECT_EQ(policy["Version"], "2008-10-17");
  EXPECT_EQ(policy["Id"], "X");
  ASSERT_THAT(policy["Statement"], SizeIs(3));
  EXPECT_EQ(policy["Statement"][0].dump(), mine);
  EXPECT_EQ(policy["Statement"][1], Json::parse(kOfArticle)["Statement"][0]);
  const auto again = with_needed(*merged, of_article());
  ASSERT_TRUE(again);
  EXPECT_FALSE(*again) << "nothing is missing";
}

TEST(BucketPolicy, ABucketWithoutOneGetsAwsText) {
  const auto made = with_needed(std::nullopt, of_article());
  ASSERT_TRUE(made && *made);
  EXPECT_EQ(**made, kOfArticle);
}

TEST(BucketPolicy, AnotherAccountsStatementsGetTheNextNumber) {
  BucketNeeds other = of_article();
  other.account_id = "210987654321";
  const auto merged = with_needed(kOfArticle, other);
  ASSERT_TRUE(merged && *merged);
  const Json policy = Json::parse(**merged);
  EXPECT_EQ(policy["Statement"][2]["Sid"], "AWSLogDeliveryWrite2");
  EXPECT_EQ(policy["Statement"][3]["Sid"], "AWSLogDeliveryAclCheck2");
  EXPECT_EQ(checked(**merged), "allowed:AWSLogDeliveryWrite1 allowed:AWSLogDeliveryAclCheck1");
}

TEST(BucketPolicy, AnotherPrefixOfTheAccountLacksOnlyTheWriting) {
  BucketNeeds other = of_article();
  other.prefix = "more";
  const auto merged = with_needed(kOfArticle, other);
  ASSERT_TRUE(merged && *merged);
  const Json policy = Json::parse(**merged);
  ASSERT_THAT(policy["Statement"], SizeIs(3));
  EXPECT_EQ(policy["Statement"][2]["Resource"],
            "arn:aws:s3:::s3bucket-test/more/AWSLogs/123456789012/*");
}

TEST(BucketPolicy, WiderStatementsOfOthersAreEnough) {
  const char* wide =
      R"({"Effect":"Allow","Principal":{"Service":["x.amazonaws.com","delivery.logs.amazonaws.com"]},)"
      R"("Action":["s3:GetBucketAcl","s3:Put*"],)"
      R"("Resource":["arn:aws:s3:::s3bucket-test","arn:aws:s3:::s3bucket-test/*"],)"
      R"("Condition":{"StringEquals":{"aws:SourceAccount":["1","123456789012"]},)"
      R"("ArnLike":{"aws:SourceArn":"arn:aws:logs:*:123456789012:*"}}})";
  EXPECT_EQ(checked(policy_of(wide)), "allowed:Statement[0] allowed:Statement[0]");
}

TEST(BucketPolicy, ANarrowerResourceIsNotEnoughAndTheCheckSaysSo) {
  std::string policy = kOfArticle;
  policy.replace(policy.find("/123456789012/*"), 15, "/123456789012/vpcflowlogs/us-*");
  const auto check = check_policy(policy, of_article());
  ASSERT_TRUE(check);
  EXPECT_EQ(describe(*check), "missing allowed:AWSLogDeliveryAclCheck1");
  EXPECT_THAT(check->statements[0].why,
              HasSubstr("AWSLogDeliveryWrite1 comes near, but it is about"));
}

TEST(BucketPolicy, AConditionThatDoesNotHoldIsNamed) {
  std::string policy = kOfArticle;
  policy.replace(policy.find("ap-northeast-1"), 14, "us-east-1");
  const auto check = check_policy(policy, of_article());
  ASSERT_TRUE(check);
  EXPECT_EQ(check->statements[0].standing, Standing::missing);
  EXPECT_THAT(check->statements[0].why,
              HasSubstr(R"(condition ArnLike aws:SourceArn "arn:aws:logs:us-east-1)"));
}

TEST(BucketPolicy, AConditionThatNobodyCanJudgeIsUnclear) {
  const char* conditional =
      R"({"Sid":"S","Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*",)"
      R"("Condition":{"DateLessThan":{"aws:CurrentTime":"2030-01-01"}}})";
  EXPECT_EQ(checked(policy_of(conditional)), "unclear:S unclear:S");
}

TEST(BucketPolicy, ADenyThatNobodyCanJudgeIsUnclearAndNothingIsAddedTwice) {
  const std::string deny =
      R"(,{"Sid":"D","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*",)"
      R"("Condition":{"DateLessThan":{"aws:CurrentTime":"2020-01-01"}}})";
  std::string policy = kOfArticle;
  policy.insert(policy.size() - 2, deny);
  EXPECT_EQ(checked(policy), "unclear:D unclear:D");
  EXPECT_FALSE(with_needed(policy, of_article()).value());
}

TEST(BucketPolicy, ADenyWinsAndCannotBeMendedByAdding) {
  const std::string deny = R"({"Sid":"OurNetOnly","Effect":"Deny","Principal":"*","Action":"s3:*",)"
                           R"("Resource":"arn:aws:s3:::s3bucket-test/*",)"
                           R"("Condition":{"StringNotEquals":{"aws:SourceVpce":"vpce-1"}}})";
  std::string policy = kOfArticle;
  policy.insert(policy.size() - 2, "," + deny);
  EXPECT_EQ(checked(policy), "denied:OurNetOnly allowed:AWSLogDeliveryAclCheck1");
  const auto merged = with_needed(policy, of_article());
  ASSERT_FALSE(merged);
  EXPECT_THAT(merged.error().message(), HasSubstr("LogDestinationPermissionIssueException"));
  EXPECT_THAT(merged.error().message(), HasSubstr("s3:PutObject is denied by OurNetOnly"));
}

TEST(BucketPolicy, ADenyOfPlainHttpOrOfOthersAclsDoesNotConcernDelivery) {
  const std::string harmless =
      R"(,{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*",)"
      R"("Condition":{"Bool":{"aws:SecureTransport":"false"}}},)"
      R"({"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"*",)"
      R"("Condition":{"StringNotEquals":{"s3:x-amz-acl":"bucket-owner-full-control"}}},)"
      R"({"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":)"
      R"({"StringNotEquals":{"aws:PrincipalOrgID":"o-1"},)"
      R"("BoolIfExists":{"aws:PrincipalIsAWSService":"false"}}})";
  std::string policy = kOfArticle;
  policy.insert(policy.size() - 2, harmless);
  EXPECT_EQ(checked(policy).find("denied"), std::string::npos) << checked(policy);
}

TEST(BucketPolicy, NotPrincipalStopsAddingAsAtAws) {
  const std::string policy = policy_of(
      R"({"Sid":"N","Effect":"Deny","NotPrincipal":{"Service":"delivery.logs.amazonaws.com"},)"
      R"("Action":"s3:DeleteBucket","Resource":"arn:aws:s3:::s3bucket-test"})");
  const auto merged = with_needed(policy, of_article());
  ASSERT_FALSE(merged);
  EXPECT_THAT(merged.error().message(), HasSubstr("LogDestinationPermissionIssueException"));
  EXPECT_THAT(merged.error().message(), HasSubstr("N has NotPrincipal"));
  const auto check = check_policy(policy, of_article());
  ASSERT_TRUE(check);
  EXPECT_THAT(check->obstacles, SizeIs(1));
}

TEST(BucketPolicy, TwentyKilobytesAreTheLimit) {
  const std::size_t added = with_needed(policy_of(""), of_article()).value()->size();
  const auto filled = [](std::size_t bytes) {
    const std::string empty = policy_of(R"({"Sid":""})");
    return policy_of(R"({"Sid":")" + std::string(bytes - empty.size(), 'x') + R"("})");
  };
  // Behind the first statement a comma joins the two.
  const std::size_t most = kMostPolicyBytes - (added - policy_of("").size()) - 1;
  EXPECT_THAT(check_policy(filled(most), of_article())->obstacles, SizeIs(0));
  const auto fits = with_needed(filled(most), of_article());
  ASSERT_TRUE(fits);
  EXPECT_EQ((*fits)->size(), kMostPolicyBytes);
  const auto too_long = with_needed(filled(most + 1), of_article());
  ASSERT_FALSE(too_long);
  EXPECT_THAT(too_long.error().message(), HasSubstr("would have 20481 bytes, and S3 takes 20480"));
  const auto check = check_policy(filled(most + 1), of_article());
  ASSERT_THAT(check->obstacles, SizeIs(1));
  EXPECT_THAT(check->obstacles[0].what, HasSubstr("would have 20481 bytes"));
}

TEST(BucketPolicy, WhatIsNoPolicyIsNotTouched) {
  for (const char* wrong : {"", "[]", "{}", R"({"Statement":1})"}) {
    EXPECT_FALSE(with_needed(wrong, of_article())) << wrong;
    EXPECT_FALSE(check_policy(wrong, of_article())) << wrong;
  }
}

TEST(BucketPolicy, DetachingTakesAwayExactlyWhatWasAttached) {
  BucketNeeds other = of_article();
  other.prefix = "more";
  const std::string both = **with_needed(kOfArticle, other);
  const auto first = without_needed(both, of_article());
  ASSERT_TRUE(first && *first);
  EXPECT_EQ(checked(**first, other), "allowed:AWSLogDeliveryWrite2 allowed:AWSLogDeliveryAclCheck1")
      << "the other prefix still needs the check of the ACL";
  const auto second = without_needed(*first, other);
  ASSERT_TRUE(second && *second);
  EXPECT_EQ(**second, "") << "no statement is left";
  EXPECT_FALSE(*without_needed(std::nullopt, other));
  EXPECT_FALSE(*without_needed(policy_of(R"({"Sid":"AWSLogDeliveryWrite1"})"), other))
      << "of that name, but not ours";
}

TEST(BucketPolicy, ListsAroundSingleValuesAreTheSameStatement) {
  std::string policy = kOfArticle;
  policy.replace(policy.find(R"("s3:PutObject")"), 14, R"(["s3:PutObject"])");
  const auto removed = without_needed(policy, of_article());
  ASSERT_TRUE(removed && *removed);
  EXPECT_EQ(**removed, "");
}

TEST(BucketPolicy, RefusesNeedsThatAwsRefuses) {
  BucketNeeds needs = of_article();
  EXPECT_TRUE(check(needs));
  needs.prefix = "AWSLogs/x";
  EXPECT_THAT(check(needs).error().message(), HasSubstr("AWSLogs is reserved"));
  needs = of_article();
  needs.account_id = "12";
  EXPECT_FALSE(check(needs));
  needs = of_article();
  needs.principal = "delivery";
  EXPECT_FALSE(check(needs));
}

TEST(Wildcards, MatchAsInIam) {
  EXPECT_TRUE(matches_wildcard("a*c?", "abbcd"));
  EXPECT_TRUE(matches_wildcard("*", ""));
  EXPECT_FALSE(matches_wildcard("a", "ab"));
  EXPECT_TRUE(matches_wildcard("a/*", std::string("a/") + kAnything));
  EXPECT_FALSE(matches_wildcard("a/?", std::string("a/") + kAnything));
  EXPECT_FALSE(matches_wildcard("a/*.gz", std::string("a/") + kAnything));
}

}  // namespace
}  // namespace weir::deliver
