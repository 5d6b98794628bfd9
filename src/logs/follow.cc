#include "logs/follow.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "base/descriptor.h"
#include "logs/objects.h"

namespace weir::logs {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kEvents = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_FROM |
                                  IN_MOVED_TO | IN_DELETE | IN_ONLYDIR | IN_EXCL_UNLINK;
/// Of files that left for where nothing is watched, so many are remembered.
constexpr std::size_t kMostMoved = 1000;
constexpr std::size_t kEventBytes = std::size_t{64} << 10U;

/// A folder that the kernel tells of.
struct WatchedFolder {
  std::string path;
  bool is_whole = false;  ///< with all below it; else only files that are sources themselves
};

struct EarlierObject {
  std::string path;
  base::UnixSeconds time;  ///< its slot, or when it was written
};

base::UnixSeconds time_of(const Object& object) {
  if (object.key.slot) return *object.key.slot;
  struct stat status {};
  if (::stat(object.path.c_str(), &status) != 0) return {};
  return base::UnixSeconds(std::chrono::seconds(status.st_mtim.tv_sec));
}

bool is_below(const std::string& path, const std::string& folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

}  // namespace

struct Follower::State {
  base::Expected<void> add_source(const std::string& source);
  base::Expected<void> add_folder(const std::string& folder);
  base::Expected<void> watch(const std::string& folder, bool is_whole);
  void add_file(const std::string& path);

  base::Expected<void> take_events();
  base::Expected<void> take(const inotify_event& event, std::string_view name);
  base::Expected<void> take_folder_event(const inotify_event& event, const std::string& path);
  void take_file_event(const inotify_event& event, const std::string& path);
  base::Expected<void> list_again();
  void rename_folder(const std::string& from, const std::string& to);
  void tell_new_parquet(LineSink& sink);
  bool read_pending(LineSink& sink);

  LineReader::Columns without_header;
  Mode mode = Mode::once;
  bool has_several_sources = false;
  base::Descriptor descriptor;
  std::vector<std::string> roots;
  std::map<int, WatchedFolder> folders;
  std::set<std::string> single_files;

