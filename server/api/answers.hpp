#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "protocol/target.hpp"
#include "server/http/reply.hpp"
#include "server/http/request_head.hpp"

namespace holdfast::server {

// The answers that several resources give.

/// What most of them take.
inline constexpr std::string_view read_allow = "GET, HEAD, OPTIONS";

[[nodiscard]] reply refuse(protocol::errc code, std::string detail);

/// @param allow static text, here and below.
[[nodiscard]] reply with_allow(reply answer, std::string_view allow);

/// 204 with what the path takes.
[[nodiscard]] reply options_reply(std::string_view allow);

/// 405. @param advice more about what to do, if there is more.
[[nodiscard]] reply method_not_allowed(request_head const& head, std::string_view allow, std::string_view advice = {});

/// Of a resource that is only read, and whose path takes no parameters: the answer to anything else, if it is that.
/// OPTIONS is answered too.
[[nodiscard]] std::optional<reply> refuse_all_but_reads(request_head const& head, protocol::target const& target);

/// The same where parameters are another's business.
[[nodiscard]] std::optional<reply> refuse_all_but_reads(request_head const& head);

[[nodiscard]] reply json_reply(std::string body);

[[nodiscard]] reply no_such_path();
[[nodiscard]] reply draining_reply();
/// 503. @param leads whether this server leads, and can't reach etcd
[[nodiscard]] reply no_leader_reply(bool leads);

/// So that no cache keeps what is true only now.
[[nodiscard]] reply no_store(reply answer);

/// problem+json with one member more. @param member as JSON.
[[nodiscard]] reply problem_with(protocol::failure const& error, std::string_view name, std::string_view member);

/// ISO 8601 in UTC, with milliseconds.
[[nodiscard]] std::string text_of(std::chrono::system_clock::time_point time);

}  // namespace holdfast::server
