#include "deliver/connection.h"

namespace weir::deliver {

base::Expected<std::shared_ptr<Connection>> Connection::open(aws::Options options) {
  std::shared_ptr<Connection> out(new Connection);
  auto session =
      aws::Session::open(std::move(options), aws::Environment::of_process(), &out->is_cancelled_);
  if (!session) return tl::unexpected(session.error());
  out->session_ = std::move(*session);
  return out;
}

}  // namespace weir::deliver
