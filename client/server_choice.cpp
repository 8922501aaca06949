#include "client/server_choice.hpp"

#include <utility>

namespace holdfast::client {

bool is_for_another(error const& failed) noexcept {
  return failed.refused && failed.refused->status == 503 &&
         (failed.refused->code == "no_leader" || failed.refused->code == "draining");
}

error joined(std::vector<error> failed) {
  auto all = std::move(failed.back());
  failed.pop_back();
  for (auto one = failed.rbegin(); one != failed.rend(); ++one) all.message = one->message + "; " + all.message;
  return all;
}

}  // namespace holdfast::client
