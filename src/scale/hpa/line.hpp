// A question to the HPA and its answer as one line of JSON each: what `iris hpa` speaks.
//
// The question: {"hpa": HorizontalPodAutoscaler, "pods": [Pod, …], "metrics": [PodMetrics, …],
// "now": RFC 3339, "currentReplicas": 3, "controller": {…}, "history": {…}}, the last two optional;
// objects as `kubectl get … -o json` prints them, lists as a bare list or as its List object.
#pragma once

#include <string>
#include <string_view>

namespace iris::scale::hpa {

struct AnswerOptions {
  bool history = false;  // the answer carries the history that the next question should give
};

// The decision, or {"error": "…"} that names the field. Never throws for input; no line end.
std::string answer_line(std::string_view question, const AnswerOptions& options);

}  // namespace iris::scale::hpa
