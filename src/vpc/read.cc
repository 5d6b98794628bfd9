#include "vpc/read.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "vpc/json_object.h"
#include "vpc/traffic.h"

namespace weir::vpc {
namespace {

using base::Address;
using base::Family;
using base::Prefix;

constexpr std::int64_t kLastRuleNumber = 32766;
/// The closing `*` entries, as describe-network-acls prints them (facts/flow-logs.md §8.3).
constexpr std::int64_t kClosingIpv4 = 32767;
constexpr std::int64_t kClosingIpv6 = 32768;

struct Document {
  std::string name;
  nlohmann::json json;
};

/// Turns documents into a network, kind by kind, so that whatever is referred to is known already.
class DescriptionReader {
 public:
  explicit DescriptionReader(const std::vector<Document>& documents,
                             std::vector<base::Error> errors)
      : errors_(std::move(errors)) {
    for (const Document& document : documents) {
      tops_.emplace_back(document.json, document.name + ": ", errors_);
    }
  }

  Reading run() && {
    read_vpcs();
    read_prefix_lists();
    read_groups();
    read_acls();
    read_subnets();
    read_interfaces();
    network_.index();
    return {std::move(network_), std::move(errors_)};
  }

 private:
  /// Numbers of one kind of object by their ids.
  template <typename Index>
  using Ids = std::map<std::string, Index>;

  std::vector<JsonObject> all(const char* key) const {
    std::vector<JsonObject> out;
    for (const JsonObject& top : tops_) {
      auto objects = top.objects(key);
      std::move(objects.begin(), objects.end(), std::back_inserter(out));
    }
    return out;
  }

  /// The object's id, if it has one that nobody else has; the object is called by it in errors.
  template <typename Index>
  std::optional<std::string> register_id(JsonObject& object, const char* key, Ids<Index>& ids,
                                         std::size_t place) {
    std::string id = object.required_text(key);
    if (id.empty()) return std::nullopt;
    object.call(id);
    if (!ids.emplace(id, static_cast<Index>(place)).second) {
      object.fail(key, "is described twice");
      return std::nullopt;
    }
    return id;
  }

  /// Who `key` refers to; an error if that is not described.
  template <typename Index>
  std::optional<Index> refer(const JsonObject& object, const char* key, const Ids<Index>& ids,
                             const char* list) const {
    const std::string id = object.required_text(key);
    if (id.empty()) return std::nullopt;
    auto found = ids.find(id);
    if (found == ids.end()) {
      object.fail(key, id + " is not described", std::string("add it to ") + list);
      return std::nullopt;
    }
    return found->second;
  }

  std::optional<Prefix> block(const JsonObject& object, const char* key, Family family) const {
    const std::string text = object.text(key);
    if (text.empty()) return std::nullopt;
    auto prefix = Prefix::parse(text);
    if (!prefix || prefix->family != family) {
      object.fail(key, "'" + text + "' is not an " + (family == Family::ipv4 ? "IPv4" : "IPv6") +
                           " CIDR block");
      return std::nullopt;
    }
    return prefix;
  }

  std::optional<Prefix> required_block(const JsonObject& object, const char* key,
                                       Family family) const {
    if (object.required_text(key).empty()) return std::nullopt;
    return block(object, key, family);
  }

  std::string account(const JsonObject& object) const {
    std::string id = object.text("OwnerId");
    const bool is_account = id.size() == 12 && std::all_of(id.begin(), id.end(), [](char c) {
                              return c >= '0' && c <= '9';
                            });
    if (!id.empty() && !is_account) object.fail("OwnerId", "'" + id + "' is not 12 digits");
    return id;
  }

  /// The blocks of a VPC or subnet: the first one, and those that were associated later.
  std::vector<Prefix> blocks(const JsonObject& object) const {
    std::vector<Prefix> out;
    auto add = [&](std::optional<Prefix> prefix) {
      if (prefix && std::find(out.begin(), out.end(), *prefix) == out.end()) out.push_back(*prefix);
    };
    add(block(object, "CidrBlock", Family::ipv4));
    for (const JsonObject& more : object.objects("CidrBlockAssociationSet")) {
      add(block(more, "CidrBlock", Family::ipv4));
    }
    for (const JsonObject& more : object.objects("Ipv6CidrBlockAssociationSet")) {
      add(block(more, "Ipv6CidrBlock", Family::ipv6));
    }
    if (out.empty()) object.fail("CidrBlock", "is missing");
    return out;
  }

