// Records on their way to standard output, one after the other.
#pragma once

#include <cstdint>
#include <memory>
#include <ostream>

#include "cli/logged_record.h"
#include "cli/record_words.h"

namespace weir::cli {

enum class TailForm : std::uint8_t { sentence, table, json, csv };

class TailPrinter {
 public:
  virtual ~TailPrinter() = default;
  virtual void print(const LoggedRecord& record) = 0;
};

/// Sentences, rows under a head line, RFC 4180, or an object a line with all fields of the record
/// under their names in SQL and, from a described network, the names of its interfaces. `out` and
/// `words` outlive the printer.
std::unique_ptr<TailPrinter> make_tail_printer(std::ostream& out, const RecordWords& words,
                                               TailForm form, bool has_network);

}  // namespace weir::cli
