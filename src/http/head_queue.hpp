// The connections whose request's head has begun and not ended, the oldest first. Most heads come
// whole, so these are the first to go where memory or connections run out.
#pragma once

namespace iris::http {

// A connection's place in the queue.
class HeadPlace {
 public:
  HeadPlace() = default;
  HeadPlace(const HeadPlace&) = delete;
  HeadPlace& operator=(const HeadPlace&) = delete;

  void leave() {
    before_->after_ = after_;
    after_->before_ = before_;
    before_ = after_ = this;
  }
  bool queued() const { return after_ != this; }

 protected:
  ~HeadPlace() { leave(); }

 private:
  friend class HeadQueue;
  HeadPlace* before_ = this;
  HeadPlace* after_ = this;
};

class HeadQueue final : HeadPlace {
 public:
  bool empty() const { return !queued(); }
  HeadPlace& oldest() { return *after_; }
  // Behind the others; one that is in it keeps its place.
  void add(HeadPlace& place) {
    if (place.queued()) return;
    place.before_ = before_;
    place.after_ = this;
    before_->after_ = &place;
    before_ = &place;
  }
};

}  // namespace iris::http
