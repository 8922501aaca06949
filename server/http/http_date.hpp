#pragma once

#include <span>

namespace holdfast::server {

inline constexpr std::size_t http_date_bytes = 29;

/// The time now as a Date field has it (RFC 9110 §5.6.7), `Tue, 24 Nov 2026 03:14:11 GMT`. Formatted once a second per
/// thread; the text is valid until this thread's next call.
[[nodiscard]] std::span<char const, http_date_bytes> http_date_now();

}  // namespace holdfast::server
