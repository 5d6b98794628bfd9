// What the readers of the kinds of objects share while a description is read. Internal to this
// folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/error.h"
#include "vpc/json_object.h"
#include "vpc/network.h"

namespace weir::vpc {

struct Document {
  std::string name;  ///< of its file, in errors
  nlohmann::json json;
};

/// The network as far as it has been read, and what has been found wrong with it. It stays where it
/// is: its objects refer to its errors.
class Description {
 public:
  /// Numbers of one kind of object by their ids.
  template <typename Index>
  using Ids = std::map<std::string, Index>;

  /// The documents outlive the description.
  explicit Description(const std::vector<Document>& documents) {
    for (const Document& document : documents) {
      tops.push_back({std::filesystem::path(document.name).stem().string(),
                      {document.json, document.name + ": ", errors}});
    }
  }
  Description(const Description&) = delete;
  Description& operator=(const Description&) = delete;

  /// The objects of one kind, of all documents.
  [[nodiscard]] std::vector<JsonObject> all(const char* key) const;

  /// The object's id, if it has one that nobody else has; the object is called by it in errors.
  template <typename Index>
  static std::optional<std::string> register_id(JsonObject& object, const char* key,
                                                Ids<Index>& ids, std::size_t place) {
    std::string id = object.required_word(key);
    if (id.empty()) return std::nullopt;
    object.call(id);
    if (!ids.emplace(id, static_cast<Index>(place)).second) {
      object.fail(key, "is described twice");
      return std::nullopt;
    }
    return id;
  }

  /// Who `key` refers to; an error if that is not described in `list`.
  template <typename Index>
  static std::optional<Index> refer(const JsonObject& object, const char* key,
                                    const Ids<Index>& ids, const char* list) {
    const std::string id = object.required_text(key);
    if (id.empty()) return std::nullopt;
    auto found = ids.find(id);
    if (found == ids.end()) {
      object.fail(key, id + " is not described", std::string("add it to ") + list);
      return std::nullopt;
    }
    return found->second;
  }

  /// A file as one object.
  struct Top {
    std::string stem;  ///< "pl-1" of net/pl-1.json
    JsonObject object;
  };
  std::vector<Top> tops;
  Network network;
  std::vector<base::Error> errors;
  Ids<VpcIndex> vpcs;
  Ids<PrefixListIndex> prefix_lists;  ///< those whose entries are known
  Ids<SecurityGroupIndex> groups;
  Ids<SubnetIndex> subnets;
  std::map<VpcIndex, NetworkAclIndex> default_acls;
  /// The association of a network ACL, by the subnet's id.
  struct AclAssociation {
    NetworkAclIndex acl{};
    JsonObject object;
  };
  std::map<std::string, AclAssociation> associations;
  bool subnets_are_sound = true;  ///< each has a VPC
};

/// A CIDR block; nothing where it is absent or wrong.
std::optional<base::Prefix> read_block(const JsonObject& object, const char* key,
                                       base::Family family);

/// OwnerId, which is 12 digits; empty where it is absent or wrong.
enum class Presence : std::uint8_t { optional, required };
std::string read_account(const JsonObject& object, Presence presence);

// One kind of object each, in the order in which they refer to each other.
void read_vpcs(Description& description);
void read_prefix_lists(Description& description);
void read_security_groups(Description& description);
void read_network_acls(Description& description);
void read_subnets(Description& description);
void read_interfaces(Description& description);

}  // namespace weir::vpc
