// What a power cut leaves at any moment, and what a spool makes of it.
#include <gmock/gmock.h>

#include <functional>
#include <optional>
#include <set>

#include "spool_folder.h"

namespace weir::deliver {
namespace {

/// One step of what the spool does to the disk.
struct Step {
  enum class Kind : std::uint8_t { write, sync, rename, remove, sync_folder, damage } kind;
  fs::path path;
  fs::path to;        ///< of rename
  std::string bytes;  ///< of write: added to the file's end; of damage: what is there then
};

/// Does what it is told, and remembers it step by step.
class RememberingDisk : public Disk {
 public:
  explicit RememberingDisk(std::vector<Step>& steps) : steps_(steps) {}
  base::Expected<void> append_synced(const fs::path& file, std::string_view bytes) override {
    steps_.push_back({Step::Kind::write, file, {}, std::string(bytes)});
    steps_.push_back({Step::Kind::sync, file, {}, {}});
    return Disk::append_synced(file, bytes);
  }
  base::Expected<void> rename(const fs::path& from, const fs::path& to) override {
    steps_.push_back({Step::Kind::rename, from, to, {}});
    return Disk::rename(from, to);
  }
  base::Expected<void> remove(const fs::path& file) override {
    steps_.push_back({Step::Kind::remove, file, {}, {}});
    return Disk::remove(file);
  }
  base::Expected<void> sync_folder(const fs::path& folder) override {
    steps_.push_back({Step::Kind::sync_folder, folder, {}, {}});
    return Disk::sync_folder(folder);
  }

 private:
  std::vector<Step>& steps_;
};

/// A file system that promises no more than POSIX: bytes are there when their file was synced,
/// names when their folder was. Before that each change of a name, and any part of the bytes, may
/// be there or not.
class Model {
 public:
  void apply(const Step& step) {
    switch (step.kind) {
      case Step::Kind::write:
        if (!now_.contains(step.path)) {
          files_.push_back({});
          change(step.path, files_.size() - 1);
        }
        files_[now_[step.path]].written += step.bytes;
        break;
      case Step::Kind::sync:
        files_[now_[step.path]].synced = files_[now_[step.path]].written;
        break;
      case Step::Kind::damage:
        files_[now_[step.path]] = {step.bytes, step.bytes};
        break;
      case Step::Kind::rename:
        rename(step.path, step.to);
        break;
      case Step::Kind::remove:
        if (now_.contains(step.path)) change(step.path, std::nullopt);
        break;
      case Step::Kind::sync_folder:
        sync_folder(step.path);
        break;
    }
  }

  /// How many sets of changes there are that may have come to the disk.
  [[nodiscard]] unsigned outcomes() const { return 1U << pending_.size(); }

  enum class Torn : std::uint8_t { nothing, half, all, garbage };

  /// Writes what may be there: of the pending changes those whose bit is set, of unsynced bytes so
  /// much.
  void write_outcome(unsigned bits, Torn torn, const fs::path& from, const fs::path& to) const {
    Names names = durable_;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      if ((bits >> i & 1U) != 0) make(pending_[i], names);
    }
    fs::remove_all(to);
    fs::create_directories(to / "writing");
    fs::create_directories(to / "damaged");
    for (const auto& [path, file] : names) {
      write(to / path.lexically_relative(from), content(files_[file], torn));
    }
  }

 private:
  struct File {
    std::string written;
    std::string synced;
  };
  using Names = std::map<fs::path, std::size_t>;
  /// Happens as a whole or not at all; a rename is of one or two folders.
  struct Change {
    std::vector<std::pair<fs::path, std::optional<std::size_t>>> names;
  };

