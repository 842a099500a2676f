#include "serve/metrics.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace iris::serve {
namespace {

using Workers = std::vector<std::unique_ptr<WorkerMetrics>>;

// Writes one metric after another.
class Page {
 public:
  explicit Page(const Workers& workers) : workers_(workers) {}

  void metric(std::string_view name, std::string_view type, std::string_view help) {
    fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name,
                   type);
    name_ = name;
  }
  template <class Value>
  void sample(std::string_view suffix_and_labels, Value value) {
    fmt::format_to(std::back_inserter(text_), "{}{} {}\n", name_, suffix_and_labels, value);
  }
  // The sum of a counter over the threads.
  template <class Get>
  std::uint64_t sum(Get get) const {
    std::uint64_t total = 0;
    for (const auto& worker : workers_) total += get(*worker).value();
    return total;
  }
  template <class Get>
  void single(std::string_view name, std::string_view type, std::string_view help, Get get) {
    metric(name, type, help);
    sample("", sum(get));
  }

  std::string take() { return std::move(text_); }

 private:
  const Workers& workers_;
  std::string_view name_;
  std::string text_;
};

void write_requests(Page& page) {
  page.single(
      "iris_requests_received_total", "counter", "Requests read to their end.",
      [](auto& w) -> auto& { return w.http.requests; });
  page.metric("iris_responses_total", "counter", "Answers written, by route and status code.");
  for (std::size_t r = 0; r < kRouteNames.size(); ++r) {
    for (std::size_t c = 0; c < kStatusCodes.size(); ++c) {
      const auto count = page.sum([&](auto& w) -> auto& { return w.responses[r][c]; });
      // The predict route's 200 is there from the start, so that a rate has a first point.
      if (count == 0 && (r != 0 || c != 0)) continue;
      page.sample(fmt::format("{{route=\"{}\",code=\"{}\"}}", kRouteNames[r], kStatusCodes[c]),
                  count);
    }
  }
  page.metric("iris_rejections_total", "counter", "Requests refused, by reason.");
  for (std::size_t i = 0; i < kRejectionReasons.size(); ++i) {
    page.sample(fmt::format("{{reason=\"{}\"}}", kRejectionReasons[i]),
                page.sum([&](auto& w) -> auto& { return w.rejections[i]; }));
  }
  page.single(
      "iris_rows_total", "counter", "Rows predicted.", [](auto& w) -> auto& { return w.rows; });
  page.single(
      "iris_in_flight", "gauge", "Requests partly read or whose answer waits to be taken.",
      [](auto& w) -> auto& { return w.http.in_flight; });
}

void write_connections(Page& page) {
  page.single(
      "iris_connections", "gauge", "Connections open now.",
      [](auto& w) -> auto& { return w.http.connections; });
  page.single(
      "iris_connections_accepted_total", "counter", "Connections accepted.",
      [](auto& w) -> auto& { return w.http.accepted; });
  page.metric("iris_connections_closed_total", "counter", "Connections ended, by reason.");
  for (std::size_t i = 0; i < http::kCloseReasons; ++i) {
    page.sample(fmt::format("{{reason=\"{}\"}}", http::kCloseReasonNames[i]),
                page.sum([&](auto& w) -> auto& { return w.http.closed[i]; }));
  }
  page.single(
      "iris_requests_late_total", "counter",
      "Requests that arrived after their connection was closed, and got no answer.",
      [](auto& w) -> auto& { return w.http.late; });
}

// The sum over the threads of one of their histograms; `labels` as "a=\"b\",", or empty.
template <class Get>
void write_histogram(Page& page, const Workers& workers, const std::string& labels, Get get) {
  constexpr std::size_t kLast = http::DurationHistogram::kBuckets - 1;
  std::uint64_t below = 0;
  std::uint64_t sum_ns = 0;
  for (const auto& worker : workers) sum_ns += get(*worker).sum_ns();
  for (std::size_t i = 0; i <= kLast; ++i) {
    for (const auto& worker : workers) below += get(*worker).bucket(i);
    const auto upper =
        i < kLast ? fmt::format("{}", http::DurationHistogram::upper_s(i)) : std::string("+Inf");
    page.sample(fmt::format("_bucket{{{}le=\"{}\"}}", labels, upper), below);
  }
  const auto own = labels.empty() ? std::string() : "{" + labels.substr(0, labels.size() - 1) + "}";
  page.sample("_sum" + own, static_cast<double>(sum_ns) * 1e-9);
  page.sample("_count" + own, below);
}

