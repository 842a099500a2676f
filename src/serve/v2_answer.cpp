#include "serve/v2_answer.hpp"

#include <span>
#include <utility>

#include "serve/json_text.hpp"

namespace iris::serve {
namespace {

using http::append;

class Writer {
 public:
  Writer(const ServedModel& model, const V2Request& request, const Predictions& predictions)
      : model_(model), request_(request), predictions_(predictions) {}

  void write_json(http::Buffer& out) const {
    append(out, model_.v2.answer_start);
    if (request_.id) {
      append(out, ",\"id\":");
      append_json_string(out, *request_.id);
    }
    append(out, ",\"outputs\":[");
    bool first = true;
    for (const auto& output : request_.outputs()) {
      if (!std::exchange(first, false)) out.push_back(',');
      write_tensor(output, out);
    }
    append(out, "]}");
  }

  void write_binary(http::Buffer& out) const {
    for (const auto& output : request_.outputs()) {
      if (!output.binary) continue;
      if (output.output == V2Output::kLabel) {
        for (const auto label : predictions_.labels()) append(out, model_.v2.label_bytes[label]);
      } else {
        const auto bytes = std::as_bytes(predictions_.probabilities());
        append(out, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
      }
    }
  }

 private:
  void write_tensor(const V2Request::Output& output, http::Buffer& out) const {
    const bool labels = output.output == V2Output::kLabel;
    append(out, labels ? model_.v2.label_start : model_.v2.probabilities_start);
    append_number(out, request_.rows);
    if (!labels) {
      out.push_back(',');
      append_number(out, model_.engine.classes());
    }
    if (output.binary) {
      append(out, "],\"parameters\":{\"binary_data_size\":");
      append_number(out, labels ? label_bytes() : predictions_.probabilities().size_bytes());
      append(out, "}}");
      return;
    }
    append(out, "],\"data\":[");
    if (labels) {
      append_labels(out, model_, predictions_);
    } else {
      bool first = true;
      for (const float probability : predictions_.probabilities()) {
        if (!std::exchange(first, false)) out.push_back(',');
        append_number(out, probability);
      }
    }
    append(out, "]}");
  }

  std::size_t label_bytes() const {
    std::size_t bytes = 0;
    for (const auto label : predictions_.labels()) bytes += model_.v2.label_bytes[label].size();
    return bytes;
  }

  const ServedModel& model_;
  const V2Request& request_;
  const Predictions& predictions_;
};

}  // namespace

void write_v2_answer(const ServedModel& model, const V2Request& request,
                     const Predictions& predictions, http::Response& response) {
  const Writer writer(model, request, predictions);
  if (!request.wants_binary()) {
    response.begin(200);
    return writer.write_json(response.body());
  }
  response.begin_tensors();
  writer.write_json(response.body());
  response.end_json();
  writer.write_binary(response.body());
}

}  // namespace iris::serve