  void change(const fs::path& path, std::optional<std::size_t> file) {
    pending_.push_back({{{path, file}}});
    make(pending_.back(), now_);
  }
  void rename(const fs::path& from, const fs::path& to) {
    pending_.push_back({{{from, std::nullopt}, {to, now_.at(from)}}});
    make(pending_.back(), now_);
  }
  static void make(const Change& change, Names& names) {
    for (const auto& [path, file] : change.names) {
      if (file) {
        names[path] = *file;
      } else {
        names.erase(path);
      }
    }
  }
  void sync_folder(const fs::path& folder) {
    std::vector<Change> rest;
    for (const Change& each : pending_) {
      const bool is_synced =
          std::any_of(each.names.begin(), each.names.end(),
                      [&](const auto& name) { return name.first.parent_path() == folder; });
      if (is_synced) {
        make(each, durable_);
      } else {
        rest.push_back(each);
      }
    }
    pending_ = std::move(rest);
  }
  static std::string content(const File& file, Torn torn) {
    const std::size_t more = file.written.size() - file.synced.size();
    switch (torn) {
      case Torn::nothing:
        return file.synced;
      case Torn::half:
        return file.written.substr(0, file.synced.size() + more / 2);
      case Torn::garbage:
        return file.synced + std::string(more, '\0');
      default:
        return file.written;
    }
  }

  std::vector<File> files_;
  Names now_;
  Names durable_;
  std::vector<Change> pending_;
};

/// What somebody was promised, and from which step on.
struct Promise {
  std::string key;
  int number = 0;
  std::size_t begun = 0;
  std::optional<std::size_t> sealed;     ///< `seal` has returned
  std::optional<std::size_t> freeing;    ///< `free` was called
  std::optional<std::size_t> freed;      ///< and has returned
  std::optional<std::size_t> forgotten;  ///< `forget_lost` of its window was called
};

/// Frees no segment.
class StubbornDisk : public RememberingDisk {
 public:
  using RememberingDisk::RememberingDisk;
  base::Expected<void> remove(const fs::path& file) override {
    if (file.extension() != ".segment") return RememberingDisk::remove(file);
    return base::fail(file.string(), "cannot be removed: Input/output error");
  }
};

class PowerCut : public SpoolFolder {
 protected:
  PowerCut() : copy_(root_.string() + "-copy") {}
  ~PowerCut() override { fs::remove_all(copy_); }

  void seal_remembered(Spool& spool, const std::string& key, int number, std::size_t size) {
    promises_.push_back({key, number, steps_.size(), {}, {}, {}, {}});
    const fs::path file = spool.writing_folder() / key;
    write(file, payload_of(key, size));
    // Nobody has synced it: the spool is to do that.
    steps_.push_back({Step::Kind::write, file, {}, payload_of(key, size)});
    sizes_[key] = size;
    ASSERT_TRUE(spool.seal(file, {key, 3, covered(number)}));
    promises_.back().sealed = steps_.size();
  }
  void free_remembered(Spool& spool, const std::string& key) {
    const auto segment = spool.take([](std::uint64_t) { return true; });
    ASSERT_EQ(segment->key, key);
    for (Promise& each : promises_) {
      if (each.key == key) each.freeing = steps_.size();
    }
    spool.free(segment->sequence);
    for (Promise& each : promises_) {
      if (each.key == key) each.freed = steps_.size();
    }
  }

  /// Has looked at what each cut may have left in `copy_`, until something is wrong.
  void cut_everywhere(const std::function<void(std::size_t, const std::string&)>& look) {
    Model model;
    for (std::size_t done = 0; done <= steps_.size(); ++done) {
      if (done != 0) model.apply(steps_[done - 1]);
      for (unsigned bits = 0; bits < model.outcomes(); ++bits) {
        for (const auto torn :
             {Model::Torn::nothing, Model::Torn::half, Model::Torn::all, Model::Torn::garbage}) {
          model.write_outcome(bits, torn, root_, copy_);
          look(done, " after step " + std::to_string(done) + ", names " + std::to_string(bits) +
                         ", bytes " + std::to_string(static_cast<int>(torn)));
          if (HasFailure()) return;
        }
      }
    }
  }

