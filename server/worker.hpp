#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "server/asio.hpp"
#include "server/deadline_wheel.hpp"
#include "server/session.hpp"

namespace holdfast::server {

/// One thread's share of the server: its io_context, the sessions that live on it, their deadlines.
class worker {
 public:
  /// @param on_session_end called on this worker's thread after each session.
  worker(session_context const& context, std::function<void()> on_session_end);
  ~worker();
  worker(worker const&) = delete;
  worker& operator=(worker const&) = delete;

  [[nodiscard]] asio::io_context& io() noexcept { return *io_; }

  /// Runs the thread's work until stop(); rethrows what a handler throws.
  void run();

  // From any thread; they take effect on the worker's.
  void start_session(tcp_socket socket);
  void for_each_session(void (session::*what)());
  void stop() { io_->stop(); }

 private:
  using session_list = boost::intrusive::list<session, boost::intrusive::constant_time_size<false>>;

  static awaitable<void> run_session(worker& self, std::shared_ptr<connection> connection);

  session_context const& context_;
  std::function<void()> on_session_end_;
  std::optional<asio::io_context> io_;
  asio::executor_work_guard<executor_type> work_;
  deadline_wheel deadlines_;
  session_list sessions_;
};

}  // namespace holdfast::server
