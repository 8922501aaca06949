#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "server/forward/answer_head.hpp"
#include "server/forward/upstream.hpp"
#include "server/loop/asio.hpp"
#include "server/loop/wake_up.hpp"
#include "server/net/byte_buffer.hpp"

namespace holdfast::server {

class upstream_pool;

/// Pipelines plain reads of values for a thread's clients to the leader over one shared connection: reads that arrive
/// together share the system calls of both servers. Only for reads, because they can be repeated, and executing one
/// whose client has left is harmless. Only values, because all of these wait for the same lock. Only while responses
/// are fast and short, so that no client waits for the response of another. For the loop's thread.
class read_channel final : private upstream::receiver {
 public:
  enum class result {
    answered,   ///< on_answer() was called
    again,      ///< must be sent on another connection
    abandoned,  ///< abandon() was called
  };

  /// One read, an object of the coroutine that waits for it. The destructor removes it from the channel.
  class call {
   public:
    call(read_channel& channel, std::string_view request, bool head_only) noexcept
        : channel_(channel), request_(request), head_only_(head_only) {}
    virtual ~call();
    call(call const&) = delete;
    call& operator=(call const&) = delete;

    /// Sends the read. The channel must be open (is_open()).
    awaitable<result> run();
    /// Ends the wait and discards the response.
    void abandon();

   protected:
    /// Receives the response. @param fields status line and field lines for the client. Both texts are valid during the
    /// call.
    virtual void on_answer(answer_head const& head, std::string_view fields, std::string_view content) = 0;

   private:
    friend class read_channel;
    void resume(result how);

    read_channel& channel_;
    std::string_view const request_;
    bool const head_only_;
    using resumption = asio::async_result<asio::use_awaitable_t<executor_type>, void(result)>::handler_type;
    std::optional<resumption> waiting_;
  };

  read_channel(event_loop& loop, upstream_pool& pool);
  ~read_channel();
  read_channel(read_channel const&) = delete;
  read_channel& operator=(read_channel const&) = delete;

  /// True if a read can be sent here now: there is a connection to the current leader, and it responds quickly.
  [[nodiscard]] bool is_open();

  /// See upstream_pool::forget_waiting().
  void forget_waiting() noexcept;

 private:
  using clock = connection::clock;
  struct place {
    call* one;  // null: abandoned
    bool head_only;
  };

  void on_bytes() override;
  std::optional<bool> answer_next();
  void send();
  void leave(call const& one) noexcept;
  void fail();

  upstream_pool& pool_;
  std::unique_ptr<upstream> link_;
  std::deque<place> queue_;  // reads without a response so far, in order
  clock::time_point progress_at_{};
  clock::time_point closed_until_{};
  std::string unsent_;
  byte_buffer input_;
  std::string fields_;
  wake_up send_later_;
};

}  // namespace holdfast::server