void write_durations(Page& page, const Workers& workers) {
  page.metric("iris_request_duration_seconds", "histogram",
              "From a request's turn to its answer written.");
  write_histogram(
      page, workers, "", [](auto& w) -> auto& { return w.http.duration; });
  page.metric("iris_prediction_phase_seconds", "histogram",
              "Predictions by phase: read (waiting and arriving), parse, predict, write.");
  for (std::size_t i = 0; i < kPhaseNames.size(); ++i) {
    const auto labels = [i](std::string_view route) {
      return fmt::format("route=\"{}\",phase=\"{}\",", route, kPhaseNames[i]);
    };
    write_histogram(
        page, workers, labels("predict"), [i](auto& w) -> auto& { return w.predict_phases[i]; });
    write_histogram(
        page, workers, labels("infer"), [i](auto& w) -> auto& { return w.infer_phases[i]; });
  }
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

void write_process(Page& page) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  page.metric("process_cpu_seconds_total", "counter", "User and system CPU time.");
  page.sample("", seconds(usage.ru_utime) + seconds(usage.ru_stime));
  std::ifstream statm("/proc/self/statm");  // size and resident pages
  std::uint64_t pages = 0;
  statm >> pages >> pages;
  page.metric("process_resident_memory_bytes", "gauge", "Resident memory.");
  page.sample("", pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)));
}

// A label's value within its quotes.
std::string escaped(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text;
}

}  // namespace

void WorkerMetrics::count_response(Route route, int status) {
  const auto code = std::find(kStatusCodes.begin(), kStatusCodes.end(), status);
  if (code == kStatusCodes.end()) return;
  responses[static_cast<std::size_t>(route)][static_cast<std::size_t>(code - kStatusCodes.begin())]
      .add();
}

void WorkerMetrics::count_rejection(std::string_view reason) {
  const auto last = kRejectionReasons.end() - 1;
  const auto found = std::find(kRejectionReasons.begin(), last, reason);
  rejections[static_cast<std::size_t>(found - kRejectionReasons.begin())].add();
}

std::string render_metrics(const Workers& workers, const ServedModel& model,
                           const ControlMetrics& control, std::string_view version) {
  Page page(workers);
  write_requests(page);
  write_connections(page);
  write_durations(page, workers);
  write_process(page);
  page.metric("iris_build_info", "gauge", "The program.");
  page.sample(fmt::format("{{version=\"{}\"}}", escaped(version)), 1);
  page.metric("iris_model_info", "gauge", "The model being served.");
  page.sample(fmt::format("{{name=\"{}\",sha256=\"{}\",features=\"{}\",classes=\"{}\"}}",
                          escaped(model.name), escaped(model.digest), model.engine.features(),
                          model.engine.classes()),
              1);
  page.metric("iris_model_loaded_timestamp_seconds", "gauge",
              "When the model being served was loaded, Unix time.");
  page.sample("", to_seconds(model.loaded_at.time_since_epoch()));
  page.metric("iris_model_load_duration_seconds", "gauge",
              "From opening its file to being ready to predict.");
  page.sample("", to_seconds(model.load_duration));
  page.metric("iris_model_reloads_total", "counter",
              "Times the model was to be loaded again, by what came of it.");
  for (std::size_t i = 0; i < kReloadResultNames.size(); ++i) {
    page.sample(fmt::format("{{result=\"{}\"}}", kReloadResultNames[i]),
                control.reloads[i].value());
  }
  page.metric("iris_admin_refused_total", "counter",
              "Requests of the admin port refused, by reason.");
  for (std::size_t i = 0; i < kAccessReasons.size(); ++i) {
    page.sample(fmt::format("{{reason=\"{}\"}}", kAccessReasons[i]),
                control.admin_refused[i].value());
  }
  page.metric("iris_access_log_dropped_total", "counter",
              "Lines of the access log that its file did not take in time.");
  page.sample("", control.access_log_dropped);
  page.metric(
      "iris_access_log_write_failures_total", "counter",
      "Writes of the access log that failed, e.g. to a full disk; its lines are tried again.");
  page.sample("", control.access_log_failures);
  page.metric("iris_log_lines_dropped_total", "counter",
              "Lines of the log that nothing read in time.");
  page.sample("", control.log_lines_dropped);
  return page.take();
}

}  // namespace iris::serve
