// Where columns lie, and whether what is there is all that a reader of them can meet.
#include "query/parquet_chunks.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "logs_folder.h"
#include "query/parquet_page.h"

namespace weir::query {
namespace {

using ::testing::ElementsAre;
using Bytes = std::vector<std::uint8_t>;

TEST(ParquetPage, EndsWhereItsHeaderSaysInWhateverOrderAndCompany) {
  // type = 0, uncompressed = 7, compressed = 5, crc, data page header {values = 1, statistics
  // {min = "ab", exact}}, and the content.
  const Bytes page = {0x15, 0x00, 0x15, 0x0e, 0x15, 0x0a, 0x15, 0x02, 0x1c, 0x15,
                      0x02, 0x4c, 0x58, 0x02, 'a',  'b',  0x21, 0x00, 0x00, 0x00};
  EXPECT_EQ(page_length(page), page.size() + 5);
  for (std::size_t size = 0; size < page.size(); ++size) {
    EXPECT_EQ(page_length(std::span(page).first(size)), std::nullopt) << size;
  }
}

TEST(ParquetPage, IsNoneAmongZerosOrWithoutALengthThatCanBe) {
  EXPECT_EQ(page_length({}), std::nullopt);
  EXPECT_EQ(page_length(Bytes(4096)), std::nullopt);
  EXPECT_EQ(page_length(Bytes{0x35, 0x01, 0x00}), std::nullopt) << "-1";
  EXPECT_EQ(page_length(Bytes{0x36, 0x80, 0x80, 0x80, 0x80, 0x10, 0x00}), std::nullopt) << "2^31";
  EXPECT_EQ(page_length(Bytes{0x35, 0x0a, 0x19, 0x15, 0x02, 0x00}), std::nullopt) << "a list";
  EXPECT_EQ(page_length(Bytes(4096, 0x1c)), std::nullopt) << "structures without end";
  EXPECT_EQ(page_length(Bytes(4096, 0xff)), std::nullopt);
  EXPECT_EQ(page_length(Bytes{0x38, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}),
            std::nullopt)
      << "a text longer than all there is";
}

class ParquetChunks : public LogsFolder {
 protected:
  ParquetChunks() : duck_(Duck::open().value()) {
    whole_ = path("whole.parquet");
    // What is written anew is to be read anew.
    EXPECT_TRUE(duck_->run("SET enable_external_file_cache = false"));
    EXPECT_TRUE(duck_->run(
        "COPY (SELECT i AS bytes, (i % 7)::VARCHAR AS action, hash(i)::VARCHAR AS \"log-status\", "
        "[{'a': i, 'b': 'x'}] AS tags, i % 5 AS tag FROM range(9000) t(i)) TO " +
        sql_text(whole_) + " (FORMAT parquet, ROW_GROUP_SIZE 4096)"));
    std::ifstream file(whole_, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
  }

  [[nodiscard]] std::optional<std::vector<Chunk>> chunks(const std::vector<std::string>& needed,
                                                         const std::string& file) const {
    return chunks_of(*duck_, file, bytes_.size(), {"bytes", "action", "log-status", "tags", "tag"},
                     needed);
  }
  /// The file with nothing but these and its footer, and `filling` instead of all else.
  [[nodiscard]] std::string with_only(const std::vector<Chunk>& chunks, char filling) const {
    std::string out(bytes_.size(), filling);
    const auto take = [&](std::size_t first, std::size_t count) {
      std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(first), count,
                  out.begin() + static_cast<std::ptrdiff_t>(first));
    };
    for (const Chunk& chunk : chunks) take(chunk.first, chunk.count);
    take(footer(), bytes_.size() - footer());
    put("some.parquet", out);
    return path("some.parquet");
  }
  [[nodiscard]] std::size_t footer() const {
    const auto* length = reinterpret_cast<const unsigned char*>(&bytes_[bytes_.size() - 8]);
    return bytes_.size() - 8 - (length[0] + 256U * length[1]);
  }
  [[nodiscard]] std::string answer(const std::string& columns, const std::string& file,
                                   const std::string& condition = "true") const {
    auto rows =
        duck_->run("SELECT hash(list(t))::VARCHAR FROM (SELECT " + columns + " FROM read_parquet(" +
                   sql_text(file) + ") WHERE " + condition + " ORDER BY ALL) AS t");
    return rows ? rows->text(0, 0) : "error";
  }

  std::unique_ptr<Duck> duck_;
  std::string whole_;
  std::string bytes_;
};

TEST_F(ParquetChunks, AreAllThatDuckDbReadsOfAColumnWhateverLiesBesideThem) {
  struct Asked {
    std::string columns;
    std::vector<std::string> needed;
    std::string condition;
  };
  for (const auto& [columns, needed, condition] :
       std::vector<Asked>{{"bytes", {"bytes"}, "bytes = 77"},
                          {"action", {"action"}, "action = '3'"},
                          {"action", {"action"}, "action = 'none'"},
                          {"tags", {"tags"}, "true"},
                          {"\"log-status\"", {"log-status"}, "true"},
                          {"tag, action", {"tag", "action"}, "tag = 2"}}) {
    const auto found = chunks(needed, whole_);
    ASSERT_TRUE(found) << columns;
    EXPECT_TRUE(are_whole_pages(whole_, *found)) << columns;
    for (const char filling : {'\0', '\x15', '\xff'}) {
      EXPECT_EQ(answer(columns, with_only(*found, filling), condition),
                answer(columns, whole_, condition))
          << columns;
    }
  }
}

TEST_F(ParquetChunks, AColumnThatIsNotThereIsAnErrorAndNoRow) {
  const std::string file = with_only(*chunks({"bytes"}, whole_), '\0');
  for (const char* column : {"action", "tags", "tag", "\"log-status\""}) {
    EXPECT_EQ(answer(column, file), "error") << column;
  }
}

TEST_F(ParquetChunks, AreNotTakenForWholeWhenAPageReachesBeyondThem) {
  auto found = chunks({"bytes"}, whole_).value();
  ASSERT_TRUE(are_whole_pages(whole_, found));
  found.front().count -= 1;
  EXPECT_FALSE(are_whole_pages(whole_, found));
  found.front().count += 2;
  EXPECT_FALSE(are_whole_pages(whole_, found));
}

TEST_F(ParquetChunks, LieWithinTheFileHoweverItsFooterIsSpoilt) {
  std::minstd_rand random(7);
  std::size_t told = 0;
  const std::string good = bytes_;
  for (int round = 0; round < 120; ++round) {
    bytes_ = good;
    for (int change = 0; change < 3; ++change) {
      bytes_[footer() + random() % (bytes_.size() - footer() - 8)] = static_cast<char>(random());
    }
    put("bad.parquet", bytes_);
    const auto found = chunks({"bytes", "tags", "action"}, path("bad.parquet"));
    if (!found) continue;
    ++told;
    for (const Chunk& chunk : *found) {
      ASSERT_GT(chunk.count, 0U);
      ASSERT_LE(chunk.first, bytes_.size());
      ASSERT_LE(chunk.count, bytes_.size() - chunk.first);
    }
    are_whole_pages(path("bad.parquet"), *found);
  }
  EXPECT_GT(told, 10U);
}

TEST_F(ParquetChunks, AreNotToldWhereTwoColumnsHaveOneName) {
  EXPECT_FALSE(chunks_of(*duck_, whole_, bytes_.size(), {"bytes", "bytes-1"}, {"bytes-1"}));
}

}  // namespace
}  // namespace weir::query
