// The answers of S3, STS and EC2, which are XML.
#pragma once

#include <optional>
#include <pugixml.hpp>
#include <string>
#include <string_view>

namespace weir::aws {

/// A document, if the text is one. pugixml knows no entities but the five, so that a hostile answer
/// cannot grow.
inline std::optional<pugi::xml_document> parse_xml(std::string_view text) {
  pugi::xml_document document;
  if (!document.load_buffer(text.data(), text.size())) return std::nullopt;
  return document;
}

/// The text of the first element of that name, however deep; "" if there is none.
inline std::string text_of(const pugi::xml_node& node, const char* name) {
  const pugi::xml_node found = node.find_node(
      [name](const pugi::xml_node& each) { return std::string_view(each.name()) == name; });
  return found.text().get();
}

}  // namespace weir::aws
