#include "server/insight/lock_recorder.hpp"

#include <utility>

namespace holdfast::server {
namespace {

// 2 MiB per thread: about 26,000 requests with short keys.
constexpr std::size_t ring_words = insight_is_built ? std::size_t(1) << 18 : 1024;

}  // namespace

lock_recorder::lock_recorder(unsigned index, unsigned threads, clock::time_point started_at)
    : threads_(threads), started_at_(started_at), last_id_(std::uint64_t(index) + 1 - threads), ring_(ring_words) {}

void lock_recorder::append_present(present_requests& found, present_limits const& limits) const {
  std::size_t waiters = 0, bytes = 0;
  std::scoped_lock const guard(mutex_);
  for (auto const& one : present_) {
    if (one.event.granted_ns == lock_event::never) {
      bytes += sizeof(event_ring::entry) + one.key.size();
      if (++waiters > limits.entries_max || bytes > limits.bytes_max) {
        found.unlisted.push_back({one.event.id, one.event.asked_ns});
        continue;
      }
    }
    found.listed.push_back({one.event, std::string(one.key)});
  }
}

bool lock_recorder::is_anyone_present() const {
  std::scoped_lock const guard(mutex_);
  return !present_.empty();
}

lock_visit::lock_visit(lock_asker const& asker, std::string_view its_key, clock::time_point asked_at)
    : recorder_(asker.is_watched() ? asker.recorder : nullptr) {
  key = its_key;
  if (recorder_ == nullptr) return;
  event.operation = asker.operation;
  event.source = asker.source;
  event.id = recorder_->next_id();
  event.asked_ns = recorder_->ns_of(asked_at);
}

lock_visit::~lock_visit() {
  // Has an effect only if the coroutine is destroyed while it waits or holds.
  go();
}

void lock_visit::tell(lock_event::kind what) {
  event.what = what;
  recorder_->ring_.append(event, key);
}

void lock_visit::come() {
  if (is_present_) return;
  recorder_->present_.push_back(*this);
  is_present_ = true;
}

void lock_visit::go() {
  if (!is_present_) return;
  if (waits_) recorder_->counters_.waiting.subtract();
  if (holds_) recorder_->counters_.holding.subtract();
  waits_ = holds_ = is_present_ = false;
  std::scoped_lock const guard(recorder_->mutex_);
  recorder_->present_.erase(recorder_->present_.iterator_to(*this));
}

void lock_visit::waits() {
  if (recorder_ == nullptr) return;
  waits_ = true;
  recorder_->counters_.waiting.add();
  std::scoped_lock const guard(recorder_->mutex_);
  tell(lock_event::kind::asked);
  come();
}

void lock_visit::concerns(std::string_view what) noexcept {
  if (recorder_ == nullptr) return;
  std::scoped_lock const guard(recorder_->mutex_);
  key = what;
}

void lock_visit::granted(clock::time_point at, std::chrono::nanoseconds hold) {
  if (recorder_ == nullptr) return;
  if (hold.count() == 0) go();
  if (std::exchange(waits_, false)) recorder_->counters_.waiting.subtract();
  if (hold.count() > 0) {
    holds_ = true;
    recorder_->counters_.holding.add();
  }
  std::scoped_lock const guard(recorder_->mutex_);
  event.granted_ns = recorder_->ns_of(at);
  if (event.position == 0) event.asked_ns = event.granted_ns;  // the lock was free: no wait
  event.hold_ns = hold.count();
  if (hold.count() == 0) return;
  tell(lock_event::kind::granted);
  come();
}

void lock_visit::end(clock::time_point at, lock_outcome outcome) {
  go();
  event.ended_ns = recorder_->ns_of(at);
  event.outcome = outcome;
  tell(lock_event::kind::done);
}

void lock_visit::released(clock::time_point at, lock_outcome outcome) {
  if (recorder_ == nullptr) return;
  end(at, outcome);
  auto& counters = recorder_->counters_;
  counters.count(event);
  if (outcome != lock_outcome::released) counters.cut_short.add();
}

void lock_visit::was_run(clock::time_point granted_at, clock::time_point released_at) noexcept {
  auto* const here = lock_recorder::of_this_thread;
  if (recorder_ == nullptr || here == nullptr) return;
  // The event does not change while its request waits.
  lock_event done = event;
  done.what = lock_event::kind::done;
  done.outcome = lock_outcome::released;
  done.granted_ns = here->ns_of(granted_at);
  if (done.position == 0) done.asked_ns = done.granted_ns;
  done.ended_ns = here->ns_of(released_at);
  here->ring_.append(done, key);
  here->counters_.count(done);
  is_told_ = true;
}

void lock_visit::has_run(clock::time_point granted_at, clock::time_point released_at) {
  if (recorder_ == nullptr) return;
  go();
  if (is_told_) return;
  granted(granted_at, {});
  released(released_at);
}

void lock_visit::left(clock::time_point at, lock_outcome outcome) {
  if (recorder_ == nullptr) return;
  end(at, outcome);
  auto& counters = recorder_->counters_;
  switch (outcome) {
    case lock_outcome::timed_out:
      return counters.timed_out.add();
    case lock_outcome::hung_up:
      return counters.hung_up.add();
    case lock_outcome::refused:
      return counters.refused.add();
    case lock_outcome::released:
    case lock_outcome::cancelled:
      return counters.cancelled.add();
  }
}

}  // namespace holdfast::server
