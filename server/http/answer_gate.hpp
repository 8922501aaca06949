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

/// Up to where the contents of answers are durable; written by whoever makes it so, read by all threads.
struct durable_progress {
  static constexpr std::uint64_t everything = std::numeric_limits<std::uint64_t>::max();

  std::atomic<std::uint64_t> number{everything};  ///< all up to this one is durable
  std::atomic<std::uint32_t> last_batch{1};       ///< how many changes became durable together, the last time
  bool is_synced = true;                          ///< false: durable means written, which a power loss can undo
};

/// Withholds a thread's answers until their contents are durable: each needs a number, and the gate is open for those
/// up to the progress's. On the loop's thread, but for what says so.
class answer_gate {
 public:
  /// Both must outlive it.
  answer_gate(event_loop& loop, durable_progress const& progress) noexcept : loop_(loop), progress_(progress) {}
  answer_gate(answer_gate const&) = delete;
  answer_gate& operator=(answer_gate const&) = delete;

  [[nodiscard]] bool is_open_for(std::uint64_t needs) const noexcept {
    return needs <= progress_.number.load(std::memory_order_acquire);
  }

  /// Someone whose answer is withheld. Leaves the gate by itself.
  class waiter : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
   public:
    [[nodiscard]] bool is_withheld() const noexcept { return is_linked(); }
    [[nodiscard]] std::uint64_t needs() const noexcept { return needs_; }

    waiter() = default;
    virtual ~waiter() = default;

   protected:
    /// The gate is open for it; may destroy it.
    virtual void on_open() = 0;

   private:
    friend class answer_gate;
    std::uint64_t needs_ = 0;
  };

  /// Calls `one` when the gate opens for `needs`, never before this has returned; one that is withheld already keeps
  /// the larger need.
  void withhold(waiter& one, std::uint64_t needs);

  /// Waits until the gate opens. @return false where it was waited for in vain: the wait was cancelled.
  awaitable<bool> wait(std::uint64_t needs);

  /// So many waiters are released by one posted function of the loop, which limits those of a turn.
  static constexpr int waiters_per_post = 4;

  /// There has been progress. Any thread.
  void notify() noexcept { progress_made_.ring(); }

  /// What Server-Timing says of an answer that is going to be withheld, in a fixed length: white space is allowed after
  /// `=` and at the end.
  static constexpr std::string_view timing_text = "disk;dur=         0;desc=\"with 0 others\"                ";
  /// Fills it in, at `text`, for one that was withheld for so long.
  void fill_in(char* text, std::chrono::nanoseconds withheld) const noexcept;

 private:
  void open();
  void await_progress() noexcept;

  event_loop& loop_;
  durable_progress const& progress_;
  boost::intrusive::list<waiter, boost::intrusive::constant_time_size<false>> waiters_;  // by what they need
  wake_up progress_made_{loop_, [this] { open(); }};
};

}  // namespace holdfast::server
