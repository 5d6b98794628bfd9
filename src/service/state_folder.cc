#include "service/state_folder.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "deliver/file.h"

namespace weir::service {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json to_json(const live::Remains::Filter& filter) {
  return {{"handle", filter.handle}, {"priority", filter.priority}, {"program", filter.program}};
}

live::Remains::Filter filter_of(const json& value) {
  return {value.at("handle"), value.at("priority"), value.at("program")};
}

json to_json(const live::Remains& remains) {
  return {{"device", remains.device.name},
          {"netns", remains.device.network_namespace},
          {"index", remains.index},
          {"made-clsact", remains.has_made_clsact},
          {"ingress", to_json(remains.ingress)},
          {"egress", to_json(remains.egress)}};
}

live::Remains remains_of(const json& value) {
  return {{value.at("device"), value.at("netns")},
          value.at("index"),
          value.at("made-clsact"),
          filter_of(value.at("ingress")),
          filter_of(value.at("egress"))};
}

std::string text_of(const Remembered& remembered) {
  json flow_logs = json::object();
  for (const auto& [id, time] : remembered.whole_until) {
    flow_logs[id] = {{"whole-until", time.time_since_epoch().count()}};
  }
  json remains = json::array();
  for (const live::Remains& one : remembered.remains) remains.push_back(to_json(one));
  return json{{"flow-logs", flow_logs}, {"clsact", remains}}.dump(1) + "\n";
}

/// Throws what nlohmann::json does if it is anything else.
Remembered remembered_of(const json& value) {
  Remembered out;
  for (const auto& [id, flow_log] : value.at("flow-logs").items()) {
    out.whole_until[id] =
        base::UnixSeconds(std::chrono::seconds(flow_log.at("whole-until").get<std::int64_t>()));
  }
  for (const json& one : value.at("clsact")) out.remains.push_back(remains_of(one));
  return out;
}

/// The errors of files do not know whose they are.
tl::unexpected<base::Error> of_state(base::Error error) {
  error.hint = "see to the folder that `state` in weir.toml names";
  return tl::unexpected(std::move(error));
}

}  // namespace

base::Expected<StateFolder> StateFolder::open(const fs::path& path) {
  if (auto made = deliver::make_folders(path, path); !made) return of_state(made.error());
  auto lock =
      base::FolderLock::take(path, {path.string(), "another `weir up` is at work there",
                                    "stop it, or give this one a `state` of its own in weir.toml"});
  if (!lock) return tl::unexpected(lock.error());
  return StateFolder(path, std::move(*lock));
}

base::Expected<Remembered> StateFolder::read() const {
  std::error_code error;
  if (!fs::exists(file(), error)) return Remembered{};
  std::ifstream in(file(), std::ios::binary);
  try {
    return remembered_of(json::parse(in));
  } catch (const json::exception& wrong) {
    return base::fail(file().string(), std::string("is damaged: ") + wrong.what(),
                      "remove it; no SKIPDATA will then tell of the time before");
  }
}

base::Expected<void> StateFolder::write(const Remembered& remembered) {
  if (written_ == remembered) return {};
  auto temporary = deliver::TemporaryFile::create(path_ / ".state.json.tmp");
  if (!temporary) return of_state(temporary.error());
  const std::string text = text_of(remembered);
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  if (auto done = temporary->write(bytes); !done) return of_state(done.error());
  if (auto done = temporary->publish(file()); !done) return of_state(done.error());
  written_ = remembered;
  return {};
}

}  // namespace weir::service
