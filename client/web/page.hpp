#pragma once

#include <string>
#include <string_view>

namespace holdfast::client::web {

/// The page as it was built, with `@REPORT@` where a report goes; empty when this program was built without Node.js.
[[nodiscard]] std::string_view page_template();

/// The answer to a request for HTML when there is no page.
constexpr std::string_view no_page =
    "this holdfast was built without HTML reports; install nodejs and npm (Debian: apt-get install nodejs npm), build "
    "again, or ask for --json";

/// The page that shows `json`, a report or a comparison, self-contained: it fetches nothing. Whatever stands in the
/// JSON stays data: none of it can end the element that carries it.
[[nodiscard]] std::string page_of(std::string_view json, std::string_view whole = page_template());

}  // namespace holdfast::client::web
