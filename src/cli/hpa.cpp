// iris hpa: what would the HorizontalPodAutoscaler decide, and why? JSON documents in, a line each
// out.
#include <cstdio>
#include <memory>
#include <string>

#include "base/limits.hpp"
#include "cli/commands.hpp"
#include "scale/hpa/questions.hpp"

namespace iris::cli {
namespace {

struct Line {
  std::string text;
  bool too_long = false;  // `text` is what fitted
};

// The next line without its end; false at the end of the input.
bool read_line(std::FILE* input, Line& line) {
  line.text.clear();
  line.too_long = false;
  int character = 0;
  while ((character = ::getc_unlocked(input)) != EOF) {
    if (character == '\n') return true;
    if (line.text.size() < limits::kConfigBytes) {
      line.text.push_back(static_cast<char>(character));
    } else {
      line.too_long = true;
    }
  }
  return !line.text.empty();
}

Result<ExitCode> answer_questions(const scale::hpa::AnswerOptions& options) {
  bool written = true;
  scale::hpa::Questions questions(options, [&](const std::string& answer) {
    // Flushed line by line: whoever asks may wait for the answer before asking again.
    std::fputs(answer.c_str(), stdout);
    std::fputc('\n', stdout);
    written = std::fflush(stdout) == 0 && written;
  });
  Line line;
  while (written && read_line(stdin, line)) {
    if (line.too_long) {
      questions.take_long_line();
    } else {
      questions.take_line(line.text);
    }
  }
  questions.finish();
  if (!written) return input_error("cannot write to standard output");
  return ExitCode::kDone;
}

// Process substitution rather than arguments: what kubectl prints may outgrow a command line. At
// zero replicas the API leaves currentReplicas out.
constexpr const char* kExample = R"(jq -nc --slurpfile hpa <(kubectl get hpa iris-api-hpa -o json) \
    --slurpfile pods <(kubectl get pods -l app=iris-api -o json) \
    --slurpfile metrics <(kubectl get --raw \
        /apis/metrics.k8s.io/v1beta1/namespaces/default/pods?labelSelector=app=iris-api) \
    '{hpa: $hpa[0], pods: $pods[0], metrics: $metrics[0], now: (now | todate),
      currentReplicas: ($hpa[0].status.currentReplicas // 0)}' | iris hpa

JSON documents on standard input, on one line each or over several; one JSON object a line on
standard output for each. A question holds "hpa", "pods" and "metrics" (as kubectl prints them),
"now" (RFC 3339) and "currentReplicas" (spec.replicas of the Deployment says it as well);
"controller" and "history" are optional. What cannot be read, or what the API server would refuse, is
answered by {"error": "…"}.)";

}  // namespace

Command hpa_command() {
  return {"hpa", "Explain what the HorizontalPodAutoscaler would decide, and why", kExample,
          [](CLI::App& app) -> Action {
            auto options = std::make_shared<scale::hpa::AnswerOptions>();
            app.add_flag("--history", options->history,
                         "Add the controller's memory to each answer, to be given to the next "
                         "question as \"history\"");
            return [options](Context&) { return answer_questions(*options); };
          }};
}

}  // namespace iris::cli
