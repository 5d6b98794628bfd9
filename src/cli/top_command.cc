#include <chrono>
#include <filesystem>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/flow_feed.h"
#include "cli/interruption.h"
#include "cli/options.h"
#include "cli/service_source.h"
#include "cli/terminal.h"
#include "cli/top_screen.h"
#include "cli/top_table.h"
#include "vpc/read.h"

namespace weir::cli {
namespace {

struct Asked {
  ServiceSource service;
  std::string vpc;
};

class Top {
 public:
  Top(const RecordWords& words, std::string title)
      : table_(words), news_{std::move(title), false} {}

  [[nodiscard]] TopTable& table() { return table_; }
  [[nodiscard]] std::vector<std::string> lines(TopSize size, const Palette& palette) {
    return top_lines(table_, view_, news_, size, palette);
  }
  bool press(std::string_view key) { return view_.press(key); }
  void has_keys() { news_.has_keys = true; }

 private:
  TopTable table_;
  TopView view_;
  TopNews news_;
};

/// Until somebody ends it.
base::Expected<void> run_on_terminal(FlowFeed& feed, Top& top, const Palette& palette) {
  auto terminal = Terminal::take();
  if (!terminal) return tl::unexpected(terminal.error());
  top.has_keys();
  std::vector<std::string> keys;
  while (!was_interrupted()) {
    terminal->show(top.lines(terminal->size(), palette));
    const auto goes_on = feed.wait(terminal->descriptor(), std::chrono::milliseconds(250));
    if (!goes_on) return tl::unexpected(goes_on.error());
    if (!*goes_on) return base::fail("", "weir up has ended");
    if (!terminal->keys(keys)) return {};
    for (const std::string& key : keys) {
      if (!top.press(key)) return {};
    }
  }
  return {};
}

/// One picture, of the first second that came whole.
base::Expected<void> print_once(FlowFeed& feed, Top& top) {
  while (top.table().whole_drains() == 0 && !was_interrupted()) {
    const auto goes_on = feed.wait(interruption_descriptor(), std::chrono::minutes(1));
    if (!goes_on) return tl::unexpected(goes_on.error());
    if (!*goes_on && top.table().whole_drains() == 0) return base::fail("", "weir up has ended");
  }
  constexpr TopSize kPaper = {std::numeric_limits<std::size_t>::max(), 60};
  for (const std::string& line : top.lines(kPaper, {})) std::cout << line << '\n';
  return {};
}

int run(const Asked& asked) {
  const auto place = place_of(asked.service);
  if (!place) return failed(place.error());
  std::filesystem::path vpc = asked.vpc;
  if (vpc.empty()) vpc = place->vpc;
  std::optional<vpc::Network> network;
  if (!vpc.empty()) {
    auto read = vpc::read_network(vpc);
    if (!read) return failed(read.error());
    network = std::move(*read);
  }
  watch_interruption();
  auto client = http::Client::open(place->socket);
  if (!client) return failed(client.error());
  const RecordWords words(network ? &*network : nullptr);
  Top top(words, "weir top " + place->socket.string());
  FlowFeed feed(std::move(*client), top.table());
  const auto done =
      Terminal::is_there() ? run_on_terminal(feed, top, output_palette()) : print_once(feed, top);
  return done ? kDone : failed(done.error());
}

}  // namespace

void add_top_command(Command& weir, int& exit_code) {
  auto* command =
      weir.add_subcommand("top", "Who talks and who is refused now, on the whole screen");
  auto asked = std::make_shared<Asked>();
  add_service_options(*command, asked->service);
  command->add_option("--vpc", asked->vpc, "Description of the network, for names")
      ->type_name("PATH");
  command->callback([asked, &exit_code] { exit_code = run(*asked); });
}

}  // namespace weir::cli
