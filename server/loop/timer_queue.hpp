#pragma once

#include <boost/intrusive/set.hpp>
#include <chrono>
#include <cstdint>
#include <optional>

#include "server/loop/poll_source.hpp"
#include "server/loop/unique_descriptor.hpp"

namespace holdfast::server {

/// An entry of a timer_queue. The destructor removes it from the queue.
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

  /// Called when the entry is due and has left the queue. May insert it again, and may destroy this or other entries.
  virtual void on_due(clock::time_point now) = 0;
  /// Called when the loop is being destroyed and the entry has left the queue.
  virtual void on_loop_end() noexcept = 0;

  clock::time_point due_;
};

/// The pending timers of one loop: an intrusive balanced tree, so inserting never fails, and a timerfd for the earliest
/// entry. No entry is called early. Single-threaded.
///
/// The timerfd is set only when an entry arrives that is earlier than its current setting; with a timeout for
/// epoll_wait() the kernel would start and stop a timer at every sleep. Removing an entry does not change the timerfd,
/// so it may fire without a due entry.
class timer_queue final : private poll_source {
 public:
  using clock = timer_entry::clock;

  timer_queue();
  timer_queue(timer_queue const&) = delete;
  timer_queue& operator=(timer_queue const&) = delete;

  /// Watch it for EPOLLIN | EPOLLET: it is never read, only its edges count.
  [[nodiscard]] int native_handle() const noexcept { return alarm_.get(); }
  [[nodiscard]] poll_source& source() noexcept { return *this; }

  [[nodiscard]] clock::time_point now() const noexcept { return test_time_ ? *test_time_ : clock::now(); }
  /// For tests: the clock shows `time` until the next call. From then on the timerfd is not used.
  void set_time(clock::time_point time) noexcept {
    test_time_ = time;
    must_look_ = true;
  }

  /// Inserts or moves `one`. Entries that are already due are called in order of insertion, so an entry that is
  /// inserted repeatedly does not starve others.
  void insert(timer_entry& one, clock::time_point due) noexcept;
  void erase(timer_entry& one) noexcept { one.unlink(); }
  [[nodiscard]] static bool contains(timer_entry const& one) noexcept { return one.is_linked(); }
  [[nodiscard]] static clock::time_point due_of(timer_entry const& one) noexcept { return one.due_; }

  /// True if call_due() may have something to do.
  [[nodiscard]] bool must_look() const noexcept { return must_look_; }

  /// Calls at most `most` due entries. Afterwards must_look() becomes true when the next entry is due. An exception of
  /// an entry propagates; the remaining entries are left for the next call. @return the number of entries called.
  int call_due(int most);

  /// Removes one entry and calls its on_loop_end(). @return false if the queue is empty.
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
  clock::time_point alarm_at_ = clock::time_point::max();  // the timerfd's current setting
  clock::time_point looked_at_{};                          // the time of the last look
  bool must_look_ = false;
  std::optional<clock::time_point> test_time_;
};

}  // namespace holdfast::server
