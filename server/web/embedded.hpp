#pragma once

#include <string_view>

/// The page's files from the build. Without Node.js, the first is a page that says so, and the others are empty.
namespace holdfast::server::web {

[[nodiscard]] std::string_view page_html();
[[nodiscard]] std::string_view page_js();
[[nodiscard]] std::string_view page_css();
[[nodiscard]] std::string_view page_svg();

}  // namespace holdfast::server::web
