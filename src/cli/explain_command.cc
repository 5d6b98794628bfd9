#include <fmt/format.h>

#include <iostream>
#include <memory>
#include <optional>

#include "base/printable.h"
#include "base/table.h"
#include "cli/interruption.h"
#include "cli/log_source.h"
#include "cli/options.h"
#include "cli/rules.h"
#include "explain/explainer.h"
#include "explain/groups.h"
#include "explain/words.h"
#include "query/engine.h"

namespace weir::cli {
namespace {

using explain::Finding;
using explain::Language;

constexpr std::size_t kMostGroups = 1'000'000'000;

struct Asked {
  LogSource source;
  std::string description;
  std::string language = "en";
  std::string form = "text";
  std::size_t limit = 20;
};

std::optional<std::string> or_nothing(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += (text.empty() ? "" : "\n") + line;
  return text;
}

/// Takes findings one by one.
class Output {
 public:
  virtual ~Output() = default;
  virtual void add(const Finding& finding) = 0;
  /// `left_out`: records of which nothing can be said.
  virtual void finish(std::uint64_t left_out) = 0;
};

/// A row for each finding.
class Rows : public Output {
 public:
  Rows(std::ostream& out, base::OutputForm form, Language language)
      : language_(language), printer_(base::make_printer(out, columns(), form)) {}

  void add(const Finding& finding) override {
    const explain::LoggedFlow& flow = finding.flow;
    const auto seconds = [](base::UnixSeconds time) {
      return std::to_string(time.time_since_epoch().count());
    };
    printer_->row(
        {finding.interface_id, flow.srcaddr, flow.dstaddr, std::to_string(flow.srcport),
         std::to_string(flow.dstport), std::to_string(finding.protocol),
         std::to_string(flow.packets), std::to_string(flow.bytes), seconds(flow.start),
         seconds(flow.end),
         flow.direction ? std::optional(std::string(to_string(*flow.direction))) : std::nullopt,
         std::string(to_string(finding.cause)), std::string(to_string(finding.certainty)),
         or_nothing(finding.rule), sentence(finding, language_), or_nothing(finding.fix),
         joined(finding.evidence)});
  }
  void finish(std::uint64_t /*left_out*/) override { printer_->finish(); }

 private:
  static std::vector<base::Column> columns() {
    return {{"interface_id"},
            {"srcaddr"},
            {"dstaddr"},
            {"srcport", true},
            {"dstport", true},
            {"protocol", true},
            {"packets", true},
            {"bytes", true},
            {"start", true},
            {"end", true},
            {"flow_direction"},
            {"cause"},
            {"certainty"},
            {"rule"},
            {"because"},
            {"fix"},
            {"evidence", false, true}};
  }

  Language language_;
  std::unique_ptr<base::RowPrinter> printer_;
};

/// Groups of the same cause, rule and service, worst first.
class Text : public Output {
 public:
  Text(std::ostream& out, Language language, std::size_t limit)
      : out_(out), language_(language), limit_(limit), groups_(language) {}

  void add(const Finding& finding) override { groups_.add(finding); }
  void finish(std::uint64_t left_out) override {
    const explain::Labels& labels = explain::labels(language_);
    const auto groups = groups_.worst_first();
    if (groups.empty() && left_out == 0) out_ << labels.nothing << "\n";
    bool is_undecided = false;
    for (std::size_t i = 0; i < groups.size() && i < limit_; ++i) {
      if (i != 0) out_ << "\n";
      print(groups[i], labels);
      const Finding& example = groups[i].example;
      is_undecided |= example.reason == explain::Reason::lone_request &&
                      example.description == explain::Description::none;
    }
    if (is_undecided) out_ << labels.hint_vpc << "\n";
    if (groups.size() > limit_) {
      out_ << "\n"
           << fmt::format(fmt::runtime(labels.more_groups),
                          fmt::arg("groups", groups.size() - limit_))
           << "\n";
    }
  }

