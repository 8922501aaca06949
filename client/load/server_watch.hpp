#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <mutex>
#include <vector>

#include "client/connection.hpp"
#include "client/load/channel.hpp"

namespace holdfast::client::load {

/// Asks servers that leave requests unanswered whether they live, for all threads of a run.
class server_watch {
 public:
  /// It must outlive `on`'s work. @param servers in the order of the run
  server_watch(executor on, std::vector<endpoint> const& servers);

  /// Call from time to time while a request is unanswered. @return true if the server has not answered a question that
  /// it was asked after `sent`. Asks it if the request has waited long enough. Thread-safe; never waits.
  [[nodiscard]] bool is_silent(std::size_t server, time_point sent, time_point now);

 private:
  struct watched {
    endpoint server;
    bool is_asked = false;
    time_point asked_at{};
    bool was_silent = false;  ///< when it was asked last, unless it is being asked
  };

  awaitable<void> ask(watched& one);

  executor on_;
  std::mutex mutex_;  // guards what follows, except the endpoints
  std::vector<watched> servers_;
};

}  // namespace holdfast::client::load
