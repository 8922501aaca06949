#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::protocol {

/// Length in bytes of the well-formed UTF-8 sequence at the start of `text` (Unicode 15, table 3-7); 0 if there is
/// none.
[[nodiscard]] std::size_t utf8_sequence_length(std::string_view text) noexcept;

[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

/// The code point at the start of `text`, which begins with a well-formed sequence.
[[nodiscard]] std::uint32_t utf8_code_point(std::string_view text) noexcept;

/// Appends a code point below 0x110000. Half a surrogate pair becomes three bytes that are no UTF-8 (WTF-8).
void append_utf8(std::string& to, std::uint32_t code);

}  // namespace holdfast::protocol
