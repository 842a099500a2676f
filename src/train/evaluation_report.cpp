// An Evaluation in words: for a terminal, for a pull request, for a program.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/markdown.hpp"
#include "base/visible.hpp"
#include "train/evaluation.hpp"

namespace iris::train {
namespace {

const char* mark(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPassed:
      return "✅";
    case Verdict::kFailed:
      return "❌";
    case Verdict::kUndecided:
      return "❔";
    case Verdict::kSkipped:
      return "➖";
  }
  return "";
}

const char* word(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPassed:
      return "ok";
    case Verdict::kFailed:
      return "FAILED";
    case Verdict::kUndecided:
      return "UNCLEAR";
    case Verdict::kSkipped:
      return "skipped";
  }
  return "";
}

// A cell of a Markdown table; names and messages come from files.
std::string cell(std::string_view text) {
  std::string out;
  for (;;) {
    const auto end = text.find('\n');
    out += inert_markdown(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    out += "<br>";
    text.remove_prefix(end + 1);
  }
}

std::string accuracy_sentence(const Metrics& metrics) {
  return fmt::format("accuracy {:.4f} ({} of {} held-out rows; 95 % interval {:.4f} to {:.4f})",
                     metrics.accuracy, metrics.correct, metrics.rows, metrics.accuracy_interval.low,
                     metrics.accuracy_interval.high);
}

std::string data_sentence(const Findings& findings) {
  if (findings.model_data_version.empty() || findings.data_version.empty()) return "";
  if (findings.model_data_version == findings.data_version) return "";
  return fmt::format(
      "The model was trained on data {:.8}, this is data {:.8}: some held-out rows may have been "
      "trained on.",
      findings.model_data_version, findings.data_version);
}

std::string baseline_sentence(const Findings& findings) {
  if (findings.baseline || !findings.not_compared.empty()) return "";
  if (findings.baseline_path.empty()) {
    return "No baseline to compare with; name one: --baseline old.onnx";
  }
  return fmt::format("No baseline to compare with: {} does not exist", findings.baseline_path);
}

// The change of accuracy from the baseline; of a model on the rows that both may be asked.
double change_seen(const Findings& findings) {
  if (!findings.pairs || findings.pairs->rows == 0) {
    return findings.held_out->accuracy - findings.baseline->metrics.accuracy;
  }
  const Pairs& pairs = *findings.pairs;
  return (static_cast<double>(pairs.gained) - static_cast<double>(pairs.lost)) /
         static_cast<double>(pairs.rows);
}

// What the comparison with the baseline can see and how often it errs.
std::vector<std::string> comparison_sentences(const Evaluation& evaluation) {
  const Findings& findings = evaluation.findings;
  if (!findings.held_out) return {};
  if (!findings.pairs) {
    if (!findings.baseline) return {};
    return {
        "The baseline is a file of figures, not a model: which rows it got right is not known, and "
        "the interval is as wide as for two samples. Name the old model instead: --baseline "
        "old.onnx"};
  }
  const Pairs& pairs = *findings.pairs;
  if (pairs.rows == 0) return {};
  const double margin = evaluation.max_accuracy_drop;
  const auto drop = visible_drop(pairs, margin);
  const auto needed = rows_needed(pairs, margin);
  std::vector<std::string> out = {
      fmt::format("On these {} rows, a new model as good as the old is refused with probability "
                  "{:.2g} (at most "
                  "{}); the smallest drop that is refused in {:.0f} % of the cases is {}.",
                  pairs.rows, false_alarm(pairs, margin), kGateError, 100 * kGatePower,
                  drop ? fmt::format("{:.4f}", *drop) : "none")};
  if (compare(pairs, margin) == Comparison::kUndecided) {
    out.push_back(
        needed
            ? fmt::format("The sample is too small to tell. Two equally good models that disagree "
                          "as often as these need about {} held-out rows, {} times as many.",
                          *needed, (*needed + pairs.rows - 1) / pairs.rows)
            : "No sample can show that nothing at all was lost: set max_accuracy_drop above 0.");
  }
  if (findings.baseline_rows_unknown) {
    out.emplace_back(
        "Which rows the baseline was trained on is not known (other data, or a model of another "
        "program): it may know some of these, so a loss against it is no proof.");
  }
  return out;
}

std::vector<std::string> notes(const Evaluation& evaluation) {
  auto out = comparison_sentences(evaluation);
  for (auto& note : {data_sentence(evaluation.findings), baseline_sentence(evaluation.findings)}) {
    if (!note.empty()) out.push_back(note);
  }
  return out;
}

const ClassMetrics* find_class(const TrainingRecord& baseline, const std::string& label) {
  const auto& classes = baseline.metrics.classes;
  const auto found = std::find_if(classes.begin(), classes.end(),
                                  [&](const ClassMetrics& one) { return one.label == label; });
  return found == classes.end() ? nullptr : &*found;
}

// "+0.0200", or "new" for a class that the baseline does not have.
std::string f1_change(const TrainingRecord& baseline, const ClassMetrics& now) {
  const auto* before = find_class(baseline, now.label);
  return before == nullptr ? "new" : fmt::format("{:+.4f}", now.f1 - before->f1);
}

void add_text_figures(const Findings& findings, std::string& out) {
  const Metrics& metrics = *findings.held_out;
  out += fmt::format("\n{}, log loss {:.4f}, macro F1 {:.4f}\n\n", accuracy_sentence(metrics),
                     metrics.log_loss, metrics.macro_f1);
  const bool compared = findings.baseline && !findings.baseline->metrics.classes.empty();
  std::size_t width = 5;
  for (const auto& one : metrics.classes) width = std::max(width, visible(one.label).size());
  out += fmt::format("{:{}}  precision  recall      F1  rows{}\n", "class", width,
                     compared ? "  F1 change" : "");
  for (const auto& one : metrics.classes) {
    out += fmt::format("{:{}}  {:9.4f}  {:6.4f}  {:6.4f}  {:4}", visible(one.label), width,
                       one.precision, one.recall, one.f1, one.support);
    if (compared) out += fmt::format("  {:>9}", f1_change(*findings.baseline, one));
    out += '\n';
  }
  out += "\nconfusion (a row is the truth, a column the prediction)\n";
  for (std::size_t t = 0; t < metrics.classes.size(); ++t) {
    out += fmt::format("{:{}}", visible(metrics.classes[t].label), width);
    for (const auto count : metrics.confusion[t]) out += fmt::format("  {:5}", count);
    out += '\n';
  }
}

void add_markdown_figures(const Findings& findings, std::string& out) {
  const Metrics& metrics = *findings.held_out;
  out += "\n<details><summary>Per class and confusion</summary>\n\n";
  const bool compared = findings.baseline && !findings.baseline->metrics.classes.empty();
  out += fmt::format("| class | precision | recall | F1 |{} rows |\n", compared ? " change |" : "");
  out += fmt::format("| --- | ---: | ---: | ---: |{} ---: |\n", compared ? " ---: |" : "");
  for (const auto& one : metrics.classes) {
    out += fmt::format("| {} | {:.4f} | {:.4f} | {:.4f} |", cell(one.label), one.precision,
                       one.recall, one.f1);
    if (compared) out += fmt::format(" {} |", f1_change(*findings.baseline, one));
    out += fmt::format(" {} |\n", one.support);
  }
  out += "\n| truth ╲ prediction |";
  for (const auto& one : metrics.classes) out += fmt::format(" {} |", cell(one.label));
  out += "\n| --- |";
  for (std::size_t c = 0; c < metrics.classes.size(); ++c) out += " ---: |";
  out += '\n';
  for (std::size_t t = 0; t < metrics.classes.size(); ++t) {
    out += fmt::format("| {} |", cell(metrics.classes[t].label));
    for (const auto count : metrics.confusion[t]) out += fmt::format(" {} |", count);
    out += '\n';
  }
  out += "\n</details>\n";
}

}  // namespace

