#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::client {

// Values come back byte for byte as they were put, so what the server says around them is taken apart without being
// rebuilt: a value of `1.0` stays `1.0`. All take text that protocol::check_json has accepted.

/// The members of an object in order: the name, and the text of the value. Empty for what is no object.
[[nodiscard]] std::vector<std::pair<std::string, std::string_view>> members_of(std::string_view object);

/// The texts of the elements of an array. Empty for what is no array.
[[nodiscard]] std::vector<std::string_view> elements_of(std::string_view array);

/// What a JSON string says; half of a surrogate pair is replaced. Empty for what is no string.
[[nodiscard]] std::string string_in(std::string_view json);

/// `text` as a JSON string, quotes included. What is not UTF-8 in it is replaced.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace holdfast::client
