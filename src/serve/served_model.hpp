// A model that was checked and compiled, and what its answers repeat of it. Immutable, shared by
// all threads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/result.hpp"
#include "engine/engine.hpp"
#include "model/model.hpp"
#include "serve/v2_texts.hpp"

namespace iris::serve {

struct ServedModel {
  engine::Engine engine;
  model::Signature signature;
  std::vector<std::string> label_json;  // each class's label as JSON text
  std::string classes_json;             // all of them as a JSON array
  std::string name;                     // the file's name without its extension
  std::string digest;                   // SHA-256 of the file, or empty
  FileStamp stamp{};                    // of the file before it was read
  WallTime loaded_at{};
  Nanoseconds load_duration{};  // from opening the file to being ready to predict
  V2Texts v2;
  std::vector<model::GoldenRow> examples;  // some of the model's golden rows
};

// Compiles the model and has it answer its golden rows. `name` and `digest` are only told on.
Result<std::shared_ptr<const ServedModel>> make_served_model(const model::Model& model,
                                                             const std::string& name,
                                                             const std::string& digest);

// A file as it was read once, so that what is served is what the digest is of.
struct ModelFile {
  std::string path;
  std::string bytes;
  std::string digest;
  FileStamp stamp{};  // before it was read
  SteadyTime opened_at{};
};
Result<ModelFile> read_model_file(const std::string& path, const Clock& clock);

// The same from a file.
Result<std::shared_ptr<const ServedModel>> load_served_model(const ModelFile& file,
                                                             const Clock& clock);

}  // namespace iris::serve
