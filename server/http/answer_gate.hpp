#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <limits>
#include <string_view>

#include "server/loop/asio.hpp"
#include "server/loop/event_loop.hpp"
#include "server/loop/wake_up.hpp"

namespace holdfast::server {

/// How far the contents of answers are durable. Written by the journal, read by all threads.
struct durable_progress {
  static constexpr std::uint64_t everything = std::numeric_limits<std::uint64_t>::max();

  std::atomic<std::uint64_t> number{everything};  ///< everything up to this number is durable
  std::atomic<std::uint32_t> last_batch{1};       ///< number of changes that the last sync made durable
  bool is_synced = true;                          ///< false: durable means written, which a power loss can undo
};

/// Withholds a thread's answers until their contents are durable: each answer needs a number, and the gate is open for
/// numbers up to that of the progress. Runs on the loop's thread, except where noted.
class answer_gate {
 public:
  /// Both must outlive it.
  answer_gate(event_loop& loop, durable_progress const& progress) noexcept : loop_(loop), progress_(progress) {}
  answer_gate(answer_gate const&) = delete;
  answer_gate& operator=(answer_gate const&) = delete;

  [[nodiscard]] bool is_open_for(std::uint64_t needs) const noexcept {
    return needs <= progress_.number.load(std::memory_order_acquire);
  }

  /// An answer that is withheld. Its destructor removes it from the gate.
  class waiter : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
   public:
    [[nodiscard]] bool is_withheld() const noexcept { return is_linked(); }
    [[nodiscard]] std::uint64_t needs() const noexcept { return needs_; }

    waiter() = default;
    virtual ~waiter() = default;

   protected:
    /// Called when the gate opens for this waiter, which it may destroy.
    virtual void on_open() = 0;

   private:
    friend class answer_gate;
    std::uint64_t needs_ = 0;
  };

  /// Calls `one` when the gate opens for `needs`, but never before this function returns. A waiter that is already
  /// withheld keeps the larger need.
  void withhold(waiter& one, std::uint64_t needs);

  /// Waits until the gate opens. @return false if the wait was cancelled
  awaitable<bool> wait(std::uint64_t needs);

  /// One posted function of the loop releases so many waiters, which limits how many a turn releases.
  static constexpr int waiters_per_post = 4;

  /// Announces progress. Any thread.
  void notify() noexcept { progress_made_.ring(); }

  /// Placeholder for the end of the Server-Timing field of an answer that will be withheld. Its length is fixed: HTTP
  /// ignores white space at the end of a field.
  static constexpr std::string_view timing_text = "disk;dur=0;desc=\"with 0 others\"                         ";
  /// Replaces the placeholder at `text` by the time for which the answer was withheld.
  void fill_in(char* text, std::chrono::nanoseconds withheld) const noexcept;

 private:
  void open();
  void await_progress() noexcept;

  event_loop& loop_;
  durable_progress const& progress_;
  boost::intrusive::list<waiter, boost::intrusive::constant_time_size<false>> waiters_;  // ordered by needs_
  wake_up progress_made_{loop_, [this] { open(); }};
};

}  // namespace holdfast::server
