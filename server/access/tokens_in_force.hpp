#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "protocol/error.hpp"
#include "server/access/token.hpp"

namespace holdfast::server {

/// The tokens of a file, which can be reloaded while threads use them.
class tokens_in_force {
 public:
  /// @throws std::runtime_error that names the wrong line of the file, and what to do.
  explicit tokens_in_force(std::string path);

  /// Reads the file again. If it is wrong, the tokens stay unchanged.
  [[nodiscard]] protocol::result<void> reload();

  /// Number of the current set: 1 at first, incremented by each successful reload. Any thread.
  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_.load(std::memory_order_acquire); }
  /// Any thread.
  [[nodiscard]] std::shared_ptr<token_set const> current() const;
  [[nodiscard]] std::string const& path() const noexcept { return path_; }

 private:
  std::string const path_;
  std::mutex mutable mutex_;
  std::shared_ptr<token_set const> tokens_;
  std::atomic<std::uint64_t> generation_{1};
};

}  // namespace holdfast::server
