#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "protocol/target.hpp"
#include "server/http/reply.hpp"
#include "server/http/request_head.hpp"

namespace holdfast::server {

// Answers that several resources give.

/// The methods that most of them accept.
inline constexpr std::string_view read_allow = "GET, HEAD, OPTIONS";

[[nodiscard]] reply refuse(protocol::errc code, std::string detail);

/// @param allow must be static text, also below.
[[nodiscard]] reply with_allow(reply answer, std::string_view allow);

/// 204 with the methods that the path accepts.
[[nodiscard]] reply options_reply(std::string_view allow);

/// 405. @param advice further help for the client; may be empty.
[[nodiscard]] reply method_not_allowed(request_head const& head, std::string_view allow, std::string_view advice = {});

/// For a read-only resource whose path takes no parameters: the answer to every request other than a plain read,
/// including OPTIONS.
[[nodiscard]] std::optional<reply> refuse_all_but_reads(request_head const& head, protocol::target const& target);

/// The same for a resource that checks its parameters itself.
[[nodiscard]] std::optional<reply> refuse_all_but_reads(request_head const& head);

[[nodiscard]] reply json_reply(std::string body);

[[nodiscard]] reply no_such_path();
[[nodiscard]] reply draining_reply();
/// 503. @param leads whether this server leads, and can't reach etcd
/// @param is_cut_off whether a standby can't reach etcd
[[nodiscard]] reply no_leader_reply(bool leads, bool is_cut_off);

/// For answers that are true only now: no cache may keep them.
[[nodiscard]] reply no_store(reply answer);

/// problem+json with one additional member. @param member as JSON.
[[nodiscard]] reply problem_with(protocol::failure const& error, std::string_view name, std::string_view member);

/// ISO 8601 in UTC, with milliseconds.
[[nodiscard]] std::string text_of(std::chrono::system_clock::time_point time);

}  // namespace holdfast::server
