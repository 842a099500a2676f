#include "serve/served_model.hpp"

#include <filesystem>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "base/limits.hpp"
#include "format/onnx.hpp"
#include "serve/json_text.hpp"

namespace iris::serve {

Result<std::shared_ptr<const ServedModel>> make_served_model(const model::Model& model,
                                                             const std::string& name,
                                                             const std::string& digest) {
  auto engine = engine::Engine::compile(model);
  if (!engine) return tl::unexpected(engine.error());
  if (auto golden = engine::verify_golden_rows(*engine, model); !golden) {
    return tl::unexpected(golden.error());
  }
  ServedModel served{std::move(*engine), model.signature, {}, {}, name, digest};
  served.classes_json = "[";
  for (const auto& label : model.signature.class_labels) {
    http::Buffer text;
    append_json_string(text, label);
    served.label_json.emplace_back(text.data(), text.size());
    if (served.classes_json.size() > 1) served.classes_json += ',';
    served.classes_json += served.label_json.back();
  }
  served.classes_json += ']';
  return std::make_shared<const ServedModel>(std::move(served));
}

Result<std::shared_ptr<const ServedModel>> load_served_model(const std::string& path) {
  auto model = format::load_model(path);
  if (!model) return tl::unexpected(model.error());
  const auto bytes = read_file(path, limits::kModelBytes);
  if (!bytes) return tl::unexpected(bytes.error());
  auto served =
      make_served_model(*model, std::filesystem::path(path).stem().string(), sha256_hex(*bytes));
  if (!served) return input_error("{}: {}", path, served.error().message);
  return served;
}

}  // namespace iris::serve
