#pragma once

#include "client/answer_parser.hpp"
#include "client/error.hpp"

namespace holdfast::client {

/// What an answer outside 200 to 299 says. A body that is no problem document (RFC 9457) leaves code and detail empty.
[[nodiscard]] refusal read_refusal(answer_message const& answer);

/// The same as an error of kind status, with title and detail as its message.
[[nodiscard]] error refused_by(answer_message const& answer);

}  // namespace holdfast::client
