#pragma once

#include <string_view>

#include "protocol/error.hpp"

namespace holdfast::protocol {

constexpr int json_depth_max = 512;

/// Whether `text` is one JSON value (RFC 8259: UTF-8, no byte order mark, white space around it allowed), nested at
/// most json_depth_max deep. Numbers that no double can hold (1e999) and \u escapes of half a surrogate pair are
/// refused. Nothing is built: the text is what is kept.
/// @return errc::invalid_json with the place where it broke otherwise.
[[nodiscard]] result<void> check_json(std::string_view text);

}  // namespace holdfast::protocol
