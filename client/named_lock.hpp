#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "client/error.hpp"

namespace holdfast::client {

/// What is asked of a named lock.
struct lock_query {
  std::string lock{};
  std::string id{};     ///< of the ticket, so that the request can be sent again
  std::string owner{};  ///< who asks, for people and to find deadlocks
  std::chrono::nanoseconds lease = std::chrono::seconds(10);
  std::optional<std::chrono::nanoseconds>
      wait{};  ///< 0: refused where the lock is taken; empty: the answer comes at once
};

/// A ticket of a named lock as it stands.
struct lock_ticket {
  std::string id;
  std::uint64_t token = 0;     ///< of the grant; 0: it waits
  std::uint64_t position = 0;  ///< of one that waits
  std::string behind;
};

/// Reads the body of an answer. @return error_kind::bad_answer where it is no ticket.
[[nodiscard]] result<lock_ticket> read_ticket(std::string_view json);

}  // namespace holdfast::client
