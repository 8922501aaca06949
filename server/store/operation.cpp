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
  std::string_view operator()(std::shared_ptr<idempotent_operation const> const& one) const noexcept {
    return std::visit(*this, one->operation);
  }
};

}  // namespace

data_operation const& inner_of(data_operation const& one) noexcept {
  auto const* const wrapped = std::get_if<std::shared_ptr<idempotent_operation const>>(&one);
  return wrapped != nullptr ? (*wrapped)->operation : one;
}

std::string_view subject_of(data_operation const& one) noexcept {
  return std::visit(subject_namer{}, one);
}

std::string_view subject_of(transaction_step const& one) noexcept {
  return std::visit(subject_namer{}, one);
}

}  // namespace holdfast::server