  void read_vpcs() {
    for (JsonObject& object : all("Vpcs")) {
      auto id = register_id(object, "VpcId", vpcs_, network_.vpcs.size());
      if (!id) continue;
      Vpc vpc{*id, account(object), blocks(object)};
      if (vpc.owner_id.empty()) object.fail("OwnerId", "is missing");
      network_.vpcs.push_back(std::move(vpc));
    }
    if (network_.vpcs.empty() && errors_.empty()) {
      errors_.push_back({tops_.empty() ? "" : "the description", "has no VPC",
                         "give what `aws ec2 describe-vpcs` prints under \"Vpcs\""});
    }
  }

  void read_prefix_lists() {
    for (JsonObject& object : all("PrefixLists")) {
      auto id = register_id(object, "PrefixListId", prefix_lists_, network_.prefix_lists.size());
      if (!id) continue;
      PrefixList list{*id, object.text("PrefixListName"), {}};
      for (const JsonObject& entry : object.objects("Entries")) {
        const std::string text = entry.required_text("Cidr");
        if (auto prefix = Prefix::parse(text)) {
          list.entries.push_back(*prefix);
        } else if (!text.empty()) {
          entry.fail("Cidr", "'" + text + "' is not a CIDR block");
        }
      }
      network_.prefix_lists.push_back(std::move(list));
    }
  }

  void read_groups() {
    // Groups first, rules after: rules refer to other groups.
    std::vector<std::pair<JsonObject, std::size_t>> described;
    for (JsonObject& object : all("SecurityGroups")) {
      auto id = register_id(object, "GroupId", groups_, network_.security_groups.size());
      if (!id) continue;
      SecurityGroup group;
      group.id = *id;
      group.name = object.text("GroupName");
      if (auto vpc = refer(object, "VpcId", vpcs_, "Vpcs")) group.vpc = *vpc;
      described.emplace_back(object, network_.security_groups.size());
      network_.security_groups.push_back(std::move(group));
    }
    const std::set<std::size_t> have_ids = read_rules_with_ids();
    for (const auto& [object, place] : described) {
      if (have_ids.contains(place)) continue;
      SecurityGroup& group = network_.security_groups[place];
      read_permissions(object, "IpPermissions", group.ingress);
      read_permissions(object, "IpPermissionsEgress", group.egress);
    }
  }

  /// SecurityGroupRules, one peer each; returns the groups that have some.
  std::set<std::size_t> read_rules_with_ids() {
    std::set<std::size_t> groups;
    Ids<std::size_t> ids;
    for (JsonObject& object : all("SecurityGroupRules")) {
      auto id = register_id(object, "SecurityGroupRuleId", ids, ids.size());
      auto index = refer(object, "GroupId", groups_, "SecurityGroups");
      if (!id || !index) continue;
      groups.insert(static_cast<std::size_t>(*index));
      SecurityGroup& group = network_.security_groups[static_cast<std::size_t>(*index)];
      auto& rules = object.boolean("IsEgress") ? group.egress : group.ingress;
      SecurityGroupRule rule;
      rule.id = *id;
      rule.traffic = read_group_traffic(object);
      rule.description = object.text("Description");
      if (auto ipv4 = block(object, "CidrIpv4", Family::ipv4)) {
        rule.peer = *ipv4;
      } else if (auto ipv6 = block(object, "CidrIpv6", Family::ipv6)) {
        rule.peer = *ipv6;
      } else if (!object.text("PrefixListId").empty()) {
        auto list = refer(object, "PrefixListId", prefix_lists_, "PrefixLists");
        if (!list) continue;
        rule.peer = *list;
      } else if (auto group_info = object.object("ReferencedGroupInfo")) {
        auto other = refer(*group_info, "GroupId", groups_, "SecurityGroups");
        if (!other) continue;
        rule.peer = *other;
      } else {
        object.fail("", "has no peer",
                    "give one of CidrIpv4, CidrIpv6, PrefixListId, ReferencedGroupInfo");
        continue;
      }
      rules.push_back(std::move(rule));
    }
    return groups;
  }

