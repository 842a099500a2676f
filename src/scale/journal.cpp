#include "scale/journal.hpp"

#include <cmath>

namespace iris::scale {

void Journal::begin(SteadyTime origin) {
  if (begun_) return;
  begun_ = true;
  origin_ = origin;
  for (auto& record : std::exchange(waiting_, {})) {
    append(record.type, record.at, std::move(record.fields));
  }
}

void Journal::append(const char* type, SteadyTime at, Record fields) {
  if (!begun_) {
    waiting_.push_back({type, at, std::move(fields)});
    return;
  }
  const double t = std::round(to_seconds(at - origin_) * 1e3) / 1e3;
  Record record = {{"scenario", scenario_}, {"t", t}};
  record.update(fields);
  file_.append(type, record);
}

}  // namespace iris::scale