  /// Opens what a cut after `done` steps may have left.
  void check(std::size_t done, const std::string& how) {
    Spool spool = Spool::open(copy_, roomy(), [](const base::LogLine&) {}).value();
    EXPECT_EQ(spool.status().damaged, 0U) << how;
    const auto there = offered(spool);
    std::size_t known = 0;
    for (const Promise& promise : promises_) {
      const bool is_offered = there.contains(promise.key);
      Coverage without = spool.lost();
      without.remove(covered(promise.number));
      const bool is_lost = !(without == spool.lost());
      known += is_offered ? 1 : 0;
      if (is_offered) {
        EXPECT_EQ(there.at(promise.key), payload_of(promise.key, sizes_.at(promise.key))) << how;
      }
      EXPECT_FALSE(is_offered && is_lost) << promise.key << how;
      EXPECT_FALSE(is_offered && done < promise.begun) << promise.key << how;
      const bool is_gone = promise.freed && done >= *promise.freed;
      EXPECT_FALSE(is_offered && is_gone) << promise.key << how;
      const auto has_come = [done](const std::optional<std::size_t>& step) {
        return step && done >= *step;
      };
      const bool is_promised =
          has_come(promise.sealed) && !has_come(promise.freeing) && !has_come(promise.forgotten);
      EXPECT_TRUE(is_offered || is_lost || !is_promised) << promise.key << how;
    }
    EXPECT_EQ(known, there.size()) << "of nobody" << how;
  }

  std::vector<Step> steps_;
  std::vector<Promise> promises_;
  std::map<std::string, std::size_t> sizes_;
  fs::path copy_;
};

TEST_F(PowerCut, AtAnyMomentLeavesWhatWasSealedOrWhatIsKnownToBeLost) {
  {
    Spool spool =
        open({.bytes = 1'150, .leave_free = 0}, std::make_unique<RememberingDisk>(steps_));
    seal_remembered(spool, "a", 1, 200);
    seal_remembered(spool, "b", 3, 200);
    free_remembered(spool, "a");
    seal_remembered(spool, "c", 5, 200);
    seal_remembered(spool, "d", 7, 700);  // b and c give way
    EXPECT_EQ(spool.status().given_up, 2U);
    for (Promise& each : promises_) {
      if (each.key == "b") each.forgotten = steps_.size();
    }
    spool.forget_lost(covered(3));
    seal_remembered(spool, "e", 9, 50);
    free_remembered(spool, "d");
    free_remembered(spool, "e");
  }
  std::size_t cuts = 0;
  cut_everywhere([&](std::size_t done, const std::string& how) {
    check(done, how);
    ++cuts;
  });
  RecordProperty("cuts", static_cast<int>(cuts));
  EXPECT_GT(cuts, 400U);
}

TEST_F(PowerCut, WhatIsRemovedAtTheNextStartDoesNotComeBack) {
  {
    Spool spool = open({.bytes = 700, .leave_free = 0}, std::make_unique<StubbornDisk>(steps_));
    seal_remembered(spool, "a", 1, 200);
    seal_remembered(spool, "b", 3, 400);  // a gives way, and is there still
    EXPECT_EQ(spool.status().given_up, 1U);
  }
  EXPECT_THAT(segments(), testing::SizeIs(2));
  { const Spool again = open(roomy(), std::make_unique<RememberingDisk>(steps_)); }
  EXPECT_THAT(segments(), testing::SizeIs(1));
  cut_everywhere([&](std::size_t done, const std::string& how) { check(done, how); });
}

TEST_F(PowerCut, WhatIsSetAsideIsKnownToBeLostBefore) {
  std::size_t damaged = 0;
  {
    Spool spool = open(roomy(), std::make_unique<RememberingDisk>(steps_));
    seal_remembered(spool, "a", 1, 200);
    const fs::path file = segments().at(0);
    steps_.push_back({Step::Kind::damage, file, {}, "x" + bytes_of(file)});
    write(file, steps_.back().bytes);
    damaged = steps_.size();
    EXPECT_THAT(offered(spool), testing::IsEmpty());
    EXPECT_EQ(spool.status().damaged, 1U);
  }
  cut_everywhere([&](std::size_t done, const std::string& how) {
    if (done < damaged) return;
    Spool spool = Spool::open(copy_, roomy(), [](const base::LogLine&) {}).value();
    EXPECT_THAT(offered(spool), testing::IsEmpty()) << how;
    EXPECT_EQ(spool.lost(), covered(1)) << how;
  });
}

}  // namespace
}  // namespace weir::deliver
