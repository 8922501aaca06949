#pragma once

#include <span>
#include <string_view>

namespace holdfast::server {

/// A file that the server serves unchanged.
struct page_file {
  std::string_view path;          ///< the exact path of the target: "/", "/assets/page.js"
  std::string_view content_type;  ///< the header field's value
  std::string_view bytes;
  std::string_view etag;  ///< a strong tag with quotes, a hash of the bytes
};

/// The page at `/` and its files. The views are valid for the life of the process. Thread-safe. If the server was built
/// without Node.js, there is only `/`, which says so.
[[nodiscard]] std::span<page_file const> page_files();

/// The Content-Security-Policy sent with each file: only the page's own script and style, nothing inline, no other
/// host, no framing. A key or a peer named `<script>` stays text even if the page has a bug.
inline constexpr std::string_view page_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

}  // namespace holdfast::server
