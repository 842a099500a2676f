#include "serve/predict_route.hpp"

#include <charconv>

namespace iris::serve {
namespace {

using http::append;

// An answer to many rows that needed more room than this gives it back.
constexpr std::size_t kKeptRows = 16'384;

void append_number(http::Buffer& out, float number) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, number).ptr;
  out.append(text, end);
}

}  // namespace

Refusal PredictRoute::answer(const http::Request& request, const ServedModel& model,
                             http::Response& response) {
  if (request.method != http::Method::kPost) {
    return write_wrong_method(response, "/predict", "POST");
  }
  if (request.media_type != http::MediaType::kJson &&
      request.media_type != http::MediaType::kNone) {
    write_error(response, 415,
                fmt::format("Content-Type: expected application/json, got {}",
                            printable(request.media_text)));
    return "media_type";
  }
  if (!parser_.parse(request.body, instances_)) {
    write_error(response, 400, parser_.rejection().message);
    return parser_.rejection().reason;
  }
  predict(model);
  metrics_.rows.add(instances_.rows);
  response.begin(200);
  write_predictions(model, response.body());
  if (instances_.rows > kKeptRows) {
    instances_ = {};
    labels_ = {};
    probabilities_ = {};
  }
  return {};
}

void PredictRoute::predict(const ServedModel& model) {
  labels_.resize(instances_.rows);
  if (instances_.probabilities) {
    probabilities_.resize(instances_.rows * model.engine.classes());
    model.engine.predict(instances_.values, probabilities_, labels_);
  } else {
    model.engine.predict(instances_.values, labels_);
  }
}

void PredictRoute::write_predictions(const ServedModel& model, http::Buffer& out) const {
  append(out, "{\"predictions\":[");
  for (std::size_t row = 0; row < instances_.rows; ++row) {
    if (row > 0) out.push_back(',');
    append(out, model.label_json[labels_[row]]);
  }
  out.push_back(']');
  if (instances_.probabilities) {
    const std::size_t classes = model.engine.classes();
    append(out, ",\"probabilities\":[");
    for (std::size_t i = 0; i < probabilities_.size(); ++i) {
      append(out, i % classes > 0 ? "," : i > 0 ? "],[" : "[");
      append_number(out, probabilities_[i]);
    }
    append(out, "]],\"classes\":");
    append(out, model.classes_json);
  }
  out.push_back('}');
}

}  // namespace iris::serve
