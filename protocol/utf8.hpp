#pragma once

#include <cstddef>
#include <string_view>

namespace holdfast::protocol {

/// Length in bytes of the well-formed UTF-8 sequence at the start of `text` (Unicode 15, table 3-7); 0 if there is
/// none.
[[nodiscard]] std::size_t utf8_sequence_length(std::string_view text) noexcept;

[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

}  // namespace holdfast::protocol
