#pragma once

#include <string_view>

namespace holdfast::protocol {

/// The time now as a Date field has it (RFC 9110 §5.6.7), `Tue, 24 Nov 2026 03:14:11 GMT`. Formatted once a second per
/// thread; the view is valid until this thread's next call.
[[nodiscard]] std::string_view http_date_now();

}  // namespace holdfast::protocol
