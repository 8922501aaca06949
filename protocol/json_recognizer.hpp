#pragma once

#include <string_view>

namespace holdfast::protocol {

/// Whether `text` is certain to be what check_json() takes. Boost.JSON's parser with nobody to tell what it finds: it
/// builds nothing, allocates nothing, and takes a fourth of nlohmann_json's time for a small value and a twenty-fifth
/// for a megabyte of text, which else would keep its thread from everybody else for twelve milliseconds.
/// @return false where it takes check_json() to tell, and to say why: also for a few numbers at the edge of a double.
[[nodiscard]] bool is_certainly_json(std::string_view text);

}  // namespace holdfast::protocol
