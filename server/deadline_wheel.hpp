#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstdint>
#include <optional>

#include "server/asio.hpp"

namespace holdfast::server {

/// Something that wants to be told when its time is up. Leaves the wheel when it is destroyed.
class deadline : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  using clock = std::chrono::steady_clock;

  deadline() = default;
  deadline(deadline const&) = delete;
  deadline& operator=(deadline const&) = delete;

  virtual ~deadline() = default;

 private:
  friend class deadline_wheel;

  /// The time is up. May arm itself again, and may destroy itself or others.
  virtual void on_deadline() = 0;

  clock::time_point due_ = clock::time_point::max();
  std::int64_t tick_ = 0;  // while linked: whose slot
};

/// The deadlines of one thread's sessions, on one timer. Sessions move their deadlines at every request and almost none
/// comes due, so moving one later, or calling it off, is a single store: it stays where it is linked and is looked at
/// again when its old slot comes by. (A lazy form of the hashed timing wheel: Varghese and Lauck, 1987.) The timer runs
/// only while a deadline is linked. A deadline is told up to one tick late, never early. One thread.
class deadline_wheel {
 public:
  using clock = deadline::clock;
  static constexpr std::chrono::milliseconds tick_length{125};

  explicit deadline_wheel(asio::io_context& context) : timer_(context) {}

  /// Sets when `one` is due, in place of what was set before.
  void arm(deadline& one, clock::time_point due);

  /// Calls it off.
  static void disarm(deadline& one) noexcept { one.due_ = clock::time_point::max(); }

  /// Drops the timer; must come before the io_context goes. Deadlines may still leave after it.
  void stop() { timer_.reset(); }

 private:
  // 64 seconds: an idle connection's deadline is linked once, not again and again.
  static constexpr std::int64_t slots = 512;
  using slot = boost::intrusive::list<deadline, boost::intrusive::constant_time_size<false>>;

  [[nodiscard]] static std::int64_t tick_after(clock::time_point time) noexcept;
  [[nodiscard]] slot& slot_of(std::int64_t tick) noexcept { return slots_[static_cast<std::size_t>(tick % slots)]; }
  void link(deadline& one, std::int64_t tick);
  void wait_for(std::int64_t tick);
  void on_tick(std::int64_t now);

  std::array<slot, slots> slots_;
  std::int64_t done_tick_ = 0;     // every slot up to this tick has been looked at
  std::int64_t awaited_tick_ = 0;  // what the timer waits for; 0: it does not run, and nothing is linked
  std::optional<steady_timer> timer_;
};

}  // namespace holdfast::server
