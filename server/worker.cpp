#include "server/worker.hpp"

#include <boost/asio/post.hpp>
#include <memory>
#include <new>

#include "server/event_loop.hpp"
#include "server/log.hpp"

namespace holdfast::server {

worker::worker(server_context const& context, lock_recorder& recorder, std::function<void()> on_session_end)
    : after_session_(std::move(on_session_end)),
      io_(std::in_place, 1),
      polls_([this] { thread_.outbox.send_all(); }),
      deadlines_(*io_),
      thread_{context,  *io_,
              polls_,   deadlines_,
              recorder, responder(context, true),
              {},       std::make_unique_for_overwrite<char[]>(thread_context::input_bytes),
              {}} {}

worker::~worker() {
  // The loops that are still suspended go with the io_context, while the sessions that they serve are still there.
  deadlines_.stop();
  io_.reset();
  sessions_.clear_and_dispose(std::default_delete<session>());
}

void worker::run() {
  for (;;) {
    try {
      run_together(*io_, polls_);
      return;
    } catch (std::exception const& exception) {
      log_error("handler failed", {{"error", exception.what()}});
    }
  }
}

void worker::start_session(unique_socket socket) {
  asio::post(*io_, [this, socket = std::move(socket)]() mutable {
    std::unique_ptr<session> one;
    try {
      one = std::make_unique<session>(std::move(socket), *this, thread_);
    } catch (std::bad_alloc const&) {
      log_error("session failed", {{"error", "out of memory"}});
      return after_session_();
    }
    sessions_.push_back(*one);
    one.release()->start();
  });
}

void worker::on_session_end(session& ended) {
  delete &ended;  // leaves the list by itself
  after_session_();
}

void worker::for_each_session(void (session::*what)()) {
  asio::post(*io_, [this, what] {
    for (auto at = sessions_.begin(); at != sessions_.end();) (*at++.*what)();
  });
}

}  // namespace holdfast::server