  /// IpPermissions: each peer is a rule, numbered from 1 as AWS would list them.
  void read_permissions(const JsonObject& group, const char* key,
                        std::vector<SecurityGroupRule>& rules) const {
    for (const JsonObject& permission : group.objects(key)) {
      const TrafficClass traffic = read_group_traffic(permission);
      auto add = [&](const JsonObject& peer_object, auto peer) {
        // A peer that is wrong keeps its place, so that the numbers of the others do not move.
        SecurityGroupRule rule;
        rule.id = std::to_string(rules.size() + 1);
        rule.traffic = traffic;
        if (peer) rule.peer = *peer;
        rule.description = peer_object.text("Description");
        rules.push_back(std::move(rule));
      };
      for (const JsonObject& peer : permission.objects("IpRanges")) {
        add(peer, required_block(peer, "CidrIp", Family::ipv4));
      }
      for (const JsonObject& peer : permission.objects("Ipv6Ranges")) {
        add(peer, required_block(peer, "CidrIpv6", Family::ipv6));
      }
      for (const JsonObject& peer : permission.objects("PrefixListIds")) {
        add(peer, refer(peer, "PrefixListId", prefix_lists_, "PrefixLists"));
      }
      for (const JsonObject& peer : permission.objects("UserIdGroupPairs")) {
        add(peer, refer(peer, "GroupId", groups_, "SecurityGroups"));
      }
    }
  }

  void read_acls() {
    for (JsonObject& object : all("NetworkAcls")) {
      auto id = register_id(object, "NetworkAclId", acls_, network_.network_acls.size());
      if (!id) continue;
      NetworkAcl acl;
      acl.id = *id;
      acl.is_default = object.boolean("IsDefault");
      if (auto vpc = refer(object, "VpcId", vpcs_, "Vpcs")) {
        acl.vpc = *vpc;
        if (acl.is_default) {
          default_acls_.emplace(*vpc, static_cast<NetworkAclIndex>(network_.network_acls.size()));
        }
      }
      for (const JsonObject& entry : object.objects("Entries")) read_acl_entry(entry, acl);
      for (auto* entries : {&acl.ingress, &acl.egress}) {
        std::stable_sort(entries->begin(), entries->end(),
                         [](const auto& a, const auto& b) { return a.number < b.number; });
      }
      for (const JsonObject& association : object.objects("Associations")) {
        const std::string subnet = association.required_text("SubnetId");
        const auto index = static_cast<NetworkAclIndex>(network_.network_acls.size());
        if (!subnet.empty() && !associations_.emplace(subnet, index).second) {
          association.fail("SubnetId", subnet + " has two network ACLs");
        }
      }
      network_.network_acls.push_back(std::move(acl));
    }
  }

  void read_acl_entry(const JsonObject& object, NetworkAcl& acl) const {
    const auto number = object.integer("RuleNumber");
    if (!number) return object.fail("RuleNumber", "is missing");
    const std::string action = object.required_text("RuleAction");
    if (action != "allow" && action != "deny") {
      return object.fail("RuleAction", "'" + action + "' is neither allow nor deny");
    }
    if (*number == kClosingIpv4 || *number == kClosingIpv6) {
      if (action == "allow") object.fail("RuleAction", "the closing rule * always denies");
      return;
    }
    if (*number < 1 || *number > kLastRuleNumber) {
      return object.fail("RuleNumber", std::to_string(*number) + " is outside 1-32766");
    }
    NetworkAclEntry entry;
    entry.number = static_cast<std::uint16_t>(*number);
    entry.allow = action == "allow";
    const bool is_ipv6 = !object.text("Ipv6CidrBlock").empty();
    auto peer = is_ipv6 ? block(object, "Ipv6CidrBlock", Family::ipv6)
                        : block(object, "CidrBlock", Family::ipv4);
    if (!is_ipv6 && object.text("CidrBlock").empty()) {
      return object.fail("CidrBlock", "is missing", "give CidrBlock or Ipv6CidrBlock");
    }
    if (peer) entry.peer = *peer;
    entry.traffic = read_acl_traffic(object, is_ipv6);
    auto& entries = object.boolean("Egress") ? acl.egress : acl.ingress;
    if (std::any_of(entries.begin(), entries.end(),
                    [&](const auto& other) { return other.number == entry.number; })) {
      return object.fail("RuleNumber",
                         std::to_string(*number) + " is used twice in this direction");
    }
    entries.push_back(entry);
  }

