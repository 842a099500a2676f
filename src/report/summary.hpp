// What the report says about a run, in plain text: the same words for Markdown and HTML, which only
// escape and arrange them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "report/records.hpp"

namespace iris::report {

// A figure for the top of the page, with what it is.
struct Headline {
  std::string figure;   // "2.98×"
  std::string caption;  // "requests/s with 3 replicas against 1"
};

struct Column {
  std::string title;
  std::string meaning;  // one sentence; empty when the title says it
  bool numeric = true;
};

struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;  // one cell for each column
};

// Term and explanation, or name and value.
using Entries = std::vector<std::pair<std::string, std::string>>;

struct Summary {
  std::string title;
  std::string verdict;
  std::vector<Headline> headlines;
  std::string machine;
  Table results;                      // one row for each scenario, the observation last
  std::vector<bool> reference;        // which rows are the reference's
  Table comparisons;                  // ratios of scenarios that differ in one factor
  Table checks;                       // the open-loop probe and what makes the figures credible
  std::vector<std::string> happened;  // what did not go as planned; empty when all did
  Entries notes;
  Entries provenance;
};

Summary summarize(const Run& run);

// How a scenario is called: its title, or its name when it has none.
std::string title_of(const Scenario& scenario);

// One sentence: how it scaled, and the bottleneck with its figures.
std::string observation(const Run& run, const Scenario& scenario);

// Whether `count` answers are enough to state a p99: 459, so that the slowest one in a hundred is
// among them with 99 % confidence (0.99^459 < 0.01).
bool enough_for_p99(Figure count);
// By the same rule: 7, of which one is slower than the median.
bool enough_for_p50(Figure count);

// What wrk printed in a scenario, as it stands, under the name that says what it is worth; empty
// when the records hold nothing of it.
std::string generator_words(const Scenario& scenario);
inline constexpr const char* kGeneratorWords =
    "wrk's own figures, with samples that it invented: its counts are right, its latencies are no "
    "measurement";

}  // namespace iris::report