 private:
  void print(const explain::Group& group, const explain::Labels& labels) {
    const Finding& example = group.example;
    const std::string_view rule = example.rule.empty() ? labels.no_rule : example.rule;
    out_ << fmt::format(
                fmt::runtime(labels.heading), fmt::arg("cause", to_string(example.cause)),
                fmt::arg("certainty",
                         labels.certainties[static_cast<std::size_t>(example.certainty)]),
                fmt::arg("rule", rule), fmt::arg("service", group.service),
                fmt::arg("flows", counted(group.flows, explain::Thing::flow, language_)),
                fmt::arg("packets", counted(group.packets, explain::Thing::packet, language_)),
                fmt::arg("bytes", counted(group.bytes, explain::Thing::byte, language_)))
         << "\n  " << base::printable(sentence(example, language_)) << "\n"
         << labels.rests_on << "\n";
    for (const std::string& record : example.evidence) {
      out_ << "    " << base::printable(record) << "\n";
    }
    if (!example.fix.empty()) {
      const bool is_reply =
          example.is_tracked_reply && example.cause == explain::Cause::network_acl;
      out_ << (is_reply ? labels.fix_for_reply : labels.fix) << "\n    " << example.fix << "\n";
    }
    if (example.lacks_number) out_ << labels.no_number << "\n";
    if (group.flows > 1) {
      out_ << fmt::format(
                  fmt::runtime(example.fix.empty() ? labels.more : labels.more_fixes),
                  fmt::arg("flows", counted(group.flows - 1, explain::Thing::flow, language_)))
           << "\n";
    }
  }

  std::ostream& out_;
  Language language_;
  std::size_t limit_;
  explain::Groups groups_;
};

int run(const Asked& asked) {
  const Language language = *explain::language_of(asked.language);
  std::unique_ptr<Rules> rules;
  if (!asked.description.empty()) {
    auto read = read_rules(asked.description);
    if (!read) return failed(read.error());
    rules = std::move(*read);
  }
  auto engine = open_logs(asked.source);
  if (!engine) return engine.error();

  std::unique_ptr<Output> output;
  if (asked.form == "text") {
    output = std::make_unique<Text>(std::cout, language, asked.limit);
  } else {
    output = std::make_unique<Rows>(std::cout, output_form(asked.form), language);
  }
  base::Expected<std::uint64_t> done;
  {
    const Watch watch(**engine);
    auto subnets = explain::read_subnets(**engine);
    if (!subnets) {
      return tell_end(asked.source, **engine, tl::unexpected(subnets.error()));
    }
    explain::Explainer explainer(*subnets);
    if (rules) explainer.use(rules->network, rules->policy);
    done = for_each_conversation(
        **engine, explain::Wanted::with_refusals, [&](const explain::Conversation& conversation) {
          explainer.explain(conversation, [&](const Finding& finding) { output->add(finding); });
        });
  }
  if (done && !was_interrupted()) output->finish(*done);
  const int code = tell_end(asked.source, **engine, done.map([](std::uint64_t) {}));
  if (done) tell_unusable(*done);
  return code;
}

}  // namespace

void add_explain_command(Command& weir, int& exit_code) {
  auto* command = weir.add_subcommand("explain", "Say why each REJECT happened");
  auto asked = std::make_shared<Asked>();
  add_source_options(*command, asked->source);
  command
      ->add_option("--vpc", asked->description,
                   "File or folder of AWS's describe JSON: the rules are asked")
      ->type_name("PATH");
  command->add_option("--lang", asked->language, "Language of the sentences: en (default) or ja")
      ->one_of({"en", "ja"})
      ->type_name("LANGUAGE");
  command->add_option("--limit", asked->limit, "How many groups the text shows (20)")
      ->range(1, kMostGroups)
      ->type_name("N");
  command->add_option("--output", asked->form, "How to print: text (default), table, json, csv")
      ->one_of({"text", "table", "json", "csv"})
      ->type_name("FORM");
  command->callback([asked, &exit_code] { exit_code = run(*asked); });
}

}  // namespace weir::cli
