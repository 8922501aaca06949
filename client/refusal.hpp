#pragma once

#include "client/answer_parser.hpp"
#include "client/error.hpp"

namespace holdfast::client {

/// Parses an answer outside 200 to 299. Without a problem document (RFC 9457), code and detail stay empty.
[[nodiscard]] refusal read_refusal(answer_message const& answer);

/// The same as an error of kind status, with title and detail as its message.
[[nodiscard]] error refused_by(answer_message const& answer);

}  // namespace holdfast::client