std::string to_text(const Evaluation& evaluation) {
  const Findings& findings = evaluation.findings;
  std::string out;
  for (const auto& gate : evaluation.gates) {
    out += fmt::format("{:8} {:22} found {}; expected {}\n", word(gate.verdict), visible(gate.name),
                       visible(gate.found), visible(gate.expected));
  }
  if (findings.held_out) add_text_figures(findings, out);
  for (const auto& note : notes(evaluation)) out += fmt::format("\n{}\n", visible(note));
  return out;
}

std::string to_markdown(const Evaluation& evaluation) {
  const Findings& findings = evaluation.findings;
  std::string out = fmt::format("### {} Model evaluation\n\n", evaluation.passed ? "✅" : "❌");
  if (findings.held_out) {
    const auto& metrics = *findings.held_out;
    out += fmt::format("**Accuracy {:.4f}** ({} of {} held-out rows, 95 % interval {:.4f}–{:.4f})",
                       metrics.accuracy, metrics.correct, metrics.rows,
                       metrics.accuracy_interval.low, metrics.accuracy_interval.high);
    if (findings.baseline) {
      out += fmt::format(", {:+.4f} against the baseline", change_seen(findings));
    }
    out +=
        fmt::format(" · log loss {:.4f} · macro F1 {:.4f}\n\n", metrics.log_loss, metrics.macro_f1);
  }
  out += "| | Gate | Found | Expected |\n| --- | --- | --- | --- |\n";
  for (const auto& gate : evaluation.gates) {
    out += fmt::format("| {} | {} | {} | {} |\n", mark(gate.verdict), cell(gate.name),
                       cell(gate.found), cell(gate.expected));
  }
  if (findings.held_out) add_markdown_figures(findings, out);
  for (const auto& note : notes(evaluation)) out += fmt::format("\n{}\n", cell(note));
  out += fmt::format("\n<sub>data `{:.8}` · iris {}</sub>\n", findings.data_version,
                     findings.program_version);
  return out;
}

