#include "serve/usual_instances.hpp"

#include "base/limits.hpp"
#include "serve/json_scanner.hpp"

namespace iris::serve {

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
    const std::size_t first = instances.values.size();
    instances.values.resize(first + features);
    if (!scanner.take_numbers(instances.values.data() + first, features, 1)) return false;
    ++instances.rows;
  } while (scanner.take(','));
  return scanner.take(']') && scanner.take('}') && scanner.at_end();
}

}  // namespace iris::serve
