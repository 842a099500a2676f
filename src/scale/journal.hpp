// The records of one scenario. Their time counts from the moment that the load begins, which is not
// known at first: until then records wait here.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "scale/records.hpp"

namespace iris::scale {

class Journal {
 public:
  Journal(RecordFile& file, std::string scenario, const Clock& clock)
      : file_(file), scenario_(std::move(scenario)), clock_(clock), origin_(clock.steady()) {}
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  // Without a load, time counts from the scenario's end.
  ~Journal() { begin(clock_.steady()); }

  // The load begins.
  void begin(SteadyTime origin);
  // Seconds since the load began; 0 before.
  double now_t() const { return begun_ ? to_seconds(clock_.steady() - origin_) : 0; }
  SteadyTime origin() const { return origin_; }

  // With `scenario` and `t`, the present unless given.
  void append(const char* type, Record fields) { append(type, clock_.steady(), std::move(fields)); }
  void append(const char* type, SteadyTime at, Record fields);

 private:
  struct Waiting {
    const char* type;
    SteadyTime at;
    Record fields;
  };

  RecordFile& file_;
  std::string scenario_;
  const Clock& clock_;
  SteadyTime origin_;
  bool begun_ = false;
  std::vector<Waiting> waiting_;
};

}  // namespace iris::scale