std::string to_json(const Evaluation& evaluation) {
  using Json = nlohmann::ordered_json;
  const Findings& findings = evaluation.findings;
  Json json = {{"passed", evaluation.passed}, {"gates", Json::array()}};
  for (const auto& gate : evaluation.gates) {
    json["gates"].push_back({{"name", gate.name},
                             {"verdict", word(gate.verdict)},
                             {"found", gate.found},
                             {"expected", gate.expected}});
  }
  json["accuracy"] = nullptr;
  if (findings.held_out) {
    const auto& metrics = *findings.held_out;
    json["accuracy"] = metrics.accuracy;
    json["accuracy_interval"] = {metrics.accuracy_interval.low, metrics.accuracy_interval.high};
    json["log_loss"] = metrics.log_loss;
    json["macro_f1"] = metrics.macro_f1;
    json["confusion"] = metrics.confusion;
  }
  json["baseline_accuracy"] = nullptr;
  if (findings.baseline) json["baseline_accuracy"] = findings.baseline->metrics.accuracy;
  json["comparison"] = nullptr;
  if (findings.pairs && findings.pairs->rows > 0) {
    const Pairs& pairs = *findings.pairs;
    const double margin = evaluation.max_accuracy_drop;
    const Interval change = paired_change(pairs);
    const auto drop = visible_drop(pairs, margin);
    const auto needed = rows_needed(pairs, margin);
    json["comparison"] = {{"rows", pairs.rows},
                          {"lost", pairs.lost},
                          {"gained", pairs.gained},
                          {"change_interval", {change.low, change.high}},
                          {"false_alarm", false_alarm(pairs, margin)},
                          {"visible_drop", drop ? Json(*drop) : Json(nullptr)},
                          {"rows_needed", needed ? Json(*needed) : Json(nullptr)},
                          {"baseline_rows_unknown", findings.baseline_rows_unknown}};
  }
  json["data_version"] = findings.data_version;
  json["program_version"] = findings.program_version;
  return visible(json.dump(-1, ' ', false, Json::error_handler_t::replace)) + "\n";
}

}  // namespace iris::train
