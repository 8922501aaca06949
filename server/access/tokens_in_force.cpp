#include "server/access/tokens_in_force.hpp"

#include <stdexcept>
#include <utility>

#include "server/access/token_file.hpp"

namespace holdfast::server {

tokens_in_force::tokens_in_force(std::string path) : path_(std::move(path)) {
  auto read = read_token_file(path_);
  if (!read) throw std::runtime_error("--tokens: " + read.error().detail);
  tokens_ = std::make_shared<token_set const>(*std::move(read));
}

protocol::result<void> tokens_in_force::reload() {
  auto read = read_token_file(path_);
  if (!read) return read.error();
  auto fresh = std::make_shared<token_set const>(*std::move(read));
  {
    std::lock_guard const lock(mutex_);
    tokens_.swap(fresh);
  }
  generation_.fetch_add(1, std::memory_order_release);
  return {};
}

std::shared_ptr<token_set const> tokens_in_force::current() const {
  std::lock_guard const lock(mutex_);
  return tokens_;
}

}  // namespace holdfast::server
