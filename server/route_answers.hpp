#pragma once

#include <string>
#include <string_view>

#include "protocol/reply.hpp"
#include "protocol/request_head.hpp"

namespace holdfast::server {

// The answers that routes give by themselves.

[[nodiscard]] protocol::reply refuse(protocol::errc code, std::string detail);

/// @param allow static text, here and below.
[[nodiscard]] protocol::reply with_allow(protocol::reply answer, std::string_view allow);

/// 204 with what the path takes.
[[nodiscard]] protocol::reply options_reply(std::string_view allow);

/// 405. @param advice more about what to do, if there is more.
[[nodiscard]] protocol::reply method_not_allowed(protocol::request_head const& head, std::string_view allow,
                                                 std::string_view advice = {});

[[nodiscard]] protocol::reply json_reply(std::string body);

}  // namespace holdfast::server
