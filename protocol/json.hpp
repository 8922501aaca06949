#pragma once

#include <string_view>

#include "protocol/error.hpp"

namespace holdfast::protocol {

constexpr int json_depth_max = 512;

/// The depth of a text that contains values, such as a list or the results of a transaction: these levels are around a
/// value of json_depth_max.
constexpr int json_depth_with_values_max = json_depth_max + 8;

/// Checks that `text` is one JSON value (RFC 8259: UTF-8, no byte order mark, surrounding white space allowed), nested
/// at most `depth_max` deep, up to json_depth_with_values_max. Every number of the grammar is valid, including 1e999 or
/// an integer of a thousand digits, and so is every escape, including a lone "\ud83d". Builds no value: the text itself
/// is stored.
/// @return errc::invalid_json with the line and column of the error.
[[nodiscard]] result<void> check_json(std::string_view text, int depth_max = json_depth_max);

}  // namespace holdfast::protocol
