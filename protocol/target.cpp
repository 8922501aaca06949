#include "protocol/target.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "protocol/ascii.hpp"
#include "protocol/percent.hpp"

namespace holdfast::protocol {
namespace {

bool is_registered_name(std::string_view text) {
  constexpr std::string_view others = "-._~!$&'()*+,;=";
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size() || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0) return false;
      i += 2;
    } else if (!is_alphanumeric(text[i]) && others.find(text[i]) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

bool is_ipv6_address(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) return false;
  std::copy(text.begin(), text.end(), terminated.begin());
  in6_addr address;
  return inet_pton(AF_INET6, terminated.data(), &address) == 1;  // rejects zones, which are valid on one host only
}

/// The length of `http://` or `https://` at the start of a target; 0 if there is neither.
std::size_t scheme_length(std::string_view text) {
  for (std::string_view const scheme : {"http://", "https://"})
    if (equals_ignoring_case(text.substr(0, scheme.size()), scheme)) return scheme.size();
  return 0;
}

failure refuse(std::string detail) {
  return {errc::bad_request, std::move(detail)};
}

}  // namespace

bool is_host(std::string_view text) {
  std::string_view port;
  if (text.starts_with('[')) {
    auto const close = text.find(']');
    if (close == std::string_view::npos || !is_ipv6_address(text.substr(1, close - 1))) return false;
    port = text.substr(close + 1);
    if (!port.empty() && !port.starts_with(':')) return false;
  } else {
    auto const colon = std::min(text.find(':'), text.size());
    if (!is_registered_name(text.substr(0, colon))) return false;
    port = text.substr(colon);
  }
  if (!port.empty()) port.remove_prefix(1);
  return port.size() <= 5 && std::all_of(port.begin(), port.end(), is_digit);
}

std::string_view authority_of(std::string_view target) noexcept {
  auto const scheme = scheme_length(target);
  if (scheme == 0) return {};
  target.remove_prefix(scheme);
  return target.substr(0, target.find_first_of("/?#"));
}

result<target> parse_target(std::string_view text) {
  if (text == "*") return target{text, {}};
  if (!text.starts_with('/')) {
    auto const scheme = scheme_length(text);
    if (scheme == 0) return refuse("the request target must start with a slash");
    auto const authority = authority_of(text);
    if (authority.empty() || authority.starts_with(':') || !is_host(authority))
      return refuse("the host in the request target is missing or malformed");
    text.remove_prefix(scheme + authority.size());
  }
  if (text.find('#') != std::string_view::npos)
    return refuse("a request target has no fragment; write %23 for a # in a key");
  auto const mark = std::min(text.find('?'), text.size());
  target parts{text.substr(0, mark), text.substr(std::min(mark + 1, text.size()))};
  if (parts.path.empty()) parts.path = "/";
  return parts;
}

namespace {

/// As HTML forms encode it: a plus sign is a space.
std::optional<std::string> form_decode(std::string_view text) {
  if (text.find('+') == std::string_view::npos) return percent_decode(text);
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return percent_decode(spaced);
}

}  // namespace

result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    auto const piece = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(piece.size() + 1, query.size()));
    if (piece.empty()) continue;
    auto const equals = std::min(piece.find('='), piece.size());
    auto name = form_decode(piece.substr(0, equals));
    auto value = form_decode(piece.substr(std::min(equals + 1, piece.size())));
    if (!name || !value)
      return failure{errc::invalid_parameter, "the query has a % that two hexadecimal digits don't follow"};
    parameters.emplace_back(*std::move(name), *std::move(value));
  }
  return parameters;
}

}  // namespace holdfast::protocol
