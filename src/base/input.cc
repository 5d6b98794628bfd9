#include "base/input.h"

#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

namespace weir::base {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20U;

std::string reason() {
  return std::strerror(errno);
}

class File : public Input {
 public:
  File(int descriptor, std::string name, std::uint64_t total, MayRead may_read)
      : descriptor_(descriptor),
        name_(std::move(name)),
        total_(total),
        may_read_(std::move(may_read)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() override {
    if (descriptor_ != STDIN_FILENO) ::close(descriptor_);
  }

  Expected<std::size_t> read(std::span<std::uint8_t> out) override {
    for (;;) {
      if (may_read_ && !may_read_(descriptor_)) return 0;
      const ssize_t count = ::read(descriptor_, out.data(), out.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail(name_, "cannot be read: " + reason());
      consumed_ += static_cast<std::uint64_t>(count);
      return static_cast<std::size_t>(count);
    }
  }
  [[nodiscard]] std::uint64_t consumed() const override { return consumed_; }
  [[nodiscard]] std::uint64_t total() const override { return total_; }

 private:
  int descriptor_;
  std::string name_;
  std::uint64_t total_;
  MayRead may_read_;
  std::uint64_t consumed_ = 0;
};

class Memory : public Input {
 public:
  explicit Memory(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  Expected<std::size_t> read(std::span<std::uint8_t> out) override {
    const std::size_t count = std::min(out.size(), bytes_.size() - consumed_);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(consumed_), count, out.begin());
    consumed_ += count;
    return count;
  }
  [[nodiscard]] std::uint64_t consumed() const override { return consumed_; }
  [[nodiscard]] std::uint64_t total() const override { return bytes_.size(); }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t consumed_ = 0;
};

/// The packed bytes in front of an unpacker.
class Packed : public Input {
 public:
  Packed(std::unique_ptr<Input> input, std::vector<std::uint8_t> first, std::size_t at_once)
      : input_(std::move(input)), bytes_(std::move(first)), at_once_(at_once) {
    left_ = bytes_;
  }
  [[nodiscard]] std::uint64_t consumed() const override { return input_->consumed(); }
  [[nodiscard]] std::uint64_t total() const override { return input_->total(); }

 protected:
  /// Reads on once all is used up; false at the end.
  Expected<bool> refill() {
    if (!left_.empty()) return true;
    bytes_.resize(at_once_);
    auto count = input_->read(bytes_);
    if (!count) return tl::unexpected(count.error());
    left_ = std::span(bytes_).first(*count);
    return *count != 0;
  }
  void use(std::size_t count) { left_ = left_.subspan(count); }
  [[nodiscard]] std::span<std::uint8_t> left() const { return left_; }

 private:
  std::unique_ptr<Input> input_;
  std::vector<std::uint8_t> bytes_;
  std::size_t at_once_;
  std::span<std::uint8_t> left_;
};

/// Passes on what was looked at, then the rest.
class Plain : public Packed {
 public:
  using Packed::Packed;
  Expected<std::size_t> read(std::span<std::uint8_t> out) override {
    auto more = refill();
    if (!more) return tl::unexpected(more.error());
    const std::size_t count = std::min(out.size(), left().size());
    std::copy_n(left().begin(), count, out.begin());
    use(count);
    return count;
  }
};

/// gzip with ISA-L; members may follow each other.
class Gzip : public Packed {
 public:
  Gzip(std::unique_ptr<Input> input, std::vector<std::uint8_t> first, std::size_t at_once)
      : Packed(std::move(input), std::move(first), at_once),
        state_(std::make_unique<inflate_state>()) {
    start_member();
  }

  Expected<std::size_t> read(std::span<std::uint8_t> out) override {
    std::size_t done = 0;
    while (done == 0) {
      if (is_damaged_) return fail("gzip", "the stream is damaged");
      auto more = refill();
      if (!more) return tl::unexpected(more.error());
      if (!*more) {
        if (state_->block_state == ISAL_BLOCK_FINISH || !in_member_) return 0;
        return fail("gzip", "the stream ends too early: the file is truncated");
      }
      if (state_->block_state == ISAL_BLOCK_FINISH) start_member();
      in_member_ = true;
      state_->next_in = left().data();
      state_->avail_in = static_cast<std::uint32_t>(left().size());
      state_->next_out = out.data();
      state_->avail_out = static_cast<std::uint32_t>(out.size());
      const int status = isal_inflate(state_.get());
      // On damage ISA-L may give back more than it was given last.
      use(left().size() - std::min<std::size_t>(state_->avail_in, left().size()));
      done = out.size() - state_->avail_out;
      is_damaged_ = status != ISAL_DECOMP_OK && status != ISAL_END_INPUT;
    }
    return done;
  }

 private:
  void start_member() {
    isal_inflate_init(state_.get());
    state_->crc_flag = ISAL_GZIP;
    in_member_ = false;
  }

  std::unique_ptr<inflate_state> state_;
  bool in_member_ = false;
  bool is_damaged_ = false;  ///< told after what could be unpacked has been handed out
};

class Zstd : public Packed {
 public:
  Zstd(std::unique_ptr<Input> input, std::vector<std::uint8_t> first, std::size_t at_once)
      : Packed(std::move(input), std::move(first), at_once), stream_(ZSTD_createDStream()) {}

  Expected<std::size_t> read(std::span<std::uint8_t> out) override {
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    while (output.pos == 0) {
      auto more = refill();
      if (!more) return tl::unexpected(more.error());
      if (!*more && !in_frame_) return 0;
      ZSTD_inBuffer input{left().data(), left().size(), 0};
      const std::size_t status = ZSTD_decompressStream(stream_.get(), &output, &input);
      use(input.pos);
      if (ZSTD_isError(status) != 0) {
        return fail("zstd", std::string("the stream is damaged: ") + ZSTD_getErrorName(status));
      }
      in_frame_ = status != 0;
      if (!*more && output.pos == 0) {
        return fail("zstd", "the stream ends too early: the file is truncated");
      }
    }
    return output.pos;
  }

 private:
  struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };
  std::unique_ptr<ZSTD_DStream, Free> stream_;
  bool in_frame_ = false;
};

bool starts_with(const std::vector<std::uint8_t>& bytes,
                 std::initializer_list<std::uint8_t> magic) {
  return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin());
}

}  // namespace

