// Binary tensors of V2 against a reader that takes every number apart byte by byte: what is right
// is accepted with these numbers, and nothing else is accepted.
//
// The first bytes of the input say what the JSON tells of the tensors, rightly or not; the rest are
// their bytes.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "http/request.hpp"
#include "serve/v2_request.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

struct Type {
  const char* name;
  unsigned bytes;  // 0: no type for features
  char kind;       // of a number: f, i or u
};
constexpr std::array<Type, 14> kTypes = {{{"FP16", 2, 'f'},
                                          {"FP32", 4, 'f'},
                                          {"FP64", 8, 'f'},
                                          {"INT8", 1, 'i'},
                                          {"INT16", 2, 'i'},
                                          {"INT32", 4, 'i'},
                                          {"INT64", 8, 'i'},
                                          {"UINT8", 1, 'u'},
                                          {"UINT16", 2, 'u'},
                                          {"UINT32", 4, 'u'},
                                          {"UINT64", 8, 'u'},
                                          {"BOOL", 0, 'u'},
                                          {"BYTES", 0, 'u'},
                                          {"fp32", 0, 'f'}}};

struct Question {
  const Type* type;
  int form;  // 0: one tensor of rows, 1: a tensor [rows] a feature, 2: the same [rows, 1], reversed
  std::size_t rows;
  int size_error;    // of binary_data_size
  int header_error;  // of Inference-Header-Content-Length
};

double half_value(std::uint64_t bits) {
  const double sign = bits >> 15 != 0 ? -1 : 1;
  const auto exponent = static_cast<int>(bits >> 10 & 31);
  const auto fraction = static_cast<double>(bits & 1023);
  if (exponent == 31) return std::nan("");  // or an infinity: not finite is all that matters
  if (exponent == 0) return sign * fraction * std::pow(2.0, -24);
  return sign * (1 + fraction / 1024) * std::pow(2.0, exponent - 15);
}

float element(const Type& type, const std::uint8_t* bytes) {
  std::uint64_t bits = 0;
  for (unsigned i = 0; i < type.bytes; ++i) bits |= std::uint64_t{bytes[i]} << (8 * i);
  if (type.kind == 'u') return static_cast<float>(bits);
  if (type.kind == 'i') {
    const unsigned unused = 64 - 8 * type.bytes;
    return static_cast<float>(static_cast<std::int64_t>(bits << unused) >> unused);
  }
  if (type.bytes == 2) return static_cast<float>(half_value(bits));
  if (type.bytes == 4) return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
  return static_cast<float>(std::bit_cast<double>(bits));
}

std::string json_of(const Question& question) {
  const auto tensor = [&](const char* name, const std::string& shape, std::size_t elements) {
    const auto size = static_cast<std::int64_t>(elements * question.type->bytes);
    return fmt::format(
        R"({{"name":"{}","shape":[{}{}],"datatype":"{}","parameters":{{"binary_data_size":{}}}}})",
        name, question.rows, shape, question.type->name, size + question.size_error);
  };
  if (question.form == 0) {
    return fmt::format(R"({{"inputs":[{}]}})", tensor("input", ",2", 2 * question.rows));
  }
  const bool reversed = question.form == 2;
  const char* shape = reversed ? ",1" : "";
  return fmt::format(R"({{"inputs":[{},{}]}})",
                     tensor(reversed ? "height" : "width", shape, question.rows),
                     tensor(reversed ? "width" : "height", shape, question.rows));
}

// The rows, or nothing when the request is to be refused.
std::vector<float> expected(const Question& question, const std::uint8_t* data, std::size_t size) {
  const auto& [type, form, rows, size_error, header_error] = question;
  if (type->bytes == 0 || rows == 0 || size_error != 0 || header_error != 0) return {};
  if (size != 2 * rows * type->bytes) return {};
  std::vector<float> values(2 * rows);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float value = element(*type, data + i * type->bytes);
    if (!std::isfinite(value)) return {};
    const std::size_t first = form == 2 ? 1 : 0;  // the feature that comes first
    const std::size_t row = form == 0 ? i / 2 : i % rows;
    const std::size_t feature = form == 0 ? i % 2 : i < rows ? first : 1 - first;
    values[2 * row + feature] = value;
  }
  return values;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const iris::model::Signature signature{{"width", "height"}, {"a", "b"}};
  static iris::serve::V2RequestParser parser(signature);
  static iris::serve::V2Request request;
  constexpr std::size_t kQuestionBytes = 5;
  if (size < kQuestionBytes || size > 4096) return 0;
  Question question{.type = &kTypes[data[0] % kTypes.size()],
                    .form = data[1] % 3,
                    .rows = data[2] % 64U,
                    .size_error = static_cast<std::int8_t>(data[3]),
                    .header_error = static_cast<std::int8_t>(data[4])};
  data += kQuestionBytes;
  size -= kQuestionBytes;

  std::string body = json_of(question);
  const auto header = static_cast<std::int64_t>(body.size()) + question.header_error;
  if (header < 0) return 0;
  body.append(reinterpret_cast<const char*>(data), size);
  const std::size_t body_bytes = body.size();
  body.append(iris::http::kBodyPadding, '\0');
  // White space may stand behind the JSON: then a longer header is right, and the tensors are
  // shorter.
  const auto longer = static_cast<std::size_t>(std::max(question.header_error, 0));
  const std::string_view behind(body.data() + body_bytes - size, std::min(longer, size));
  if (longer <= size && behind.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    question.header_error -= static_cast<int>(longer);
    data += longer;
    size -= longer;
  }

  const auto values = expected(question, data, size);
  // The second time the parser knows the JSON.
  for (int time = 0; time < 2; ++time) {
    const bool accepted = parser.parse(std::string_view(body.data(), body_bytes),
                                       static_cast<std::size_t>(header), request);
    require(accepted == !values.empty());
    if (accepted) require(request.values == values && request.rows == question.rows);
    if (!accepted) require(!parser.rejection().message.empty());
  }
  return 0;
}
