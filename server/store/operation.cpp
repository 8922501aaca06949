#include "server/store/operation.hpp"

namespace holdfast::server {
namespace {

struct subject_namer {
  template <class OneKey>
  std::string_view operator()(OneKey const& one) const noexcept {
    return one.key;
  }
  std::string_view operator()(list_operation const& list) const noexcept { return list.prefix; }
  std::string_view operator()(delete_range_operation const& range) const noexcept { return range.prefix; }
  std::string_view operator()(transaction const& all) const noexcept { return all.subject; }
  std::string_view operator()(import_operation const& all) const noexcept { return all.subject; }
  std::string_view operator()(expire_operation const&) const noexcept { return {}; }
  std::string_view operator()(ticket_operation const& one) const noexcept { return one.lock; }
  std::string_view operator()(list_locks_operation const& list) const noexcept { return list.prefix; }
  std::string_view operator()(show_lock_operation const& one) const noexcept { return one.lock; }
  std::string_view operator()(std::shared_ptr<guarded_operation const> const& one) const noexcept {
    return std::visit(*this, one->operation);
  }
  std::string_view operator()(std::shared_ptr<idempotent_operation const> const& one) const noexcept {
    return std::visit(*this, one->operation);
  }
};

}  // namespace

data_operation const& inner_of(data_operation const& one) noexcept {
  auto const* inner = &one;
  for (;;) {
    if (auto const* const once = std::get_if<std::shared_ptr<idempotent_operation const>>(inner)) {
      inner = &(*once)->operation;
    } else if (auto const* const guarded = std::get_if<std::shared_ptr<guarded_operation const>>(inner)) {
      inner = &(*guarded)->operation;
    } else {
      return *inner;
    }
  }
}

std::string_view subject_of(data_operation const& one) noexcept {
  return std::visit(subject_namer{}, one);
}

std::string_view subject_of(transaction_step const& one) noexcept {
  return std::visit(subject_namer{}, one);
}

}  // namespace holdfast::server
