#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "client/error.hpp"

namespace holdfast::client {

/// A request for a named lock.
struct lock_query {
  std::string lock{};
  std::string id{};     ///< id of the ticket, so that the request can be repeated
  std::string owner{};  ///< who asks, for people and to find deadlocks
  std::chrono::nanoseconds lease = std::chrono::seconds(10);
  std::optional<std::chrono::nanoseconds> wait{};  ///< 0: refused if the lock is taken; nullopt: answered at once
};

/// The state of a ticket.
struct lock_ticket {
  std::string id;
  std::uint64_t token = 0;     ///< of the grant; 0: it waits
  std::uint64_t position = 0;  ///< of a waiting ticket
  std::string behind;
};

/// Parses the body of an answer. @return error_kind::bad_answer if it is not a ticket.
[[nodiscard]] result<lock_ticket> read_ticket(std::string_view json);

}  // namespace holdfast::client
