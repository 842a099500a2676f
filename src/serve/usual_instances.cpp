#include "serve/usual_instances.hpp"

#include "base/limits.hpp"
#include "serve/json_scanner.hpp"

namespace iris::serve {
namespace {

bool take_row(JsonScanner& scanner, std::size_t features, Instances& instances) {
  if (!scanner.take('[')) return false;
  for (std::size_t feature = 0; feature < features; ++feature) {
    double number = 0;
    if (feature > 0 && !scanner.take(',')) return false;
    if (!scanner.take_number(number)) return false;
    instances.values.push_back(static_cast<float>(number));
  }
  return scanner.take(']');
}

}  // namespace

bool read_usual_instances(std::string_view body, std::size_t features, Instances& instances) {
  instances.values.clear();
  instances.rows = 0;
  instances.probabilities = false;
  JsonScanner scanner(body);
  if (!scanner.take('{') || !scanner.take("\"instances\"") || !scanner.take(':') ||
      !scanner.take('[')) {
    return false;
  }
  do {
    if (instances.rows == limits::kRowsPerRequest) return false;
    if (!take_row(scanner, features, instances)) return false;
    ++instances.rows;
  } while (scanner.take(','));
  return scanner.take(']') && scanner.take('}') && scanner.at_end();
}

}  // namespace iris::serve
