#pragma once

#include <boost/intrusive/list.hpp>
#include <functional>
#include <optional>

#include "server/asio.hpp"
#include "server/deadline_wheel.hpp"
#include "server/poll_set.hpp"
#include "server/session.hpp"

namespace holdfast::server {

/// One thread's share of the server: its io_context, the sessions that live on it, their descriptors and deadlines.
class worker final : public session::owner {
 public:
  /// @param recorder of this thread. @param on_session_end called on this worker's thread after each session.
  worker(server_context const& context, lock_recorder& recorder, std::function<void()> on_session_end);
  ~worker();
  worker(worker const&) = delete;
  worker& operator=(worker const&) = delete;

  [[nodiscard]] asio::io_context& io() noexcept { return *io_; }

  /// Runs the thread's work until stop(). What a handler throws (memory is exhausted) is logged; the rest goes on.
  void run();

  // From any thread; they take effect on the worker's.
  void start_session(unique_socket socket);
  void for_each_session(void (session::*what)());
  void stop() { io_->stop(); }

 private:
  void on_session_end(session& ended) override;

  std::function<void()> after_session_;
  std::optional<asio::io_context> io_;
  poll_set polls_;
  deadline_wheel deadlines_;
  thread_context thread_;
  boost::intrusive::list<session, boost::intrusive::constant_time_size<false>> sessions_;  // owns them
};

}  // namespace holdfast::server
