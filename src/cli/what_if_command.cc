#include <fmt/chrono.h>
#include <fmt/format.h>

#include <iostream>
#include <memory>

#include "base/table.h"
#include "base/time.h"
#include "cli/log_source.h"
#include "cli/options.h"
#include "cli/rules.h"
#include "explain/unused_rules.h"
#include "explain/what_if.h"
#include "query/engine.h"

namespace weir::cli {
namespace {

struct Asked {
  LogSource source;
  std::string description;
  std::string proposed;
  std::string form = "table";
};

/// Runs `use` over all conversations of the logs; the exit code is that of reading them.
int for_all(const Asked& asked, query::Engine& engine,
            const std::function<void(const explain::Conversation&)>& use) {
  base::Expected<std::uint64_t> done;
  {
    const Watch watch(engine);
    done = for_each_conversation(engine, explain::Wanted::all, use);
  }
  if (done) tell_unusable(*done);
  return tell_end(asked.source, engine, done.map([](std::uint64_t) {}));
}

std::string seconds(base::UnixSeconds time) {
  return std::to_string(time.time_since_epoch().count());
}

/// One row for each flow that would be treated otherwise.
class ChangePrinter {
 public:
  ChangePrinter(std::ostream& out, base::OutputForm form)
      : printer_(base::make_printer(out,
                                    {{"change"},
                                     {"interface_id"},
                                     {"flow_direction"},
                                     {"srcaddr"},
                                     {"dstaddr"},
                                     {"srcport", true},
                                     {"dstport", true},
                                     {"protocol", true},
                                     {"packets", true},
                                     {"bytes", true},
                                     {"start", true},
                                     {"end", true},
                                     {"rule"}},
                                    form)) {}

  void add(const explain::Change& change) {
    const explain::LoggedFlow& flow = change.flow;
    printer_->row({flow.is_accepted ? "ACCEPT to REJECT" : "REJECT to ACCEPT", change.interface_id,
                   std::string(to_string(*flow.direction)), flow.srcaddr, flow.dstaddr,
                   std::to_string(flow.srcport), std::to_string(flow.dstport),
                   std::to_string(change.protocol), std::to_string(flow.packets),
                   std::to_string(flow.bytes), seconds(flow.start), seconds(flow.end),
                   change.rule.empty() ? std::nullopt : std::optional(change.rule)});
  }
  void finish() { printer_->finish(); }

 private:
  std::unique_ptr<base::RowPrinter> printer_;
};

std::string were(std::uint64_t flows) {
  return fmt::format("{} {}", flows, flows == 1 ? "was" : "were");
}

void tell(const explain::WhatIf::Counts& counts) {
  fmt::print(stderr,
             "{} compared: {} accepted and would be refused ({}), {} refused and would be accepted "
             "({})\n",
             count_of(counts.flows, "flow"), were(counts.refused),
             count_of(counts.refused_bytes, "byte"), were(counts.accepted),
             count_of(counts.accepted_bytes, "byte"));
  if (counts.not_described != 0) {
    fmt::print(stderr,
               "weir: warning: {} left out: the interface or its address is not in both "
               "descriptions\n",
               count_of(counts.not_described, "flow"));
  }
  if (counts.disagreeing != 0) {
    fmt::print(
        stderr,
        "weir: warning: {} left out: the rules of --vpc do not explain the action; were they "
        "changed since?\n",
        count_of(counts.disagreeing, "flow"));
  }
}

int run_what_if(const Asked& asked) {
  auto now = read_rules(asked.description);
  if (!now) return failed(now.error());
  auto proposed = read_rules(asked.proposed);
  if (!proposed) return failed(proposed.error());
  auto engine = open_logs(asked.source);
  if (!engine) return engine.error();

  explain::Replay replay_now((*now)->network, (*now)->policy);
  explain::Replay replay_proposed((*proposed)->network, (*proposed)->policy);
  explain::WhatIf what_if(replay_now, replay_proposed);
  ChangePrinter printer(std::cout, output_form(asked.form));
  const int code = for_all(asked, **engine, [&](const explain::Conversation& conversation) {
    what_if.compare(conversation, [&](const explain::Change& change) { printer.add(change); });
  });
  if (code != kDone && code != kDamaged) return code;
  printer.finish();
  std::cout.flush();
  tell(what_if.counts());
  if (what_if.counts().flows == 0) {
    return failed({"what-if", "no recorded flow could be compared",
                   "give logs of the interfaces that both descriptions have"});
  }
  return what_if.counts().refused != 0 ? kWouldRefuse : code;
}

void tell(const explain::Span& span, const explain::RuleUse& use) {
  if (!span.first || !span.last) {
    fmt::print(stderr, "weir: warning: there is no record: nothing can be said of any rule\n");
    return;
  }
  fmt::print(stderr, "This covers {} from {:%Y-%m-%dT%H:%M:%SZ} to {:%Y-%m-%dT%H:%M:%SZ}\n",
             count_of(span.records, "record"), base::in_utc(*span.first), base::in_utc(*span.last));
  if (span.skipped_windows != 0) {
    fmt::print(
        stderr,
        "weir: warning: {} of SKIPDATA: flows that are missing there may have needed a rule\n",
        count_of(span.skipped_windows, "window"));
  }
  if (use.disagreeing() != 0) {
    fmt::print(stderr, "weir: warning: the rules do not explain {}; were they changed since?\n",
               count_of(use.disagreeing(), "accepted flow"));
  }
}

int run_unused_rules(const Asked& asked) {
  auto rules = read_rules(asked.description);
  if (!rules) return failed(rules.error());
  auto engine = open_logs(asked.source);
  if (!engine) return engine.error();
  explain::Replay replay((*rules)->network, (*rules)->policy);
  explain::RuleUse use(replay);
  const int code = for_all(
      asked, **engine, [&](const explain::Conversation& conversation) { use.note(conversation); });
  if (code != kDone && code != kDamaged) return code;
  auto span = explain::read_span(**engine);
  if (!span) return failed(span.error());
  base::print(std::cout, use.unused(), output_form(asked.form));
  std::cout.flush();
  tell(*span, use);
  return code;
}

Command* add(Command& weir, const char* name, const char* description, Asked& asked) {
  auto* command = weir.add_subcommand(name, description);
  add_source_options(*command, asked.source);
  command->add_option("--vpc", asked.description, "The rules of the time of the logs")
      ->required()
      ->type_name("PATH");
  command->add_option("--output", asked.form, "How to print: table (default), json, csv")
      ->one_of({"table", "json", "csv"})
      ->type_name("FORM");
  return command;
}

}  // namespace

void add_what_if_command(Command& weir, int& exit_code) {
  auto asked = std::make_shared<Asked>();
  auto* what_if = add(weir, "what-if",
                      "Say what would become of recorded flows under other rules; exit status 4 if "
                      "any that was accepted would be refused",
                      *asked);
  what_if->add_option("--proposed", asked->proposed, "The rules to be tried")
      ->required()
      ->type_name("PATH");
  what_if->callback([asked, &exit_code] { exit_code = run_what_if(*asked); });

  auto asked_unused = std::make_shared<Asked>();
  auto* unused =
      add(weir, "unused-rules", "List the rules that no recorded flow needed", *asked_unused);
  unused->callback([asked_unused, &exit_code] { exit_code = run_unused_rules(*asked_unused); });
}

}  // namespace weir::cli
