#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <string_view>

#include "server/connection.hpp"
#include "server/outbox.hpp"
#include "server/request_loop.hpp"
#include "server/responder.hpp"

namespace holdfast::server {

/// What the sessions of one thread share, so that a connection at rest keeps nothing of it.
struct thread_context {
  server_context const& server;
  asio::io_context& io;
  poll_set& polls;
  deadline_wheel& deadlines;
  lock_recorder& recorder;
  server::responder responder;
  server::outbox outbox;                    ///< answers on their way into the sockets
  std::unique_ptr<char[]> input;            ///< input_bytes of it
  connection::clock::time_point read_at{};  ///< when what lies in `input` was read
  static constexpr std::size_t input_bytes = 64 * 1024;
};

/// One client: answers at once what can be answered at once, straight from the thread's buffers, and leaves everything
/// else to a request_loop. So a connection at rest has neither buffers nor a coroutine, and the common request meets no
/// suspension. One thread.
class session final
    : private connection::owner,
      public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// Whoever owns the sessions: destroys one that is at its end.
  class owner {
   public:
    virtual void on_session_end(session& ended) = 0;

   protected:
    ~owner() = default;
  };

  /// Both must outlive it.
  session(unique_socket socket, owner& its_owner, thread_context& thread);

  /// Begins to serve. It may end and be destroyed in this call and in each of the next three.
  void start();

  /// The server drains: ends a session at rest, and tells the loop of another.
  void drain();

  /// The time for draining is up; see request_loop::hurry().
  void hurry();

  /// Ends the session at once.
  void abort();

 private:
  void on_bytes() override;
  void on_idle_timeout() override { end("idle"); }
  void on_unsent(std::string_view bytes) override;
  void on_resume() override { thread_.outbox.send_all(); }

  void serve_bytes();
  std::size_t serve_at_once(std::string_view bytes, byte_buffer& output);
  bool serve_one(std::string_view& bytes, byte_buffer& output);
  bool serve_plain_read(std::string_view key, byte_buffer& output);
  bool serve_parsed(responder::parsed_request request, std::string_view& bytes, byte_buffer& output);
  bool serve_value(responder::parsed_request& request, kv_request& kv, std::string_view& bytes, byte_buffer& output);
  void count(route_kind route, protocol::method method, unsigned status,
             connection::clock::time_point answered_at = connection::clock::now());
  [[nodiscard]] lock_asker asker() const noexcept { return {&thread_.recorder, peer_, lock_operation::get}; }
  void begin_loop(std::string_view unserved, std::string_view unsent);
  static awaitable<bool> run_loop(session& self);
  void on_loop_end(std::exception_ptr const& error, bool goes_on);
  void rest(connection::clock::time_point since);
  void fail(std::exception const& exception);
  void end(std::string_view reason);

  owner& owner_;
  thread_context& thread_;
  connection connection_;
  peer_address peer_;
  request_loop* loop_ = nullptr;  // while one runs
  bool in_loop_ = false;          // from its start until its coroutine is gone
  std::uint64_t requests_ = 0;
};

}  // namespace holdfast::server
