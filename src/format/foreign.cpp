#include "format/foreign.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace iris::format {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view kConvertSklearn =
    "Loading it would run whatever code it holds, so iris does not. Convert it in Python, if you "
    "trust it (pip install skl2onnx):\n"
    "  import joblib, skl2onnx; model = joblib.load('model.pkl')  # or pickle.load\n"
    "  open('model.onnx', 'wb').write(skl2onnx.to_onnx(model, X[:1].astype('float32'))"
    ".SerializeToString())\n"
    "or train it again from the data: iris train";
constexpr std::string_view kConvertKeras =
    "Convert it in Python: model.export('model.onnx', "
    "format='onnx')";
constexpr std::string_view kConvertTorch =
    "Convert it in Python: torch.onnx.export(model, rows, "
    "'model.onnx')";
constexpr std::string_view kConvertTrees =
    "Convert it in Python with onnxmltools, or train a "
    "linear model from the data: iris train";
constexpr std::string_view kTrainAgain = "Train a model from the data: iris train";

// The head of a file and what such a file is.
struct Magic {
  std::string_view head;
  const char* what;
  std::string_view advice;
};

constexpr std::array kMagics = {
    Magic{"\x1f\x8b"sv, "compressed (gzip), most likely a Python pickle", kConvertSklearn},
    Magic{"\x78\x01"sv, "compressed (zlib), most likely a pickle by joblib", kConvertSklearn},
    Magic{"\x78\x5e"sv, "compressed (zlib), most likely a pickle by joblib", kConvertSklearn},
    Magic{"\x78\x9c"sv, "compressed (zlib), most likely a pickle by joblib", kConvertSklearn},
    Magic{"\x78\xda"sv, "compressed (zlib), most likely a pickle by joblib", kConvertSklearn},
    Magic{"BZh"sv, "compressed (bzip2), most likely a Python pickle", kConvertSklearn},
    Magic{"\xfd"
          "7zXZ\0"sv,
          "compressed (xz), most likely a Python pickle", kConvertSklearn},
    Magic{"\x28\xb5\x2f\xfd"sv, "compressed (zstd), most likely a Python pickle", kConvertSklearn},
    Magic{"\x04\x22\x4d\x18"sv, "compressed (lz4), most likely a pickle by joblib",
          kConvertSklearn},
    Magic{"\x89HDF\r\n"sv, "HDF5, most likely a Keras model", kConvertKeras},
    Magic{"\x93NUMPY"sv, "a NumPy array, not a model", kTrainAgain},
    Magic{"tree\nversion="sv, "a LightGBM model", kConvertTrees},
    Magic{"version https://git-lfs"sv, "a pointer of Git LFS, not the model", "Run: git lfs pull"},
    Magic{"outs:"sv, "a pointer of DVC, not the model", "Run: iris pull, and name the model"},
    Magic{"schema:"sv, "a lock file of DVC, not the model", "Run: iris pull, and name the model"},
    Magic{"<?xml"sv, "XML, perhaps PMML", kTrainAgain},
    Magic{"<"sv, "a web page or XML", "Was the download refused? Fetch it again"},
};

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c == '_' || c == '.' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z');
  });
}

// Protocols 0 and 1 have no header: they begin with GLOBAL ("cmodule\nname\n") for an object, or
// with an empty or marked list or dictionary and its memo.
bool is_old_pickle(std::string_view bytes) {
  for (const auto head : {"(dp"sv, "(lp"sv, "}q\0"sv, "]q\0"sv, "(dq"sv, "(lq"sv}) {
    if (bytes.starts_with(head)) return true;
  }
  if (!bytes.starts_with('c')) return false;
  const auto module_end = bytes.find('\n');
  if (module_end == std::string_view::npos) return false;
  const auto name_end = bytes.find('\n', module_end + 1);
  return name_end != std::string_view::npos && is_name(bytes.substr(1, module_end - 1)) &&
         is_name(bytes.substr(module_end + 1, name_end - module_end - 1));
}

std::optional<std::string> recognise_pickle(std::string_view bytes) {
  if (bytes.size() >= 2 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5) {
    return fmt::format("a Python pickle (protocol {}). {}", int{bytes[1]}, kConvertSklearn);
  }
  if (is_old_pickle(bytes)) {
    return fmt::format("a Python pickle (protocol 0 or 1). {}", kConvertSklearn);
  }
  return std::nullopt;
}

// The names of a zip's entries stand readable in its local headers.
std::optional<std::string> recognise_zip(std::string_view bytes) {
  if (!bytes.starts_with("PK\x03\x04")) return std::nullopt;
  const auto holds = [&](std::string_view name) {
    return bytes.find(name) != std::string_view::npos;
  };
  if (holds("data.pkl")) return fmt::format("a zip by PyTorch. {}", kConvertTorch);
  if (holds("model.weights.h5")) return fmt::format("a zip by Keras. {}", kConvertKeras);
  if (holds(".npy")) return fmt::format("a zip of NumPy arrays. {}", kTrainAgain);
  return std::string("a zip. Unpack it and name the .onnx file in it");
}

}  // namespace

std::optional<std::string> recognise_foreign(std::string_view bytes) {
  if (bytes.empty()) return std::string("empty. Was the write or the download cut off?");
  if (auto pickle = recognise_pickle(bytes)) return pickle;
  if (auto zip = recognise_zip(bytes)) return zip;
  for (const auto& magic : kMagics) {
    if (bytes.starts_with(magic.head)) return fmt::format("{}. {}", magic.what, magic.advice);
  }
  if (bytes.size() >= 8 && bytes.substr(4, 4) == "TFL3") {
    return std::string("a TensorFlow Lite model. Convert it in Python with tf2onnx");
  }
  return std::nullopt;
}

std::optional<std::string> recognise_text(std::string_view bytes) {
  const auto head = bytes.substr(0, 4096);
  const bool printable = std::all_of(head.begin(), head.end(), [](unsigned char c) {
    return c >= 0x20 || c == '\n' || c == '\r' || c == '\t';
  });
  if (!printable || head.empty()) return std::nullopt;
  const auto first = head.find_first_not_of(" \t\r\n\xef\xbb\xbf");
  if (first == std::string_view::npos || (head[first] != '{' && head[first] != '[')) {
    return fmt::format("text. {}", kTrainAgain);
  }
  if (head.find("\"learner\"") != std::string_view::npos) {
    return fmt::format("JSON, an XGBoost model. {}", kConvertTrees);
  }
  return fmt::format("JSON. {}", kTrainAgain);
}

}  // namespace iris::format
