#pragma once

#include <cstddef>
#include <vector>

#include "client/endpoint.hpp"
#include "client/error.hpp"

namespace holdfast::client {

/// The servers of a client, and the one that it uses now.
class server_choice {
 public:
  explicit server_choice(endpoint const& first) : all_(servers_of(first)) {}

  [[nodiscard]] endpoint const& current() const noexcept { return all_[at_]; }
  [[nodiscard]] std::size_t count() const noexcept { return all_.size(); }
  /// Changes to the next server of the list, cyclically.
  void go_on() noexcept { at_ = (at_ + 1) % all_.size(); }

 private:
  std::vector<endpoint> all_;
  std::size_t at_ = 0;
};

/// True if the server refused for a reason that another may not have: it does not lead, or it is stopping.
[[nodiscard]] bool is_for_another(error const& failed) noexcept;

/// The messages of all failed servers as one error, of the last one's kind.
[[nodiscard]] error joined(std::vector<error> const& failed);

}  // namespace holdfast::client
