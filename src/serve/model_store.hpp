// The model being served: read by every thread, replaced whole by one.
//
//   ModelStore store(model);
//   ModelStore::View view(store);         // one for each thread
//   view.get().engine.predict(…);         // the newest, for as long as one request
//   store.replace(std::move(newer));      // any thread
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "serve/served_model.hpp"

namespace iris::serve {

class ModelStore {
 public:
  explicit ModelStore(std::shared_ptr<const ServedModel> model) : model_(std::move(model)) {}

  std::shared_ptr<const ServedModel> current() const {
    const std::lock_guard lock(mutex_);
    return model_;
  }

  // Requests under way end with the model that they began with.
  void replace(std::shared_ptr<const ServedModel> model) {
    const std::lock_guard lock(mutex_);
    model_.swap(model);
    version_.fetch_add(1, std::memory_order_release);
  }

  // One thread's hold on the model. Costs a load where nothing has changed.
  class View {
   public:
    explicit View(const ModelStore& store) : store_(store), version_(store.version()) {
      model_ = store.current();
    }

    const ServedModel& get() {
      if (const auto version = store_.version(); version != version_) {
        version_ = version;
        model_ = store_.current();
      }
      return *model_;
    }

   private:
    const ModelStore& store_;
    std::uint64_t version_;
    std::shared_ptr<const ServedModel> model_;
  };

 private:
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

  mutable std::mutex mutex_;
  std::shared_ptr<const ServedModel> model_;
  std::atomic<std::uint64_t> version_{0};
};

}  // namespace iris::serve
