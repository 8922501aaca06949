#pragma once

#include <span>
#include <string_view>

namespace holdfast::server {

/// A file that the server serves as it is.
struct page_file {
  std::string_view path;          ///< of the target, exactly: "/", "/assets/page.js"
  std::string_view content_type;  ///< the header field's value
  std::string_view bytes;
  std::string_view etag;  ///< strong, in quotes; the same bytes have the same tag in every process
};

/// The page at `/` and all that it fetches of its own. The views live as long as the process; any thread may ask.
/// Built without Node.js there is `/` alone, which says so.
[[nodiscard]] std::span<page_file const> page_files();

/// The Content-Security-Policy to send with each of them: its own script and style, nothing inline, no other host, no
/// frame around it. So a key or a peer that is called `<script>` stays text even if the page had a hole.
inline constexpr std::string_view page_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

}  // namespace holdfast::server
