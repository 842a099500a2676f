// Where the time of a prediction goes, phase by phase:
//
//   read     from the loop hearing of the request to its turn, and for its last byte to arrive
//   parse    receiving it; HTTP and the body into the feature matrix
//   predict  the model
//   write    the answer's text, and handing it to the kernel
//
// Where several requests are answered together all are received first, which belongs to their phase
// read, and all end with the last that is handed over.
//
// One clock for each thread. A phase ends where the next begins, so that a request costs three
// readings of the clock, and one more where it is not alone.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "http/counters.hpp"
#include "http/request.hpp"

namespace iris::serve {

enum class Phase { kRead, kParse, kPredict, kWrite };
inline constexpr std::array<std::string_view, 4> kPhaseNames = {"read", "parse", "predict",
                                                                "write"};

using PhaseDurations = std::array<http::DurationHistogram, kPhaseNames.size()>;

class PhaseClock {
 public:
  explicit PhaseClock(const Clock& clock) : clock_(clock) { unwritten_.reserve(kBatch); }

  void begin(const http::Request& request) {
    begun_ = {request.ready_at, request.turn_at, request.turn_at};
  }
  // The body is in the feature matrix.
  void parsed() {
    if constexpr (http::kCounted) begun_.predict = clock_.steady();
  }
  // The answer is known, and is to be counted with `durations`.
  void predicted(PhaseDurations& durations) {
    if constexpr (!http::kCounted) return;
    const SteadyTime now = clock_.steady();
    record(durations, Phase::kRead, begun_.parse - begun_.read);
    record(durations, Phase::kParse, begun_.predict - begun_.parse);
    record(durations, Phase::kPredict, now - begun_.predict);
    unwritten_.emplace_back(&durations, now);
  }
  // The answers since the last call are with the kernel, as far as it took them.
  void written(SteadyTime now) {
    for (const auto& [durations, since] : unwritten_) {
      record(*durations, Phase::kWrite, now - since);
    }
    unwritten_.clear();
  }

 private:
  static constexpr std::size_t kBatch = 1024;  // pipelined requests answered in one write

  struct Begun {
    SteadyTime read;
    SteadyTime parse;
    SteadyTime predict;
  };

  static void record(PhaseDurations& durations, Phase phase, Nanoseconds duration) {
    durations[static_cast<std::size_t>(phase)].record(duration);
  }

  const Clock& clock_;
  Begun begun_{};
  std::vector<std::pair<PhaseDurations*, SteadyTime>> unwritten_;
};

}  // namespace iris::serve
