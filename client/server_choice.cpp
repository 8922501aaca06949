#include "client/server_choice.hpp"

namespace holdfast::client {

bool is_for_another(error const& failed) noexcept {
  return failed.refused && failed.refused->status == 503 &&
         (failed.refused->code == "no_leader" || failed.refused->code == "draining");
}

error joined(std::vector<error> const& failed) {
  auto all = failed.back();
  all.message.clear();
  for (auto const& one : failed) (all.message += all.message.empty() ? "" : "; ") += one.message;
  return all;
}

}  // namespace holdfast::client
