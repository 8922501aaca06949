#include "server/api/lock_guard.hpp"

#include <memory>
#include <string_view>
#include <utility>

#include "protocol/ascii.hpp"
#include "protocol/key.hpp"
#include "server/api/parameters.hpp"

namespace holdfast::server {

using namespace protocol;

namespace {

constexpr std::size_t grants_max = 16;

failure wrong(std::string detail) {
  return {errc::invalid_lock, std::move(detail)};
}

}  // namespace

result<std::vector<lock_grant>> read_lock_guard(request_head const& head) {
  std::vector<lock_grant> grants;
  if (!head.lock) return grants;
  std::string_view rest = *head.lock;
  auto const malformed = wrong(
      "Holdfast-Lock is the lock's name as it stands in a path, and the grant's token: "
      "Holdfast-Lock: deploy;token=1847");
  for (auto more = true; more;) {
    auto const end = rest.find(',');
    more = end != std::string_view::npos;
    auto part = rest.substr(0, end);
    rest.remove_prefix(more ? end + 1 : rest.size());
    auto const strip = [](std::string_view text) {
      auto const first = text.find_first_not_of(" \t");
      if (first == std::string_view::npos) return std::string_view();
      return text.substr(first, text.find_last_not_of(" \t") + 1 - first);
    };
    part = strip(part);
    auto const semicolon = part.find(';');
    if (semicolon == std::string_view::npos) return malformed;
    auto lock = lock_name_from_segment(strip(part.substr(0, semicolon)));
    if (!lock) return lock.error();
    auto parameter = strip(part.substr(semicolon + 1));
    constexpr std::string_view token_is = "token=";
    if (parameter.size() <= token_is.size() || !equals_ignoring_case(parameter.substr(0, token_is.size()), token_is))
      return malformed;
    auto const token = parse_integer(parameter.substr(token_is.size()));
    if (!token || *token <= 0) return malformed;
    if (grants.size() == grants_max) return wrong("Holdfast-Lock names more than 16 locks");
    grants.push_back({*std::move(lock), static_cast<std::uint64_t>(*token)});
  }
  return grants;
}

void guard(data_request& request, std::vector<lock_grant>&& grants) {
  guarded_operation one{std::move(grants), std::move(request.operation)};
  request.operation = std::make_shared<guarded_operation const>(std::move(one));
}

failure failure_of(lock_lost const& lost) {
  return {errc::lock_lost, "the grant of the lock '" + lost.grant.lock + "' with the token " +
                               std::to_string(lost.grant.token) +
                               " is over, or there never was one; nothing was changed. Ask for a new ticket"};
}

}  // namespace holdfast::server