  bool is_listing = true;              ///< what is found was there before
  std::vector<EarlierObject> earlier;  ///< the newest last
  std::map<std::string, ReadingPlace> places;
  std::map<std::string, bool> pending;         ///< what may have more to read; is it complete?
  std::map<std::uint32_t, std::string> moved;  ///< where from, by the event's cookie
  std::set<std::string> parquet;
  std::vector<std::string> new_parquet;  ///< of which nobody has been told
};

base::Expected<void> Follower::State::add_source(const std::string& source) {
  if (source == "-") {
    return base::fail("--from -", "cannot be followed", "give a folder, or ask with weir query");
  }
  std::error_code error;
  fs::path named = fs::path(source).lexically_normal();
  // Several sources may be one by several names.
  if (has_several_sources && fs::exists(named, error)) named = fs::canonical(named, error);
  std::string path = named.string();
  if (path.size() > 1 && path.ends_with('/')) path.pop_back();
  if (fs::is_directory(path, error)) {
    roots.push_back(path);
    return add_folder(path);
  }
  auto objects = list_objects({path});
  if (!objects) return tl::unexpected(objects.error());
  for (const Object& object : *objects) {
    const fs::path file = fs::path(object.path).lexically_normal();
    single_files.insert(file.string());
    const std::string parent = file.has_parent_path() ? file.parent_path().string() : ".";
    if (auto watched = watch(parent, false); !watched) return watched;
    add_file(file.string());
  }
  return {};
}

/// Watches first and lists then: what appears in between is found twice, and read once.
base::Expected<void> Follower::State::add_folder(const std::string& folder) {
  if (auto watched = watch(folder, true); !watched) return watched;
  std::error_code error;
  fs::directory_iterator at(folder, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    std::error_code is_gone;
    const std::string path = at->path().string();
    if (at->is_directory(is_gone) && !at->is_symlink(is_gone)) {
      if (auto added = add_folder(path); !added) return added;
    } else if (at->is_regular_file(is_gone) && is_named_like_a_log(path)) {
      add_file(path);
    }
  }
  if (!error || error == std::errc::no_such_file_or_directory) return {};
  return base::fail(folder, "cannot be listed: " + error.message());
}

base::Expected<void> Follower::State::watch(const std::string& folder, bool is_whole) {
  if (mode == Mode::once) return {};
  const int number = inotify_add_watch(descriptor.get(), folder.c_str(), kEvents);
  if (number < 0) {
    if (errno == ENOENT && !is_listing) return {};  // gone again
    return base::fail(folder, std::string("cannot be watched: ") + strerror(errno),
                      errno == ENOSPC ? "raise fs.inotify.max_user_watches with sysctl" : "");
  }
  WatchedFolder& watched = folders[number];
  // A folder that two sources reach is known by the path of the first.
  if (watched.path.empty()) watched.path = folder;
  watched.is_whole |= is_whole;
  return {};
}

void Follower::State::add_file(const std::string& path) {
  const Object object = object_at(path);
  if (object.kind == ObjectKind::parquet) {
    if (parquet.insert(path).second && !is_listing) new_parquet.push_back(path);
  } else if (!is_listing) {
    pending.try_emplace(path, false);
  } else if (const auto [place, is_new] = places.try_emplace(path); is_new) {
    if (mode == Mode::follow) place->second.pass_over(path);
    earlier.push_back({path, time_of(object)});
  }
}

base::Expected<void> Follower::State::take_events() {
  alignas(inotify_event) std::array<char, kEventBytes> bytes;
  const ssize_t count = ::read(descriptor.get(), bytes.data(), bytes.size());
  if (count < 0 && errno != EAGAIN && errno != EINTR) {
    return base::fail("inotify", std::string("cannot be read: ") + strerror(errno));
  }
  for (ssize_t at = 0; at < count;) {
    inotify_event event{};
    std::memcpy(&event, bytes.data() + at, sizeof event);
    const char* name = bytes.data() + at + sizeof event;
    at += static_cast<ssize_t>(sizeof event + event.len);
    auto taken = take(event, {name, event.len == 0 ? 0 : strnlen(name, event.len)});
    if (!taken) return taken;
  }
  if (moved.size() > kMostMoved) moved.clear();
  if (folders.empty()) {
    return base::fail(roots.empty() ? "--from" : roots.front(), "is gone",
                      "start again when it is there");
  }
  return {};
}

base::Expected<void> Follower::State::take(const inotify_event& event, std::string_view name) {
  if ((event.mask & IN_Q_OVERFLOW) != 0) return list_again();
  const auto folder = folders.find(event.wd);
  if (folder == folders.end()) return {};
  if ((event.mask & IN_IGNORED) != 0) {
    folders.erase(folder);
    return {};
  }
  const std::string path = (fs::path(folder->second.path) / name).string();
  if ((event.mask & IN_ISDIR) != 0) {
    return folder->second.is_whole ? take_folder_event(event, path) : base::Expected<void>();
  }
  const bool is_wanted =
      single_files.contains(path) || (folder->second.is_whole && is_named_like_a_log(path));
  // A file that gets another name may have grown before.
  if (is_wanted || moved.contains(event.cookie)) take_file_event(event, path);
  return {};
}

base::Expected<void> Follower::State::take_folder_event(const inotify_event& event,
                                                        const std::string& path) {
  if ((event.mask & IN_MOVED_FROM) != 0) moved[event.cookie] = path;
  if ((event.mask & IN_MOVED_TO) != 0) {
    const auto from = moved.find(event.cookie);
    if (from != moved.end()) rename_folder(from->second, path);
    moved.erase(event.cookie);
  }
  if ((event.mask & (IN_CREATE | IN_MOVED_TO)) != 0) return add_folder(path);
  return {};
}

void Follower::State::take_file_event(const inotify_event& event, const std::string& path) {
  if ((event.mask & IN_DELETE) != 0) {
    places.erase(path);
    pending.erase(path);
    return;
  }
  if ((event.mask & IN_MOVED_FROM) != 0) {
    moved[event.cookie] = path;
    return;
  }
  if ((event.mask & IN_MOVED_TO) != 0) {
    const auto from = moved.find(event.cookie);
    if (from != moved.end()) {
      auto place = places.extract(from->second);
      if (!place.empty()) places.insert_or_assign(path, std::move(place.mapped()));
      pending.erase(from->second);
      moved.erase(from);
    }
  }
  if (object_at(path).kind == ObjectKind::parquet) {
    if (parquet.insert(path).second) new_parquet.push_back(path);
    return;
  }
  const bool is_complete = (event.mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0;
  const bool is_packed = path.ends_with(".gz") || path.ends_with(".zst");
  // Each reading of a packed object begins at its front: once is enough, at its end.
  if (is_packed && (event.mask & IN_MODIFY) != 0) return;
  pending[path] |= is_complete;
}

/// After events were lost: everything may have changed.
base::Expected<void> Follower::State::list_again() {
  for (const auto& [path, place] : places) pending.try_emplace(path, false);
  for (const std::string& root : roots) {
    if (auto listed = add_folder(root); !listed) return listed;
  }
  return {};
}

/// Watches stay with a folder; its path, and those of its files, are new.
void Follower::State::rename_folder(const std::string& from, const std::string& to) {
  for (auto& [number, folder] : folders) {
    if (is_below(folder.path, from)) folder.path = to + folder.path.substr(from.size());
  }
  std::map<std::string, ReadingPlace> renamed;
  for (auto& [path, place] : places) {
    renamed.emplace(is_below(path, from) ? to + path.substr(from.size()) : path, std::move(place));
  }
  places = std::move(renamed);
}

void Follower::State::tell_new_parquet(LineSink& sink) {
  Problems problems;
  for (const std::string& path : std::exchange(new_parquet, {})) {
    problems.damaged(path, {"", "is Parquet, and left out", "ask it with weir query"});
  }
  if (problems.damaged_objects() != 0) sink.problems(problems);
}

bool Follower::State::read_pending(LineSink& sink) {
  const auto paths = std::exchange(pending, {});
  for (const auto& [path, is_complete] : paths) {
    if (!places[path].read(path, without_header, is_complete, sink)) return false;
  }
  return true;
}

Follower::Follower(std::unique_ptr<State> state) : state_(std::move(state)) {}
Follower::~Follower() = default;

base::Expected<std::unique_ptr<Follower>> Follower::open(const std::vector<std::string>& sources,
                                                         LineReader::Columns without_header,
                                                         Mode mode) {
  auto state = std::make_unique<State>();
  state->without_header = std::move(without_header);
  state->mode = mode;
  state->has_several_sources = sources.size() > 1;
  if (mode == Mode::follow) {
    state->descriptor = base::Descriptor(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!state->descriptor.is_open()) {
      return base::fail("inotify", std::string("is refused: ") + strerror(errno),
                        "raise fs.inotify.max_user_instances with sysctl");
    }
  }
  for (const std::string& source : sources) {
    if (auto added = state->add_source(source); !added) return tl::unexpected(added.error());
  }
  std::sort(state->earlier.begin(), state->earlier.end(),
            [](const EarlierObject& a, const EarlierObject& b) {
              return std::tie(a.time, b.path) < std::tie(b.time, a.path);
            });
  state->is_listing = false;
  return std::unique_ptr<Follower>(new Follower(std::move(state)));
}

bool Follower::read_earlier(LineSink& sink) {
  State& state = *state_;
  if (state.earlier.empty()) return false;
  const base::UnixSeconds time = state.earlier.back().time;
  while (!state.earlier.empty() && state.earlier.back().time == time) {
    const std::string path = std::move(state.earlier.back().path);
    state.earlier.pop_back();
    ReadingPlace& place = state.places[path];
    place.forget();
    if (!place.read(path, state.without_header, state.mode == Mode::once, sink)) break;
  }
  return true;
}

base::Expected<void> Follower::follow(int stop, LineSink& sink) {
  std::array<pollfd, 2> waited = {pollfd{stop, POLLIN, 0},
                                  pollfd{state_->descriptor.get(), POLLIN, 0}};
  for (;;) {
    if (::poll(waited.data(), waited.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return base::fail("inotify", std::string("cannot be waited for: ") + strerror(errno));
    }
    if (waited[0].revents != 0) return {};
    auto taken = state_->take_events();
    state_->tell_new_parquet(sink);
    const bool goes_on = state_->read_pending(sink);
    if (!taken) return taken;
    if (!goes_on) return {};
  }
}

std::size_t Follower::text_objects() const {
  return state_->places.size();
}

std::size_t Follower::parquet_objects() const {
  return state_->parquet.size();
}

std::vector<base::Error> Follower::unfinished() const {
  std::vector<base::Error> errors;
  for (const auto& [path, place] : state_->places) {
    if (!place.unfinished()) continue;
    base::Error error = *place.unfinished();
    error.where = error.where.empty() ? path : path + ": " + error.where;
    errors.push_back(std::move(error));
  }
  return errors;
}

}  // namespace weir::logs
