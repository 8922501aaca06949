#pragma once

#include <string_view>

#include "protocol/error.hpp"

namespace holdfast::protocol {

constexpr int json_depth_max = 512;

/// Whether `text` is one JSON value (RFC 8259: UTF-8, no byte order mark, white space around it allowed), nested at
/// most json_depth_max deep. Any number of the grammar is one, also 1e999 or an integer of a thousand digits, and any
/// escape, also "\ud83d" alone. Nothing is built: the text is what is kept.
/// @return errc::invalid_json with the line and column where it breaks otherwise.
[[nodiscard]] result<void> check_json(std::string_view text);

}  // namespace holdfast::protocol