  void read_subnets() {
    for (JsonObject& object : all("Subnets")) {
      auto id = register_id(object, "SubnetId", subnets_, network_.subnets.size());
      if (!id) continue;
      Subnet subnet;
      subnet.id = *id;
      subnet.cidrs = blocks(object);
      subnet.availability_zone = object.text("AvailabilityZone");
      subnet.availability_zone_id = object.text("AvailabilityZoneId");
      subnet.outpost_arn = object.text("OutpostArn");
      if (auto vpc = refer(object, "VpcId", vpcs_, "Vpcs")) {
        subnet.vpc = *vpc;
        check_inside(object, subnet.cidrs, network_[*vpc].cidrs, network_[*vpc].id);
        find_acl(object, subnet);
      } else {
        subnets_are_sound_ = false;
      }
      network_.subnets.push_back(std::move(subnet));
    }
    for (const auto& [subnet, acl] : associations_) {
      if (subnets_.contains(subnet) || network_.network_acls.empty()) continue;
      errors_.push_back(
          {network_[acl].id + ".Associations", subnet + " is not described", "add it to Subnets"});
    }
  }

  void find_acl(const JsonObject& object, Subnet& subnet) const {
    auto association = associations_.find(subnet.id);
    if (association != associations_.end()) {
      subnet.network_acl = association->second;
      if (network_[association->second].vpc != subnet.vpc) {
        object.fail(
            "", "its network ACL " + network_[association->second].id + " belongs to another VPC");
      }
      return;
    }
    auto fallback = default_acls_.find(subnet.vpc);
    if (fallback == default_acls_.end()) {
      return object.fail("", "no network ACL is associated with it and its VPC has no default one",
                         "add what `aws ec2 describe-network-acls` prints");
    }
    subnet.network_acl = fallback->second;
  }

  static void check_inside(const JsonObject& object, const std::vector<Prefix>& inner,
                           const std::vector<Prefix>& outer, const std::string& owner) {
    for (const Prefix& prefix : inner) {
      if (std::none_of(outer.begin(), outer.end(),
                       [&](const Prefix& other) { return other.contains(prefix); })) {
        object.fail("CidrBlock", prefix.to_string() + " is outside " + owner);
      }
    }
  }

  void read_interfaces() {
    if (!subnets_are_sound_) return;  // there is no telling where the interfaces are
    for (JsonObject& object : all("NetworkInterfaces")) {
      auto id = register_id(object, "NetworkInterfaceId", interfaces_, network_.interfaces.size());
      if (!id) continue;
      NetworkInterface interface;
      interface.id = *id;
      interface.type = object.text("InterfaceType");
      interface.name = object.tag("Name");
      interface.device = object.tag("weir:device");
      interface.network_namespace = object.tag("weir:netns");
      interface.owner_id = account(object);
      if (auto subnet = refer(object, "SubnetId", subnets_, "Subnets")) {
        interface.subnet = *subnet;
        interface.vpc = network_[*subnet].vpc;
        if (interface.owner_id.empty()) interface.owner_id = network_[interface.vpc].owner_id;
        const std::string vpc = object.text("VpcId");
        if (!vpc.empty() && vpc != network_[interface.vpc].id) {
          object.fail("VpcId", vpc + " is not the VPC of its subnet");
        }
        read_addresses(object, interface);
      }
      if (auto attachment = object.object("Attachment")) {
        // An instance of another owner is not named: nor does AWS (facts/flow-logs.md §1.2, field
        // 17).
        const std::string owner = attachment->text("InstanceOwnerId");
        if (owner.empty() || owner == interface.owner_id) {
          interface.instance_id = attachment->text("InstanceId");
        }
      }
      for (const JsonObject& group : object.objects("Groups")) {
        if (auto index = refer(group, "GroupId", groups_, "SecurityGroups")) {
          interface.groups.push_back(*index);
        }
      }
      network_.interfaces.push_back(std::move(interface));
    }
  }

