#pragma once

#include <boost/intrusive/list.hpp>

#include "server/loop/event_loop.hpp"
#include "server/loop/unique_descriptor.hpp"
#include "server/net/tls_figures.hpp"

namespace holdfast::server {

/// TLS handshakes of one thread, one step a turn of the loop: a step can cost as much as a hundred requests, and of
/// those who connect together each would be ready in the same turn. One thread.
class handshake_turns final : private poll_source {
 public:
  /// Whoever has a step to do. Leaves by itself when it is destroyed.
  class waiter : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
   public:
    /// May destroy it.
    virtual void on_turn() = 0;

   protected:
    ~waiter() = default;
  };

  /// Both must outlive it. @throws std::system_error
  handshake_turns(event_loop& loop, tls_figures& figures);
  ~handshake_turns();
  handshake_turns(handshake_turns const&) = delete;
  handshake_turns& operator=(handshake_turns const&) = delete;

  /// Calls it in one of the next turns, behind those that were there before; again: keeps its place.
  void queue(waiter& one) noexcept;

  tls_figures& figures;

 private:
  void on_ready(std::uint32_t events) override;

  event_loop& loop_;
  unique_descriptor const turn_;  // an eventfd that is ready, once a turn, as long as somebody waits
  boost::intrusive::list<waiter, boost::intrusive::constant_time_size<false>> waiters_;
};

}  // namespace holdfast::server
