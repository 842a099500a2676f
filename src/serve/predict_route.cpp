#include "serve/predict_route.hpp"

#include "serve/json_text.hpp"

namespace iris::serve {

namespace {

using http::append;

}  // namespace

Refusal PredictRoute::answer(const http::Request& request, const ServedModel& model,
                             PhaseClock& phases, http::Response& response) {
  if (request.method != http::Method::kPost) {
    return write_wrong_method(response, "/predict", "POST");
  }
  if (request.media_type != http::MediaType::kJson &&
      request.media_type != http::MediaType::kNone) {
    return write_wrong_media_type(response, "application/json", request.media_text);
  }
  std::string_view body;
  if (const auto refusal = decoder_.read(request, response, body); !refusal.empty()) return refusal;
  if (!parser_.parse(body, instances_)) {
    write_error(response, 400, parser_.rejection().message);
    return parser_.rejection().reason;
  }
  phases.parsed();
  predictions_.make(model, instances_.values, instances_.probabilities);
  phases.predicted(metrics_.predict_phases);
  metrics_.rows.add(instances_.rows);
  response.begin(200);
  write_predictions(model, response.body());
  if (instances_.rows > kKeptRows) {
    instances_ = {};
    predictions_ = {};
  }
  return {};
}

void PredictRoute::write_predictions(const ServedModel& model, http::Buffer& out) const {
  append(out, "{\"predictions\":[");
  append_labels(out, model, predictions_);
  out.push_back(']');
  if (instances_.probabilities) {
    const std::size_t classes = model.engine.classes();
    append(out, ",\"probabilities\":[");
    for (std::size_t i = 0; i < predictions_.probabilities().size(); ++i) {
      append(out, i % classes > 0 ? "," : i > 0 ? "],[" : "[");
      append_number(out, predictions_.probabilities()[i]);
    }
    append(out, "]],\"classes\":");
    append(out, model.classes_json);
  }
  out.push_back('}');
}

}  // namespace iris::serve
