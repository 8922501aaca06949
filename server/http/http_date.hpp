#pragma once

#include <span>

namespace holdfast::server {

inline constexpr std::size_t http_date_bytes = 29;

/// The current time as in a Date field (RFC 9110 §5.6.7): `Tue, 24 Nov 2026 03:14:11 GMT`. Formatted once per second
/// and thread; the text is valid until this thread's next call.
[[nodiscard]] std::span<char const, http_date_bytes> http_date_now();

}  // namespace holdfast::server
