#include "server/store/database.hpp"

#include <utility>

namespace holdfast::server {

using namespace protocol;

outcome database::apply(operation const& operation) {
  return std::visit([this](auto const& one) { return run(one); }, operation);
}

database::entry const* database::find(std::string_view key) const {
  auto const found = entries_.find(key);
  return found != entries_.end() ? &found->second : nullptr;
}

outcome database::run(get_operation const& get) const {
  auto const* const found = find(get.key);
  if (found == nullptr) return no_such_key{};
  return value_found{found->value, found->revision};
}

outcome database::run(put_operation const& put) {
  auto place = entries_.find(put.key);
  auto const created = place == entries_.end();
  auto const bytes_before = created ? 0 : bytes_of(put.key.size(), place->second.value->size());
  auto const bytes_after = bytes_of(put.key.size(), put.value->size());
  if (bytes_after > bytes_before && bytes_ - bytes_before + bytes_after > bytes_max_) return no_room{};
  // The copy of the key is made before the tree is touched: the tree has moved others aside when it takes it.
  if (created) place = entries_.try_emplace(std::string(put.key)).first;
  bytes_ = bytes_ - bytes_before + bytes_after;
  place->second.revision = ++revision_;
  return value_stored{revision_, created, std::exchange(place->second.value, put.value)};
}

outcome database::run(delete_operation const& del) {
  auto const found = entries_.find(del.key);
  if (found == entries_.end()) return no_such_key{};
  value_deleted deleted{std::move(found->second.value)};
  bytes_ -= bytes_of(del.key.size(), deleted.removed->size());
  entries_.erase(found);
  ++revision_;
  return deleted;
}

}  // namespace holdfast::server
