#include "server/api/foreign_pages.hpp"

#include <algorithm>

#include "protocol/ascii.hpp"
#include "server/api/answers.hpp"

namespace holdfast::server {

using namespace protocol;

namespace {

/// The name in a Host field, without port and brackets.
std::string_view name_in(std::string_view host) {
  if (host.starts_with('[')) return host.substr(1, std::min(host.find(']'), host.size()) - 1);
  return host.substr(0, host.find(':'));
}

/// True if browsers parse the host as an IPv4 address or reject it: its last label consists of digits (WHATWG URL,
/// "ends in a number"). So no name that somebody can register passes.
bool ends_in_a_number(std::string_view name) noexcept {
  auto digit = name.rbegin();
  while (digit != name.rend() && *digit >= '0' && *digit <= '9') ++digit;
  return digit != name.rbegin() && (digit == name.rend() || *digit == '.');
}

}  // namespace

std::string_view host_of(request_head const& head) noexcept {
  if (head.target.starts_with('/')) return head.host;
  auto const authority = authority_of(head.target);
  return authority.empty() ? head.host : authority;
}

bool is_own_name(std::string_view host, std::span<std::string const> host_names) {
  auto const name = name_in(host);
  if (ends_in_a_number(name) || equals_ignoring_case(name, "localhost")) return true;
  // Brackets contain an IPv6 address; browsers send nothing else in them.
  if (host.starts_with('[') && name.find(':') != std::string_view::npos) return true;
  return std::any_of(host_names.begin(), host_names.end(),
                     [&](std::string const& one) { return equals_ignoring_case(name, one); });
}

bool may_be_foreign_name(std::string_view host, std::span<std::string const> host_names) {
  return !is_own_name(host, host_names) && name_in(host).find('.') != std::string_view::npos;
}

bool is_own_origin(std::string_view origin, std::string_view host) {
  for (std::string_view const scheme : {"http://", "https://"})
    if (origin.size() > scheme.size() && equals_ignoring_case(origin.substr(0, scheme.size()), scheme) &&
        equals_ignoring_case(origin.substr(scheme.size()), host))
      return true;
  return false;
}

bool is_allowed_origin(request_head const& head, route_settings const& settings) noexcept {
  return !head.origin.empty() && std::find(settings.cors_origins.begin(), settings.cors_origins.end(), head.origin) !=
                                     settings.cors_origins.end();
}

bool is_foreign_navigation(request_head const& head) noexcept {
  return head.is_cross_site && head.is_navigation && (head.method == method::get || head.method == method::head);
}

std::optional<reply> refuse_foreign_page(request_head const& head, route_settings const& settings) {
  if (is_allowed_origin(head, settings)) return std::nullopt;
  if (settings.is_on_loopback && may_be_foreign_name(host_of(head), settings.host_names))
    return refuse(errc::foreign_origin, "this server is reached at an IP address or at localhost; for the name '" +
                                            std::string(host_of(head).substr(0, 100)) +
                                            "' start it with --host-name NAME");
  if (!head.origin.empty() && !is_own_origin(head.origin, host_of(head)))
    return refuse(errc::foreign_origin, "a page of " + std::string(head.origin.substr(0, 100)) +
                                            " may not use this server; to let it, start the server with --cors-origin "
                                            "ORIGIN");
  if (head.is_cross_site && !is_foreign_navigation(head))
    return refuse(
        errc::foreign_origin,
        "a page of another site may not use this server; to let it, start the server with --cors-origin ORIGIN");
  return std::nullopt;
}

std::optional<reply> answer_preflight(request_head const& head, route_settings const& settings) {
  if (head.method != method::options || !head.is_preflight || !is_allowed_origin(head, settings)) return std::nullopt;
  reply answer;
  answer.status = 204;
  answer.more_fields =
      "Access-Control-Allow-Methods: GET, HEAD, PUT, POST, PATCH, DELETE\r\n"
      "Access-Control-Allow-Headers: Authorization, Content-Type, If-Match, If-None-Match, Prefer, Idempotency-Key, "
      "Last-Event-ID, Holdfast-Source, Holdfast-Lock\r\n"
      "Access-Control-Max-Age: 600\r\n";
  return answer;
}

std::string cors_fields(std::string_view origin) {
  return "Access-Control-Allow-Origin: " + std::string(origin) +
         "\r\nVary: Origin\r\n"
         "Access-Control-Expose-Headers: ETag, Holdfast-Revision, Holdfast-TTL, Holdfast-Request-Id, "
         "Idempotent-Replayed, Link, Location, Preference-Applied, Retry-After, Server-Timing\r\n";
}

}  // namespace holdfast::server
