#include "live/filters.h"

#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

#include "base/descriptor.h"

namespace weir::live {
namespace {

using Bytes = std::span<const char>;

/// A socket that the kernel tells of the filters.
base::Descriptor ask(int device, std::uint32_t direction, Chains chains) {
  base::Descriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  struct {
    nlmsghdr header;
    tcmsg message;
    rtattr attribute;
    std::uint32_t chain;
  } request{};
  request.header.nlmsg_len = chains == Chains::all ? NLMSG_LENGTH(sizeof(tcmsg)) : sizeof(request);
  request.header.nlmsg_type = RTM_GETTFILTER;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.message.tcm_ifindex = device;
  request.message.tcm_parent = TC_H_MAKE(TC_H_CLSACT, direction);
  request.attribute = {RTA_LENGTH(sizeof(request.chain)), TCA_CHAIN};
  const ssize_t sent = send(socket.get(), &request, request.header.nlmsg_len, 0);
  if (sent != static_cast<ssize_t>(request.header.nlmsg_len)) return {};
  return socket;
}

/// Calls `visit` with the type and content of each attribute.
template <typename Visit>
void visit_attributes(Bytes rest, Visit visit) {
  rtattr attribute{};
  while (rest.size() >= sizeof(attribute)) {
    std::memcpy(&attribute, rest.data(), sizeof(attribute));
    if (attribute.rta_len < sizeof(attribute) || attribute.rta_len > rest.size()) return;
    visit(attribute.rta_type,
          rest.subspan(sizeof(attribute), attribute.rta_len - sizeof(attribute)));
    rest = rest.subspan(std::min<std::size_t>(rest.size(), RTA_ALIGN(attribute.rta_len)));
  }
}

std::string text_of(Bytes content) {
  const std::string_view text(content.data(), content.size());
  return std::string(text.substr(0, text.find('\0')));
}

TcFilter filter_of(const tcmsg& message, Bytes attributes) {
  TcFilter filter;
  filter.handle = message.tcm_handle;
  filter.priority = message.tcm_info >> 16U;
  Bytes options;
  visit_attributes(attributes, [&](unsigned type, Bytes content) {
    if (type == TCA_KIND) filter.kind = text_of(content);
    if (type == TCA_OPTIONS) options = content;
  });
  if (filter.kind != "bpf") return filter;
  visit_attributes(options, [&](unsigned type, Bytes content) {
    if (type == TCA_BPF_NAME) filter.program = text_of(content);
    if (type == TCA_BPF_ID && content.size() == sizeof(filter.program_id)) {
      std::memcpy(&filter.program_id, content.data(), content.size());
    }
  });
  return filter;
}

enum class Told : std::uint8_t { more, enough, nothing };

/// The messages of one answer.
Told read_answer(Bytes rest, const std::function<bool(const TcFilter&)>& visit) {
  nlmsghdr header{};
  while (rest.size() >= sizeof(header)) {
    std::memcpy(&header, rest.data(), sizeof(header));
    if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > rest.size()) return Told::nothing;
    const Bytes content = rest.subspan(NLMSG_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN);
    if (header.nlmsg_type == NLMSG_DONE) {
      int error = 0;
      std::memcpy(&error, content.data(), std::min(content.size(), sizeof(error)));
      return error == 0 ? Told::enough : Told::nothing;
    }
    tcmsg message{};
    if (header.nlmsg_type != RTM_NEWTFILTER || content.size() < sizeof(message)) {
      return Told::nothing;
    }
    std::memcpy(&message, content.data(), sizeof(message));
    if (!visit(filter_of(message, content.subspan(NLMSG_ALIGN(sizeof(message)))))) {
      return Told::enough;
    }
    rest = rest.subspan(std::min<std::size_t>(rest.size(), NLMSG_ALIGN(header.nlmsg_len)));
  }
  return Told::more;
}

}  // namespace

bool visit_filters(int device, std::uint32_t direction, Chains chains,
                   const std::function<bool(const TcFilter&)>& visit) {
  const base::Descriptor socket = ask(device, direction, chains);
  std::array<char, std::size_t{32} << 10U> answer{};
  for (ssize_t size = 0; (size = recv(socket.get(), answer.data(), answer.size(), 0)) > 0;) {
    const Told told = read_answer(Bytes(answer).first(static_cast<std::size_t>(size)), visit);
    if (told != Told::more) return told == Told::enough;
  }
  return false;
}

}  // namespace weir::live
