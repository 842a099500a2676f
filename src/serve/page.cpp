#include "serve/page.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "base/digest.hpp"
#include "serve/assets.hpp"

namespace iris::serve {
namespace {

// Single-precision numbers, so that 0.2f is written as 0.2.
using FloatJson = nlohmann::basic_json<nlohmann::ordered_map, std::vector, std::string, bool,
                                       std::int64_t, std::uint64_t, float>;

// What the script needs to know of the model.
std::string model_json(const ServedModel& model, std::string_view version) {
  const auto& signature = model.signature;
  FloatJson json = {{"name", model.name},
                    {"version", model.v2.version},
                    {"digest", model.digest},
                    {"program", version},
                    {"features", signature.feature_names},
                    {"classes", signature.class_labels},
                    {"input", signature.input_name},
                    {"outputs", {signature.label_name, signature.probabilities_name}},
                    {"examples", FloatJson::array()}};
  for (const auto& example : model.examples) {
    json["examples"].push_back({{"label", example.label}, {"row", example.row}});
  }
  return json.dump(-1, ' ', false, FloatJson::error_handler_t::replace);
}

// A script element ends at the first "</script", whatever stands around it; "\u003c" is the same
// character to JSON.
std::string for_script_element(std::string json) {
  for (auto at = json.find('<'); at != std::string::npos; at = json.find('<', at)) {
    json.replace(at, 1, "\\u003c");
  }
  return json;
}

// The page's text before the marker; goes on behind it.
std::string_view take_until(std::string_view& text, std::string_view marker) {
  const auto at = text.find(marker);
  const auto before = text.substr(0, at);
  text.remove_prefix(at + marker.size());
  return before;
}

}  // namespace

void write_page(const ServedModel& model, std::string_view version, http::Response& response) {
  const auto policy = fmt::format(
      "Content-Security-Policy: default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; "
      "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
      "frame-ancestors 'none'\r\n"
      "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
      "Cache-Control: no-cache\r\n",
      sha256_base64(assets::page_js), sha256_base64(assets::page_css));
  response.begin(200, "text/html; charset=utf-8", policy);
  auto& out = response.body();
  std::string_view html = assets::page_html;
  http::append(out, take_until(html, "{{style}}"));
  http::append(out, assets::page_css);
  http::append(out, take_until(html, "{{model}}"));
  http::append(out, for_script_element(model_json(model, version)));
  http::append(out, take_until(html, "{{script}}"));
  http::append(out, assets::page_js);
  http::append(out, html);
}

}  // namespace iris::serve
