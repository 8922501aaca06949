#pragma once

#include <boost/intrusive/set.hpp>
#include <chrono>
#include <cstdint>
#include <optional>

#include "server/loop/poll_source.hpp"
#include "server/loop/unique_descriptor.hpp"

namespace holdfast::server {

/// What a timer_queue calls when its time has come. Leaves the queue when it is destroyed.
class timer_entry : public boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>,
                                                           boost::intrusive::optimize_size<true>> {
 public:
  using clock = std::chrono::steady_clock;

  timer_entry() = default;
  timer_entry(timer_entry const&) = delete;
  timer_entry& operator=(timer_entry const&) = delete;

  virtual ~timer_entry() = default;

 private:
  friend class timer_queue;

  /// Its time has come, and it has left the queue. May enter it again, and may destroy itself or others.
  virtual void on_due(clock::time_point now) = 0;
  /// The loop is being destroyed, and it has left the queue.
  virtual void on_loop_end() noexcept = 0;

  clock::time_point due_;
};

/// What one loop waits for on the clock: a balanced tree of entries that are its nodes, so that entering never fails,
/// and a timerfd for the earliest. Nobody is called early. One thread.
///
/// The timerfd is set only when an entry comes that is earlier than what it is set for; a time-out of epoll_wait()
/// would be set up and taken down by the kernel at every sleep. When an entry leaves, the timerfd stays as it is: it
/// may ring for nobody.
class timer_queue final : private poll_source {
 public:
  using clock = timer_entry::clock;

  timer_queue();
  timer_queue(timer_queue const&) = delete;
  timer_queue& operator=(timer_queue const&) = delete;

  /// To be watched for EPOLLIN | EPOLLET: the edge alone counts, and nobody reads it.
  [[nodiscard]] int native_handle() const noexcept { return alarm_.get(); }
  [[nodiscard]] poll_source& source() noexcept { return *this; }

  [[nodiscard]] clock::time_point now() const noexcept { return test_time_ ? *test_time_ : clock::now(); }
  /// For tests: the clock shows `time` until the next call. The timerfd is not used from now on.
  void set_time(clock::time_point time) noexcept {
    test_time_ = time;
    must_look_ = true;
  }

  /// Enters `one`, or moves it. Entries that are due already are called in the order in which they came, so that one
  /// that comes again and again doesn't keep others from their turn.
  void insert(timer_entry& one, clock::time_point due) noexcept;
  void erase(timer_entry& one) noexcept { one.unlink(); }
  [[nodiscard]] static bool contains(timer_entry const& one) noexcept { return one.is_linked(); }
  [[nodiscard]] static clock::time_point due_of(timer_entry const& one) noexcept { return one.due_; }

  /// Whether call_due() may have something to do.
  [[nodiscard]] bool must_look() const noexcept { return must_look_; }

  /// Calls the entries that are due, `most` at most. After that must_look() becomes true when the next one is due. An
  /// exception of one of them comes out and leaves the others to the next call. @return how many it has called.
  int call_due(int most);

  /// Tells any of the entries that the loop ends. @return false where there is none.
  bool end_one() noexcept;

 private:
  void on_ready(std::uint32_t events) override;
  void set_alarm() noexcept;

  struct earlier {
    bool operator()(timer_entry const& one, timer_entry const& other) const noexcept { return one.due_ < other.due_; }
  };

  boost::intrusive::multiset<timer_entry, boost::intrusive::compare<earlier>,
                             boost::intrusive::constant_time_size<false>>
      entries_;
  unique_descriptor const alarm_;
  clock::time_point alarm_at_ = clock::time_point::max();  // what the timerfd is set for
  clock::time_point looked_at_{};                          // the time at the last look
  bool must_look_ = false;
  std::optional<clock::time_point> test_time_;
};

}  // namespace holdfast::server