Expected<std::unique_ptr<Input>> open_file(const std::string& path, MayRead may_read) {
  if (path == "-") {
    return std::make_unique<File>(STDIN_FILENO, "standard input", 0, std::move(may_read));
  }
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return fail(path, "cannot be opened: " + reason());
  struct stat status {};
  const bool is_known = fstat(descriptor, &status) == 0;
  auto file = std::make_unique<File>(descriptor, path,
                                     is_known ? static_cast<std::uint64_t>(status.st_size) : 0,
                                     std::move(may_read));
  if (is_known && S_ISDIR(status.st_mode)) {
    return fail(path, "is a folder", "give a file, or - for standard input");
  }
  posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
  return file;
}

std::unique_ptr<Input> open_memory(std::span<const std::uint8_t> bytes) {
  return std::make_unique<Memory>(bytes);
}

Expected<std::unique_ptr<Input>> unpacked(std::unique_ptr<Input> input, std::size_t at_once) {
  constexpr std::size_t kMagic = 4;
  std::vector<std::uint8_t> first(kMagic);
  std::size_t have = 0;
  while (have < kMagic) {  // a pipe may give less than asked for
    auto count = input->read(std::span(first).subspan(have));
    if (!count) return tl::unexpected(count.error());
    if (*count == 0) break;
    have += *count;
  }
  first.resize(have);
  if (starts_with(first, {0x1f, 0x8b})) {
    return std::make_unique<Gzip>(std::move(input), std::move(first), at_once);
  }
  if (starts_with(first, {0x28, 0xb5, 0x2f, 0xfd})) {
    return std::make_unique<Zstd>(std::move(input), std::move(first), at_once);
  }
  return std::make_unique<Plain>(std::move(input), std::move(first), at_once);
}

Buffer::Buffer(std::unique_ptr<Input> input) : input_(std::move(input)), bytes_(kBufferBytes) {}

Expected<void> Buffer::fill(std::size_t count) {
  if (end_ - begin_ >= count) return {};
  std::copy(bytes_.begin() + static_cast<std::ptrdiff_t>(begin_),
            bytes_.begin() + static_cast<std::ptrdiff_t>(end_), bytes_.begin());
  base_ += begin_;
  end_ -= begin_;
  begin_ = 0;
  if (bytes_.size() < count) bytes_.resize(count);
  while (end_ < count) {
    auto more = input_->read(std::span(bytes_).subspan(end_));
    if (!more) return tl::unexpected(more.error());
    if (*more == 0) break;
    end_ += *more;
  }
  return {};
}

}  // namespace weir::base
