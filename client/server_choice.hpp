#pragma once

#include <cstddef>
#include <vector>

#include "client/endpoint.hpp"
#include "client/error.hpp"

namespace holdfast::client {

/// The servers that a client may ask, and the one that it asks now.
class server_choice {
 public:
  explicit server_choice(endpoint const& first) : all_(servers_of(first)) {}

  [[nodiscard]] endpoint const& current() const noexcept { return all_[at_]; }
  [[nodiscard]] std::size_t count() const noexcept { return all_.size(); }
  /// Another one is asked from now on: the next in the list, behind the last the first.
  void go_on() noexcept { at_ = (at_ + 1) % all_.size(); }

 private:
  std::vector<endpoint> all_;
  std::size_t at_ = 0;
};

/// Whether a server has refused because it can do nothing now, which another one may: it does not lead, or it ends.
[[nodiscard]] bool is_for_another(error const& failed) noexcept;

/// What was told of each server that was asked in vain, as one error of the last one's kind.
[[nodiscard]] error joined(std::vector<error> const& failed);

}  // namespace holdfast::client
