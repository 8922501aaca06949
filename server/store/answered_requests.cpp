#include "server/store/answered_requests.hpp"

#include <utility>

namespace holdfast::server {
namespace {

std::uint64_t bytes_of(json_text const& text) noexcept {
  return text ? text->size() : 0;
}

struct byte_counter {
  std::uint64_t operator()(value_found const& found) const noexcept { return bytes_of(found.value); }
  std::uint64_t operator()(value_stored const& stored) const noexcept {
    return bytes_of(stored.value) + bytes_of(stored.replaced);
  }
  std::uint64_t operator()(value_deleted const& deleted) const noexcept { return bytes_of(deleted.removed); }
  std::uint64_t operator()(listing const& page) const noexcept {
    auto bytes = page.keys.size() + page.entries.size() * sizeof(listing::entry);
    for (auto const& one : page.entries) bytes += bytes_of(one.value);
    return bytes;
  }
  std::uint64_t operator()(transaction_done const& done) const noexcept {
    std::uint64_t bytes = 0;
    for (auto const& one : done->results) bytes += sizeof one + std::visit(*this, one);
    for (auto const& one : done->replaced) bytes += bytes_of(one);
    return bytes;
  }
  template <class Other>
  std::uint64_t operator()(Other const&) const noexcept {
    return 0;
  }
};

}  // namespace

std::uint64_t bytes_of(data_outcome const& outcome) noexcept {
  return sizeof outcome + std::visit(byte_counter{}, outcome);
}

earlier_outcome_pointer answered_requests::find(std::string_view key, clock::time_point now) {
  while (!in_order_.empty() && now - in_order_.front().at >= kept_for) forget_first();
  auto const found = by_key_.find(key);
  return found != by_key_.end() ? found->second : nullptr;
}

void answered_requests::add(std::string const& key, earlier_outcome_pointer outcome, clock::time_point now) {
  // The key is there twice.
  auto const bytes = bytes_of(outcome->outcome) + 2 * key.size() + 128;
  in_order_.push_back({key, now, bytes});
  try {
    by_key_.emplace(key, std::move(outcome));
  } catch (...) {
    in_order_.pop_back();
    throw;
  }
  bytes_ += bytes;
  while (in_order_.size() > 1 && (in_order_.size() > requests_max || bytes_ > bytes_max)) forget_first();
}

void answered_requests::forget_first() noexcept {
  auto const& first = in_order_.front();
  bytes_ -= first.bytes;
  by_key_.erase(first.key);
  in_order_.pop_front();
}

}  // namespace holdfast::server
