#include "train/evaluation.hpp"

#include <algorithm>

namespace iris::train {
namespace {

Gate gate(std::string name, bool passed, std::string found, std::string expected) {
  return {std::move(name), passed ? Verdict::kPassed : Verdict::kFailed, std::move(found),
          std::move(expected)};
}

Gate skipped(std::string name, std::string why, std::string expected) {
  return {std::move(name), Verdict::kSkipped, std::move(why), std::move(expected)};
}

Gate model_gate(const Findings& findings) {
  return gate(
      "model exists", findings.model_exists,
      findings.model_exists ? findings.model_path : fmt::format("no {}", findings.model_path),
      "an ONNX model; 'iris train' makes it");
}

Gate golden_gate(const Findings& findings) {
  const std::string name = "golden rows";
  const std::string expected = "the answers of the training";
  if (!findings.model_exists) return skipped(name, "no model", expected);
  if (findings.golden_rows_error) return gate(name, false, *findings.golden_rows_error, expected);
  if (findings.golden_rows == 0) return skipped(name, "none in the model", expected);
  return gate(name, true, fmt::format("{} answered the same", findings.golden_rows), expected);
}

Gate prediction_gate(const Findings& findings) {
  const std::string name = "one prediction per row";
  const auto expected = fmt::format("{}", findings.rows);
  if (!findings.held_out) return skipped(name, findings.not_measured, expected);
  return gate(name, findings.predictions == findings.rows,
              fmt::format("{} for {} rows", findings.predictions, findings.rows), expected);
}

Gate missing_gate(const Findings& findings) {
  const std::size_t count = findings.missing_values;
  const auto found =
      count == 0 ? std::string("0") : fmt::format("{}, first at {}", count, findings.first_missing);
  return gate("no missing values", count == 0, found, "0");
}

std::string list(const std::vector<std::string>& labels) {
  constexpr std::size_t kShown = 10;
  std::string out;
  for (std::size_t i = 0; i < std::min(labels.size(), kShown); ++i) {
    out.append(i == 0 ? "" : ", ").append(labels[i]);
  }
  if (labels.size() > kShown) out += fmt::format(", … ({} in all)", labels.size());
  return out;
}

// Neither the data nor the model may have a label outside the allowed ones.
Gate label_gate(const Findings& findings, const std::vector<std::string>& configured) {
  const auto& allowed = configured.empty() ? findings.model_labels : configured;
  if (allowed.empty()) return skipped("allowed labels", "no model", "labels in params.yaml");
  std::vector<std::string> strange;
  for (const auto* labels : {&findings.data_labels, &findings.model_labels}) {
    for (const auto& label : *labels) {
      const bool known = std::find(allowed.begin(), allowed.end(), label) != allowed.end();
      const bool said = std::find(strange.begin(), strange.end(), label) != strange.end();
      if (!known && !said) strange.push_back(label);
    }
  }
  return gate("allowed labels", strange.empty(),
              strange.empty() ? list(findings.data_labels) : fmt::format("also {}", list(strange)),
              list(allowed));
}

Gate accuracy_gate(const Findings& findings, double minimum) {
  const std::string name = "accuracy";
  const auto expected = fmt::format("at least {:.4f}", minimum);
  if (!findings.held_out) return skipped(name, findings.not_measured, expected);
  return gate(name, findings.held_out->accuracy >= minimum,
              fmt::format("{:.4f}", findings.held_out->accuracy), expected);
}

Verdict verdict_of(Comparison comparison) {
  switch (comparison) {
    case Comparison::kNoWorse:
      return Verdict::kPassed;
    case Comparison::kWorse:
      return Verdict::kFailed;
    case Comparison::kUndecided:
      break;
  }
  return Verdict::kUndecided;
}

std::string range(const Interval& change) {
  return fmt::format("change {:+.4f} to {:+.4f} (98 % interval)", change.low, change.high);
}

Gate paired_gate(Gate gate, const Findings& findings, double max_drop) {
  const Pairs& pairs = *findings.pairs;
  if (pairs.rows == 0) {
    gate.found = "no held-out row that the baseline was not trained on";
    return gate;
  }
  gate.verdict = verdict_of(compare(pairs, max_drop));
  gate.found = fmt::format("{} lost and {} gained of the same {} rows, {}", pairs.lost,
                           pairs.gained, pairs.rows, range(paired_change(pairs)));
  // Rows that it was trained on are easier for the baseline: they can hide a gain, not a loss.
  if (gate.verdict == Verdict::kFailed && findings.baseline_rows_unknown) {
    gate.verdict = Verdict::kUndecided;
    gate.found += "; the baseline may have been trained on them";
  }
  return gate;
}

Gate unpaired_gate(Gate gate, const Findings& findings, double max_drop) {
  const Sample before{findings.baseline->metrics.accuracy, findings.baseline->test_rows};
  const Sample now{findings.held_out->accuracy, findings.held_out->rows};
  gate.found = fmt::format("{:.4f} → {:.4f}", before.share, now.share);
  if (before.rows == 0) {
    gate.found += fmt::format("; {} does not say on how many rows", findings.baseline_path);
    return gate;
  }
  gate.verdict = verdict_of(compare(before, now, max_drop));
  gate.found += fmt::format(", {}", range(unpaired_change(before, now)));
  return gate;
}

// Whether accuracy fell by more than the share allowed, as far as the rows can tell.
Gate baseline_gate(const Findings& findings, double max_drop) {
  Gate gate{"drop from baseline", Verdict::kUndecided, "", fmt::format("at most {:.4f}", max_drop)};
  if (!findings.held_out) return skipped(gate.name, findings.not_measured, gate.expected);
  if (!findings.not_compared.empty()) {
    gate.found = findings.not_compared;
    return gate;
  }
  return findings.pairs ? paired_gate(std::move(gate), findings, max_drop)
                        : unpaired_gate(std::move(gate), findings, max_drop);
}

}  // namespace

Evaluation apply_gates(Findings findings, const Params::Evaluate& params) {
  Evaluation out;
  out.gates = {model_gate(findings),
               golden_gate(findings),
               prediction_gate(findings),
               missing_gate(findings),
               label_gate(findings, params.labels),
               accuracy_gate(findings, params.min_accuracy)};
  if (findings.baseline || !findings.not_compared.empty()) {
    out.gates.push_back(baseline_gate(findings, params.max_accuracy_drop));
  }
  out.max_accuracy_drop = params.max_accuracy_drop;
  const auto failed = [&](const Gate& one) {
    return one.verdict == Verdict::kFailed ||
           (params.undecided_fails && one.verdict == Verdict::kUndecided);
  };
  out.passed = std::none_of(out.gates.begin(), out.gates.end(), failed) && findings.held_out;
  out.findings = std::move(findings);
  return out;
}

}  // namespace iris::train
