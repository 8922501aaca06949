#pragma once

#include <boost/intrusive/list.hpp>

#include "server/loop/event_loop.hpp"
#include "server/loop/unique_descriptor.hpp"
#include "server/net/tls_figures.hpp"

namespace holdfast::server {

/// Limits one thread to one step of a TLS handshake per turn of its loop: a step can cost as much as a hundred
/// requests, and clients that connect together would all be ready in the same turn. Single-threaded.
class handshake_turns final : private poll_source {
 public:
  /// A connection with a handshake step to do. The destructor removes it from the queue.
  class waiter : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
   public:
    /// May destroy the waiter.
    virtual void on_turn() = 0;

   protected:
    ~waiter() = default;
  };

  /// Both arguments must outlive it. @throws std::system_error
  handshake_turns(event_loop& loop, tls_figures& figures);
  ~handshake_turns();
  handshake_turns(handshake_turns const&) = delete;
  handshake_turns& operator=(handshake_turns const&) = delete;

  /// Queues on_turn() for one of the next turns, in FIFO order. A waiter that is already queued keeps its place.
  void queue(waiter& one) noexcept;

  tls_figures& figures;

 private:
  void on_ready(std::uint32_t events) override;

  event_loop& loop_;
  unique_descriptor const turn_;  // an eventfd that is ready once per turn while the queue is not empty
  boost::intrusive::list<waiter, boost::intrusive::constant_time_size<false>> waiters_;
};

}  // namespace holdfast::server
