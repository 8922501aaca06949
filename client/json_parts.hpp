#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::client {

// Functions that split JSON without rebuilding it, because values must stay byte for byte as they were stored: `1.0`
// stays `1.0`.
// All require text that protocol::check_json has accepted.

/// The members of an object in order: name and text of the value. Empty if it is not an object.
[[nodiscard]] std::vector<std::pair<std::string, std::string_view>> members_of(std::string_view object);

/// The texts of the elements of an array. Empty if it is not an array.
[[nodiscard]] std::vector<std::string_view> elements_of(std::string_view array);

/// The text of a JSON string; half a surrogate pair is replaced. Empty if it is not a string.
[[nodiscard]] std::string string_in(std::string_view json);

/// `text` as a JSON string, with quotes. Invalid UTF-8 is replaced.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace holdfast::client
