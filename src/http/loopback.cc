#include "http/loopback.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

namespace weir::http {
namespace {

constexpr int kConnectionsThatWait = 64;

sockaddr_storage socket_address_of(const base::Endpoint& endpoint) {
  sockaddr_storage out{};
  if (endpoint.address.family() == base::Family::ipv4) {
    auto& address = reinterpret_cast<sockaddr_in&>(out);
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    address.sin_addr.s_addr = htonl(endpoint.address.ipv4());
  } else {
    auto& address = reinterpret_cast<sockaddr_in6&>(out);
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(endpoint.port);
    address.sin6_addr = in6addr_loopback;
  }
  return out;
}

}  // namespace

base::Expected<LoopbackListener> LoopbackListener::open(const base::Endpoint& endpoint) {
  const sockaddr_storage address = socket_address_of(endpoint);
  base::Descriptor socket(
      ::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // Connections of a service before that are yet to be over do not keep the port.
  const int yes = 1;
  const bool listens =
      socket.is_open() &&
      ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::listen(socket.get(), kConnectionsThatWait) == 0;
  if (!listens) {
    return base::fail(endpoint.to_string(),
                      "cannot be listened at: " + std::generic_category().message(errno),
                      "give another port");
  }
  return LoopbackListener(std::move(socket));
}

}  // namespace weir::http
