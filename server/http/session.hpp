#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "server/http/client_link.hpp"
#include "server/http/exchange.hpp"
#include "server/http/known_fields.hpp"
#include "server/net/connection.hpp"
#include "server/net/handshake_turns.hpp"
#include "server/net/outbox.hpp"

namespace holdfast::server {

/// What the sessions of one thread share, so that a connection at rest keeps nothing of it. One thread.
class session_context {
 public:
  using handler_factory = std::function<std::unique_ptr<request_handler>()>;

  /// All must outlive it.
  /// @param tls what its sessions' TLS is counted in; null: they speak none.
  session_context(event_loop& loop, session_settings const& settings, byte_budget& under_way,
                  std::atomic<bool> const& draining, durable_progress const& progress, handler_factory make_handler,
                  tls_figures* tls = nullptr);

  event_loop& loop;
  session_settings const& settings;
  std::atomic<bool> const& draining;
  server::outbox outbox;                              ///< answers on their way into the sockets
  std::unique_ptr<handshake_turns> const handshakes;  ///< null: no TLS
  answer_gate gate;                                   ///< for those that tell what is not durable yet
  byte_budget& under_way;
  std::unique_ptr<char[]> const input;  ///< input_bytes of it
  static constexpr std::size_t input_bytes = 64 * 1024;

  /// One that is between two requests, and stays here: for a session that needs it only for as long as it is called.
  [[nodiscard]] exchange& spare_exchange();
  /// The same, to keep.
  [[nodiscard]] std::unique_ptr<exchange> take_exchange();
  /// Takes one back that is between two requests.
  void return_exchange(std::unique_ptr<exchange> one);
  /// Drops the spare one, which has failed in the middle of a request.
  void drop_spare_exchange() noexcept { spare_.pop_back(); }

 private:
  static constexpr std::size_t spare_max = 16;

  handler_factory const make_handler_;
  known_fields known_fields_;
  std::vector<std::unique_ptr<exchange>> spare_;
};

/// One client. As long as its requests can be answered at once, that is done from the thread's buffers; when something
/// must be awaited (the rest of a request, the lock, a hold, a client that is slow to take its answer), a coroutine
/// goes on with the same exchange until the connection is at rest again. So a connection at rest has neither buffers
/// nor a coroutine, and the common request meets no suspension. One thread.
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

  /// Both must outlive it. @param tls with what the client is to speak TLS; null: none.
  session(unique_socket socket, owner& its_owner, session_context& context, tls::context tls = {});

  /// Begins to serve. It may end and be destroyed in this call and in each of the next three.
  void start();

  /// The server drains: ends a session at rest, takes another out of the lock's queue. What is being received, held or
  /// answered goes on, and is the last.
  void drain();

  /// The time for draining is up: ends a hold, whose answer is still sent, and anything else at once.
  void hurry();

  /// Ends the session at once.
  void abort();

  /// Whom its owner has counted it for: the socket does not tell any more when the client is gone.
  peer_address admitted_for;

  /// Destroys a coroutine that waits for the connection; for the time when the loop runs no more.
  void forget_waiting() noexcept { connection_.forget_waiting(); }

 private:
  class work;

  void on_bytes() override;
  void on_idle_timeout() override;
  void on_handshake() override;
  void on_plain_text() override;
  void on_unsent(std::string_view bytes) override;
  void on_resume() override { context_.outbox.send_all(); }

  /// Answers in the connection's output that are not to be sent yet.
  struct withheld_answers final : answer_gate::waiter {
    explicit withheld_answers(session& whole_session) noexcept
        : whole(whole_session), counted(whole_session.context_.under_way) {}
    void on_open() override { whole.send_withheld(); }

    session& whole;
    std::uint64_t needed = 0;
    std::vector<exchange::withheld::line> lines;  // in the connection's output
    byte_budget::share counted;                   // of that output
  };

  void serve_bytes();
  awaitable<bool> refuse_plain_text();
  void keep_withheld(exchange::withheld&& more, std::size_t moved_by);
  void fill_in_withheld();
  void send_withheld();
  void spawn(awaitable<bool> task);
  void begin_work(std::unique_ptr<exchange> requests, std::string_view unserved, std::string_view unsent);
  void on_work_end(std::exception_ptr const& error, bool goes_on);
  void rest(connection::clock::time_point since);
  void fail(std::exception const& exception);
  void end(std::string_view reason);

  owner& owner_;
  session_context& context_;
  connection connection_;
  peer_address peer_;
  work* work_ = nullptr;  // while its coroutine runs
  bool at_work_ = false;  // from its start until its coroutine is gone
  std::uint64_t requests_ = 0;
  connection::clock::time_point rests_since_{};
  std::unique_ptr<withheld_answers> withheld_;
};

}  // namespace holdfast::server