  void read_addresses(const JsonObject& object, NetworkInterface& interface) {
    for (const JsonObject& entry : object.objects("PrivateIpAddresses")) {
      add_address(entry, "PrivateIpAddress", entry.boolean("Primary"), Family::ipv4, interface);
    }
    if (interface.ipv4.empty() && !object.text("PrivateIpAddress").empty()) {
      add_address(object, "PrivateIpAddress", true, Family::ipv4, interface);
    }
    for (const JsonObject& entry : object.objects("Ipv6Addresses")) {
      add_address(entry, "Ipv6Address", entry.boolean("IsPrimaryIpv6"), Family::ipv6, interface);
    }
    if (interface.ipv4.empty() && interface.ipv6.empty()) {
      object.fail("PrivateIpAddresses", "the interface has no address");
    }
  }

  void add_address(const JsonObject& entry, const char* key, bool is_primary, Family family,
                   NetworkInterface& interface) {
    const std::string text = entry.required_text(key);
    if (text.empty()) return;
    const auto address = Address::parse(text);
    if (!address || address->family() != family) {
      return entry.fail(key, "'" + text + "' is not an " +
                                 (family == Family::ipv4 ? "IPv4" : "IPv6") + " address");
    }
    const Subnet& subnet = network_[interface.subnet];
    if (std::none_of(subnet.cidrs.begin(), subnet.cidrs.end(),
                     [&](const Prefix& prefix) { return prefix.contains(*address); })) {
      entry.fail(key, text + " is outside " + subnet.id);
    }
    auto [place, is_new] = addresses_.try_emplace({interface.vpc, *address}, interface.id);
    if (!is_new) return entry.fail(key, text + " is also an address of " + place->second);
    auto& addresses = family == Family::ipv4 ? interface.ipv4 : interface.ipv6;
    addresses.insert(is_primary ? addresses.begin() : addresses.end(), *address);
  }

  std::vector<base::Error> errors_;
  std::vector<JsonObject> tops_;
  Network network_;
  Ids<VpcIndex> vpcs_;
  Ids<PrefixListIndex> prefix_lists_;
  Ids<SecurityGroupIndex> groups_;
  Ids<NetworkAclIndex> acls_;
  Ids<SubnetIndex> subnets_;
  Ids<InterfaceIndex> interfaces_;
  bool subnets_are_sound_ = true;  ///< each has a VPC
  std::map<VpcIndex, NetworkAclIndex> default_acls_;
  std::map<std::string, NetworkAclIndex> associations_;  ///< by subnet id
  std::map<std::pair<VpcIndex, Address>, std::string> addresses_;
};

/// The document, or nothing and an error that says at which byte the text stops being JSON.
std::optional<Document> parse(std::string_view text, const std::string& name,
                              std::vector<base::Error>& errors) {
  try {
    Document document{name, nlohmann::json::parse(text)};
    if (document.json.is_object()) return document;
    errors.push_back({name, "is not a JSON object", "give what `aws ec2 describe-…` prints"});
  } catch (const nlohmann::json::exception& error) {
    errors.push_back({name, std::string("is not JSON: ") + error.what(), ""});
  }
  return std::nullopt;
}

std::vector<std::filesystem::path> files_of(const std::filesystem::path& path,
                                            std::vector<base::Error>& errors) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return {path};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  if (error) errors.push_back({path.string(), "cannot be listed: " + error.message(), ""});
  if (files.empty() && !error) {
    errors.push_back(
        {path.string(), "has no *.json file", "give a file or a folder of AWS's JSON"});
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Reading read_description(const std::filesystem::path& path) {
  std::vector<base::Error> errors;
  std::vector<Document> documents;
  for (const auto& file : files_of(path, errors)) {
    std::ifstream stream(file, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(stream), {}};
    if (!stream.is_open() || stream.bad()) {
      errors.push_back({file.string(), "cannot be read", "check the name and its permissions"});
      continue;
    }
    auto document = parse(text, file.string(), errors);
    if (document) documents.push_back(std::move(*document));
  }
  if (!errors.empty()) return {{}, std::move(errors)};
  return DescriptionReader(documents, {}).run();
}

Reading read_description(std::string_view json, const std::string& name) {
  std::vector<base::Error> errors;
  auto document = parse(json, name, errors);
  if (!document) return {{}, std::move(errors)};
  std::vector<Document> documents;
  documents.push_back(std::move(*document));
  return DescriptionReader(documents, {}).run();
}

base::Expected<Network> read_network(const std::filesystem::path& path) {
  Reading reading = read_description(path);
  if (!reading.errors.empty()) return tl::unexpected(reading.errors.front());
  return std::move(reading.network);
}

}  // namespace weir::vpc
