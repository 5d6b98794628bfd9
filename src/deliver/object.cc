#include "deliver/object.h"

#include <isa-l/igzip_lib.h>

#include <fstream>
#include <future>
#include <vector>

#include "base/digest.h"
#include "deliver/file.h"
#include "deliver/object_key.h"
#include "record/parquet.h"
#include "record/text.h"

namespace weir::deliver {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHashDigits = 8;
constexpr std::size_t kTextBytes = std::size_t{256} << 10U;  // text packed at once
constexpr int kLevel = 2;

/// Further objects of a slot are hashed with their number: two of them may have the same bytes (a
/// capture that holds the same minutes twice), and under one name one would be lost.
std::string name_of(const std::string& stem, std::uint64_t part, base::Sha256 hash,
                    const FlowLog& flow_log) {
  if (part != 0) {
    base::Digest digest;
    digest.add(hash);
    digest.add(std::to_string(part));
    hash = digest.take();
  }
  return stem + "_" + base::hex(hash).substr(0, kHashDigits) + std::string(key_suffix(flow_log));
}

/// Text packed by ISA-L into a file. The gzip header has neither time nor name.
class Packer {
 public:
  explicit Packer(TemporaryFile& file)
      : file_(file), level_buffer_(ISAL_DEF_LVL2_DEFAULT), packed_(kTextBytes) {
    isal_deflate_init(&stream_);
    stream_.level = kLevel;
    stream_.level_buf = level_buffer_.data();
    stream_.level_buf_size = static_cast<std::uint32_t>(level_buffer_.size());
    stream_.gzip_flag = IGZIP_GZIP;
  }

  base::Expected<void> pack(std::string& text, bool is_last) {
    stream_.next_in = reinterpret_cast<std::uint8_t*>(text.data());
    stream_.avail_in = static_cast<std::uint32_t>(text.size());
    stream_.end_of_stream = is_last ? 1 : 0;
    do {
      stream_.next_out = packed_.data();
      stream_.avail_out = static_cast<std::uint32_t>(packed_.size());
      isal_deflate(&stream_);
      const auto bytes = std::span(packed_).first(packed_.size() - stream_.avail_out);
      bytes_ += bytes.size();
      digest_.add(bytes);
      if (auto written = file_.write(bytes); !written) return written;
    } while (stream_.avail_out == 0);
    text.clear();
    return {};
  }

  /// Of the packed bytes.
  [[nodiscard]] base::Digest& digest() { return digest_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  TemporaryFile& file_;
  isal_zstream stream_{};
  std::vector<std::uint8_t> level_buffer_;
  std::vector<std::uint8_t> packed_;
  base::Digest digest_;
  std::uint64_t bytes_ = 0;
};

/// Lines. While one block of them is packed, the next one is written.
class TextObject : public Object {
 public:
  TextObject(TemporaryFile file, std::string stem, std::uint64_t part, const FlowLog& flow_log,
             std::uint64_t limit)
      : file_(std::move(file)),
        stem_(std::move(stem)),
        part_(part),
        flow_log_(flow_log),
        limit_(limit),
        packer_(std::make_unique<Packer>(file_)) {
    text_ = record::header_line(flow_log_.log_format);
    text_ += '\n';
  }

  base::Expected<void> add(const record::Record& record) override {
    record::append_line(text_, record, flow_log_.log_format);
    text_ += '\n';
    ++records_;
    if (text_.size() < kTextBytes) return {};
    if (auto done = wait(); !done) return done;
    earlier_text_ += text_.size();
    text_.swap(in_packing_);
    packing_ = std::async(std::launch::async, [this] { return packer_->pack(in_packing_, false); });
    return {};
  }

  [[nodiscard]] bool is_full() const override { return earlier_text_ + text_.size() >= limit_; }
  [[nodiscard]] std::uint64_t records() const override { return records_; }

  base::Expected<Finished> finish() override {
    if (auto done = wait(); !done) return tl::unexpected(done.error());
    if (auto done = packer_->pack(text_, true); !done) return tl::unexpected(done.error());
    const base::Sha256 hash = packer_->digest().take();
    Finished finished{name_of(stem_, part_, hash, flow_log_), packer_->bytes(), hash};
    auto published = file_.publish(file_.path().parent_path() / finished.name);
    if (!published) return tl::unexpected(published.error());
    return finished;
  }

 private:
  base::Expected<void> wait() {
    if (!packing_.valid()) return {};
    return packing_.get();
  }

  TemporaryFile file_;
  std::string stem_;
  std::uint64_t part_;
  const FlowLog& flow_log_;
  std::uint64_t limit_;
  std::unique_ptr<Packer> packer_;
  std::string text_;
  std::string in_packing_;
  std::uint64_t records_ = 0;
  std::uint64_t earlier_text_ = 0;
  /// Last, so that it is waited for before what it works on goes.
  std::future<base::Expected<void>> packing_;
};

class ParquetObject : public Object {
 public:
  ParquetObject(TemporaryFile file, std::string stem, std::uint64_t part, const FlowLog& flow_log,
                record::ParquetWriter writer, std::uint64_t limit)
      : file_(std::move(file)),
        stem_(std::move(stem)),
        part_(part),
        flow_log_(flow_log),
        writer_(std::move(writer)),
        limit_(limit) {}

  base::Expected<void> add(const record::Record& record) override { return writer_.add(record); }
  [[nodiscard]] bool is_full() const override { return writer_.records() >= limit_; }
  [[nodiscard]] std::uint64_t records() const override { return writer_.records(); }

  base::Expected<Finished> finish() override {
    if (auto written = writer_.write(file_.path().string()); !written) {
      base::Error error = std::move(written.error());
      error.where = file_.path().string();
      error.hint = "free some space";
      return tl::unexpected(std::move(error));
    }
    base::Digest digest;
    std::ifstream file(file_.path(), std::ios::binary);
    std::vector<char> block(kTextBytes);
    std::uint64_t bytes = 0;
    while (file.read(block.data(), static_cast<std::streamsize>(block.size())) ||
           file.gcount() > 0) {
      digest.add(std::string_view(block.data(), static_cast<std::size_t>(file.gcount())));
      bytes += static_cast<std::uint64_t>(file.gcount());
    }
    const base::Sha256 hash = digest.take();
    Finished finished{name_of(stem_, part_, hash, flow_log_), bytes, hash};
    auto published = file_.publish(file_.path().parent_path() / finished.name);
    if (!published) return tl::unexpected(published.error());
    return finished;
  }

 private:
  TemporaryFile file_;
  std::string stem_;
  std::uint64_t part_;
  const FlowLog& flow_log_;
  record::ParquetWriter writer_;
  std::uint64_t limit_;
};

}  // namespace

base::Expected<std::unique_ptr<Object>> make_object(const fs::path& folder, const std::string& stem,
                                                    std::uint64_t part, const FlowLog& flow_log,
                                                    const ObjectLimits& limits) {
  auto file = TemporaryFile::create(folder / ("." + stem + "_" + std::to_string(part) + ".tmp"));
  if (!file) return tl::unexpected(file.error());
  if (flow_log.file_format == FileFormat::plain_text) {
    return std::make_unique<TextObject>(std::move(*file), stem, part, flow_log, limits.text_bytes);
  }
  auto writer = record::ParquetWriter::make(flow_log.log_format);
  if (!writer) return tl::unexpected(writer.error());
  return std::make_unique<ParquetObject>(std::move(*file), stem, part, flow_log, std::move(*writer),
                                         limits.parquet_records);
}

}  // namespace weir::deliver
