#include "client/web/page.hpp"

namespace holdfast::client::web {

std::string page_of(std::string_view json, std::string_view whole) {
  constexpr std::string_view mark = "@REPORT@";
  auto const at = whole.find(mark);
  if (at == std::string_view::npos) return std::string(whole);
  std::string page(whole.substr(0, at));
  page.reserve(whole.size() + json.size());
  for (auto const letter : json) {
    // A script element ends at the first `</script`, and `<!--` changes its rules. JSON has `<` in strings alone.
    if (letter == '<') {
      page += "\\u003c";
    } else {
      page += letter;
    }
  }
  return page += whole.substr(at + mark.size());
}

}  // namespace holdfast::client::web
