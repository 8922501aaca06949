#include "server/store/answered_requests.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace holdfast::server {
namespace {

std::uint64_t bytes_of(json_text const& text) noexcept {
  constexpr std::uint64_t beside_it = 64;
  return text ? text->size() + beside_it : 0;
}

std::uint64_t bytes_of(std::optional<std::string> const& text) noexcept {
  return text ? text->capacity() : 0;
}

std::uint64_t bytes_of(std::vector<json_text> const& values) noexcept {
  auto bytes = values.capacity() * sizeof(json_text);
  for (auto const& one : values) bytes += bytes_of(one);
  return bytes;
}

/// An outcome's memory beside the variant. A kind without a case does not compile.
struct byte_counter {
  std::uint64_t operator()(value_found const& found) const noexcept { return bytes_of(found.value); }
  std::uint64_t operator()(not_modified const&) const noexcept { return 0; }
  std::uint64_t operator()(value_stored const& stored) const noexcept {
    return bytes_of(stored.value) + bytes_of(stored.replaced);
  }
  std::uint64_t operator()(value_deleted const& deleted) const noexcept { return bytes_of(deleted.removed); }
  std::uint64_t operator()(value_touched const& touched) const noexcept { return bytes_of(touched.value); }
  std::uint64_t operator()(no_such_key const&) const noexcept { return 0; }
  std::uint64_t operator()(condition_failed const&) const noexcept { return 0; }
  std::uint64_t operator()(value_refused const& refused) const noexcept { return refused.detail.capacity(); }
  std::uint64_t operator()(listing const& page) const noexcept {
    auto bytes = page.keys.capacity() + (page.entries.capacity() + page.groups.capacity()) * sizeof(listing::entry) +
                 bytes_of(page.next);
    for (auto const& one : page.entries) bytes += bytes_of(one.value);
    return bytes;
  }
  std::uint64_t operator()(range_deleted const& deleted) const noexcept {
    return bytes_of(deleted.next) + bytes_of(deleted.removed);
  }
  std::uint64_t operator()(lock_lost const& lost) const noexcept { return lost.grant.lock.capacity(); }
  std::uint64_t operator()(transaction_done const& done) const noexcept {
    auto bytes = sizeof *done + done->failed_checks.capacity() * sizeof(transaction_outcome::failed_check) +
                 done->results.capacity() * sizeof(data_outcome) + bytes_of(done.replaced);
    for (auto const& one : done->results) bytes += std::visit(*this, one);
    return bytes;
  }

  // These are never remembered.
  std::uint64_t operator()(no_room const&) const noexcept { return 0; }
  std::uint64_t operator()(text_wanted const&) const noexcept { return 0; }
  std::uint64_t operator()(import_done const&) const noexcept { return 0; }
  std::uint64_t operator()(entries_expired const&) const noexcept { return 0; }
  std::uint64_t operator()(ticket_found const&) const noexcept { return 0; }
  std::uint64_t operator()(ticket_released const&) const noexcept { return 0; }
  std::uint64_t operator()(deadlock_found const&) const noexcept { return 0; }
  std::uint64_t operator()(lock_shown const&) const noexcept { return 0; }
  std::uint64_t operator()(locks_listed const&) const noexcept { return 0; }
  std::uint64_t operator()(earlier_outcome_pointer const&) const noexcept { return 0; }
};

}  // namespace

std::uint64_t bytes_of(data_outcome const& outcome) noexcept {
  return sizeof outcome + std::visit(byte_counter{}, outcome);
}

earlier_outcome_pointer answered_requests::find(std::string_view key, clock::time_point now) const {
  auto const found = by_key_.find(key);
  return found != by_key_.end() && now - found->second.at < kept_for ? found->second.outcome : nullptr;
}

std::uint64_t answered_requests::version_of(std::string_view key) const {
  auto const found = by_key_.find(key);
  return found != by_key_.end() ? found->second.version : 0;
}

void answered_requests::make_place(std::string const& key) {
  in_order_.push_back({.key = key, .at = {}});
  try {
    place_ = by_key_.try_emplace(key).first;
  } catch (...) {
    in_order_.pop_back();
    throw;
  }
}

void answered_requests::give_back_place() noexcept {
  in_order_.pop_back();
  if (place_->second.version == 0) by_key_.erase(place_);
}

void answered_requests::add(earlier_outcome_pointer outcome, clock::time_point now, std::uint64_t version) noexcept {
  auto& last = in_order_.back();
  // The key occurs twice.
  last.bytes = bytes_of(outcome->outcome) + 2 * last.key.size() + 160;
  last.at = now;
  last.version = version;
  bytes_ += last.bytes;
  place_->second = {std::move(outcome), now, version};
}

std::size_t answered_requests::due(clock::time_point now, std::size_t most, std::uint64_t adding) const noexcept {
  std::size_t count = 0;
  auto bytes = bytes_;
  for (; count < in_order_.size(); ++count) {
    if (count >= most && bytes_ - bytes >= adding) break;
    auto const& one = in_order_[count];
    auto const left = in_order_.size() - count;
    auto const is_too_many = left > 1 && (left > requests_max || bytes > bytes_max);
    if (!is_too_many && now - one.at < kept_for) break;
    bytes -= one.bytes;
  }
  return count;
}

void answered_requests::forget_first() noexcept {
  auto const& first = in_order_.front();
  bytes_ -= first.bytes;
  auto const found = by_key_.find(first.key);
  if (found != by_key_.end() && found->second.version == first.version) by_key_.erase(found);
  in_order_.pop_front();
}

void answered_requests::sort() {
  std::sort(in_order_.begin(), in_order_.end(), [](auto const& a, auto const& b) { return a.version < b.version; });
}

}  // namespace holdfast::server
