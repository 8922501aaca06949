#include "server/worker.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "server/log.hpp"

namespace holdfast::server {

worker::worker(session_context const& context, std::function<void()> on_session_end)
    : context_(context),
      on_session_end_(std::move(on_session_end)),
      io_(std::in_place, 1),
      work_(io_->get_executor()),
      deadlines_(*io_) {}

worker::~worker() {
  // Coroutines that are still suspended go with the io_context, and their sessions leave the lists below.
  deadlines_.stop();
  work_.reset();
  io_.reset();
}

void worker::run() {
  io_->run();
}

awaitable<void> worker::run_session(worker& self, std::shared_ptr<connection> connection) {
  session one(std::move(connection), self.context_);
  self.sessions_.push_back(one);
  co_await one.run();
}

void worker::start_session(tcp_socket socket) {
  auto start = [this, socket = std::move(socket)]() mutable {
    auto one = std::make_shared<connection>(std::move(socket), deadlines_, context_.settings.sessions.transfer_timeout);
    auto ended = [this](std::exception_ptr const& error) {
      try {
        if (error) std::rethrow_exception(error);
      } catch (std::exception const& exception) {
        log_error("session failed", {{"error", exception.what()}});
      }
      on_session_end_();
    };
    asio::co_spawn(*io_, run_session(*this, std::move(one)), std::move(ended));
  };
  asio::post(*io_, std::move(start));
}

void worker::for_each_session(void (session::*what)()) {
  asio::post(*io_, [this, what] {
    for (auto at = sessions_.begin(); at != sessions_.end();) (*at++.*what)();
  });
}

}  // namespace holdfast::server
