#include "serve/served_model.hpp"

#include <algorithm>
#include <filesystem>

#include "base/digest.hpp"
#include "base/utf8.hpp"
#include "format/onnx.hpp"
#include "serve/json_text.hpp"

namespace iris::serve {

namespace {

constexpr std::size_t kExamples = 12;

Result<ServedModel> compile(const model::Model& model, const std::string& name,
                            const std::string& digest) {
  auto engine = engine::Engine::compile(model);
  if (!engine) return tl::unexpected(engine.error());
  if (auto golden = engine::verify_golden_rows(*engine, model); !golden) {
    return tl::unexpected(golden.error());
  }
  ServedModel served{.engine = std::move(*engine),
                     .signature = model.signature,
                     .label_json = {},
                     .classes_json = "[",
                     .name = name,
                     .digest = digest,
                     .stamp = {},
                     .v2 = make_v2_texts(model.signature, name, digest),
                     .examples = {}};
  const auto examples = std::min(model.golden_rows.size(), kExamples);
  served.examples.assign(model.golden_rows.begin(),
                         model.golden_rows.begin() + static_cast<std::ptrdiff_t>(examples));
  for (const auto& label : model.signature.class_labels) {
    http::Buffer text;
    append_json_string(text, label);
    served.label_json.emplace_back(text.data(), text.size());
    if (served.classes_json.size() > 1) served.classes_json += ',';
    served.classes_json += served.label_json.back();
  }
  served.classes_json += ']';
  return served;
}

}  // namespace

Result<std::shared_ptr<const ServedModel>> make_served_model(const model::Model& model,
                                                             const std::string& name,
                                                             const std::string& digest) {
  auto served = compile(model, name, digest);
  if (!served) return tl::unexpected(served.error());
  return std::make_shared<const ServedModel>(std::move(*served));
}

Result<ModelFile> read_model_file(const std::string& path, const Clock& clock) {
  const SteadyTime opened_at = clock.steady();
  const FileStamp stamp = file_stamp(path);
  auto bytes = format::read_model_file(path);
  if (!bytes) return tl::unexpected(bytes.error());
  auto digest = sha256_hex(*bytes);
  return ModelFile{path, std::move(*bytes), std::move(digest), stamp, opened_at};
}

Result<std::shared_ptr<const ServedModel>> load_served_model(const ModelFile& file,
                                                             const Clock& clock) {
  const auto model = format::read_onnx(file.bytes, file.path);
  if (!model) return tl::unexpected(model.error());
  const auto name = std::filesystem::path(file.path).stem().string();
  if (!is_utf8(name)) {
    return input_error("{}: expected a name in UTF-8: the model is served under it", file.path);
  }
  auto served = compile(*model, name, file.digest);
  if (!served) return input_error("{}: {}", file.path, served.error().message);
  served->stamp = file.stamp;
  served->loaded_at = clock.wall();
  served->load_duration = clock.steady() - file.opened_at;
  return std::make_shared<const ServedModel>(std::move(*served));
}

}  // namespace iris::serve
