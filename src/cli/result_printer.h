// A query's result on its way to standard output.
#pragma once

#include <memory>
#include <ostream>
#include <vector>

#include "base/table.h"
#include "query/engine.h"

namespace weir::cli {

class ResultPrinter : public query::ResultSink {
 public:
  /// `out` outlives the printer.
  ResultPrinter(std::ostream& out, base::OutputForm form) : out_(out), form_(form) {}

  void columns(const std::vector<query::ResultColumn>& columns) override {
    std::vector<base::Column> shown;
    shown.reserve(columns.size());
    for (const query::ResultColumn& column : columns) {
      shown.push_back({column.name, column.is_number, false, column.is_json});
    }
    printer_ = base::make_printer(out_, std::move(shown), form_);
  }
  void row(Row row) override { printer_->row(std::move(row)); }
  void finish() {
    if (printer_ != nullptr) printer_->finish();
  }

 private:
  std::ostream& out_;
  base::OutputForm form_;
  std::unique_ptr<base::RowPrinter> printer_;
};

}  // namespace weir::cli
