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

/// Resources shared by the sessions of one thread, so that an idle connection needs none of its own. One thread.
class session_context {
 public:
  using handler_factory = std::function<std::unique_ptr<request_handler>()>;

  /// All arguments must outlive it.
  /// @param under_way budget for memory of requests. @param buffers the same for connections that wait for their
  /// client.
  /// @param tls counters of its sessions' TLS; null: no TLS.
  session_context(event_loop& loop, session_settings const& settings, byte_budget& under_way, byte_budget& buffers,
                  std::atomic<bool> const& draining, durable_progress const& progress, handler_factory make_handler,
                  tls_figures* tls = nullptr);

  event_loop& loop;
  session_settings const& settings;
  std::atomic<bool> const& draining;
  server::outbox outbox;                              ///< answers before they are sent
  std::unique_ptr<handshake_turns> const handshakes;  ///< null: no TLS
  answer_gate gate;                                   ///< for answers that are not durable yet
  byte_budget& under_way;
  byte_budget& buffers;
  std::unique_ptr<char[]> const input;  ///< bytes used in `input`
  static constexpr std::size_t input_bytes = 64 * 1024;
  /// From the begin of a drain on: another server of this process goes on with connections at rest.
  bool hands_over = false;
  std::vector<unique_socket> handed_over;  ///< those connections; without those that use TLS, which end

  /// The budget in which the buffers of a connection count that has sent all answers so far, and whose requests `one`
  /// serves. What arrives of a body belongs to its request, so that clients that fill `buffers` keep no body out.
  [[nodiscard]] byte_budget& budget_for(exchange const& one) const {
    return one.is_receiving_body() ? under_way : buffers;
  }
  /// An exchange between two requests, still owned by the context: for sessions that need it only during a call.
  [[nodiscard]] exchange& spare_exchange();
  /// The same, owned by the caller.
  [[nodiscard]] std::unique_ptr<exchange> take_exchange();
  /// Returns an exchange that is between two requests.
  void return_exchange(std::unique_ptr<exchange> one);
  /// Drops the spare exchange, after a failure in the middle of a request.
  void drop_spare_exchange() noexcept {
    spare_.back()->break_off(0);
    spare_.pop_back();
  }

 private:
  static constexpr std::size_t spare_max = 16;

  handler_factory const make_handler_;
  known_fields known_fields_;
  std::vector<std::unique_ptr<exchange>> spare_;
};

/// One client. Requests that can be answered at once are served from the thread's buffers. If something must be awaited
/// (the rest of a request, the lock, a hold, a client that reads slowly), a coroutine continues with the same exchange
/// until the connection is idle. So an idle connection has neither buffers nor a coroutine, and the common request
/// never suspends. One thread.
class session final
    : private connection::owner,
      public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// The owner of the sessions, which destroys those that have ended.
  class owner {
   public:
    virtual void on_session_end(session& ended) = 0;

   protected:
    ~owner() = default;
  };

  /// Both must outlive it. @param tls context for TLS with the client; null: plain.
  session(unique_socket socket, owner& its_owner, session_context& context, tls::context tls = {});

  /// Begins to serve. It may end and be destroyed in this call and in each of the next three.
  void start();

  /// Called when the server drains: ends an idle session, a new or busy one after a moment, and ends waits for the
  /// lock. Receiving, holding and answering continue, for a last request.
  void drain();

  /// Called when the drain time is over: ends holds, whose answers are still sent, and everything else at once.
  void hurry();

  /// Ends the session at once.
  void abort();

  /// The client for which the owner counts it; the socket no longer knows the peer once it has gone.
  peer_address admitted_for;

  /// Destroys a coroutine that waits for the connection; for use when the loop no longer runs.
  void forget_waiting() noexcept { connection_.forget_waiting(); }

 private:
  class work;

  void on_bytes() override;
  void on_idle_timeout() override;
  void on_handshake() override;
  void on_plain_text() override;
  void on_unsent(std::string_view bytes) override;
  void on_resume() override { context_.outbox.send_all(); }

  /// Answers in the connection's output that must not be sent yet.
  struct withheld_answers final : answer_gate::waiter {
    explicit withheld_answers(session& whole_session) noexcept : whole(whole_session) {}
    void on_open() override { whole.send_withheld(); }

    session& whole;
    std::uint64_t needed = 0;
    std::vector<exchange::withheld::line> lines;  // position in the connection's output
  };

  [[nodiscard]] bool serve_bytes();
  void serve(std::size_t got);
  awaitable<bool> refuse_plain_text();
  void keep_withheld(exchange::withheld&& more, std::size_t moved_by);
  void fill_in_withheld();
  void send_withheld();
  void spawn(awaitable<bool> task);
  void begin_work(std::unique_ptr<exchange> requests, std::string_view unserved, std::string_view unsent);
  void on_work_end(std::exception_ptr const& error, bool goes_on);
  void rest(connection::clock::time_point since);
  void fail(std::exception const& exception);
  void end_unless_asked(std::string_view reason);
  [[nodiscard]] bool hand_over();
  void end(std::string_view reason);

  owner& owner_;
  session_context& context_;
  connection connection_;
  peer_address peer_;
  work* work_ = nullptr;  // while its coroutine runs
  bool at_work_ = false;  // from the start until the end of its coroutine
  std::uint64_t requests_ = 0;
  connection::clock::time_point rests_since_{};
  std::unique_ptr<withheld_answers> withheld_;
};

}  // namespace holdfast::server
