// A value that many threads read and one replaces whole, while they run.
//
//   Replaceable<Model> models(first);            // first: std::shared_ptr<const Model>
//   Replaceable<Model>::View view(models);       // one for each thread
//   view.get().predict(…);                       // the newest, until the next get()
//   auto old = models.replace(std::move(newer)); // any thread
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace iris {

template <class T>
class Replaceable {
 public:
  explicit Replaceable(std::shared_ptr<const T> value) : value_(std::move(value)) {}

  std::shared_ptr<const T> current() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }

  // Returns what was there. Whoever reads it still, reads on; the last to let go of it frees it.
  std::shared_ptr<const T> replace(std::shared_ptr<const T> value) {
    const std::lock_guard lock(mutex_);
    value_.swap(value);
    version_.fetch_add(1, std::memory_order_release);
    return value;
  }

  // One thread's hold on the value. Costs a load where nothing has changed.
  class View {
   public:
    explicit View(const Replaceable& source) : source_(source), version_(source.version()) {
      value_ = source.current();
    }

    const T& get() {
      if (const auto version = source_.version(); version != version_) {
        version_ = version;
        value_ = source_.current();
      }
      return *value_;
    }

   private:
    const Replaceable& source_;
    std::uint64_t version_;
    std::shared_ptr<const T> value_;
  };

 private:
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

  mutable std::mutex mutex_;
  std::shared_ptr<const T> value_;
  std::atomic<std::uint64_t> version_{0};
};

}  // namespace iris
