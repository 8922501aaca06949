#include "server/store/step_results.hpp"

#include <utility>
#include <variant>

namespace holdfast::server {
namespace {

/// True if a transaction continues after a step with this outcome.
struct is_done {
  bool operator()(value_found const&) const { return true; }
  bool operator()(not_modified const&) const { return true; }
  bool operator()(value_stored const&) const { return true; }
  bool operator()(value_deleted const&) const { return true; }
  bool operator()(value_touched const&) const { return true; }
  bool operator()(listing const&) const { return true; }
  template <class Other>
  bool operator()(Other const&) const {
    return false;
  }
};

/// True if a missing key is a regular answer to this step rather than an error.
struct allows_no_key {
  bool operator()(get_operation const&) const { return true; }
  bool operator()(delete_operation const&) const { return true; }
  template <class Other>
  bool operator()(Other const&) const {
    return false;
  }
};

/// Drops from an outcome that will be remembered what its answer does not show. The previous values live on in the
/// open transaction.
struct reduce_to_answer {
  bool shows_value;

  void operator()(value_stored& stored) const {
    stored.replaced.reset();
    if (!shows_value) stored.value.reset();
  }
  void operator()(value_deleted& deleted) const {
    if (!shows_value) deleted.removed.reset();
  }
  void operator()(value_touched& touched) const {
    if (!shows_value) touched.value.reset();
  }
  template <class Other>
  void operator()(Other&) const {}
};

/// A page of a transaction, of which there may be many, without the space that it reserved.
void shrink(listing& page, bool is_remembered, list_operation const& list) {
  page.keys.shrink_to_fit();
  page.entries.shrink_to_fit();
  if (!is_remembered || list.values) return;
  for (auto& one : page.entries) {
    one.bytes = one.value->size();
    one.value.reset();
  }
}

}  // namespace

bool step_results::accept(transaction_step const& step, data_outcome& result) {
  auto const goes_on =
      std::holds_alternative<no_such_key>(result) ? std::visit(allows_no_key{}, step) : std::visit(is_done{}, result);
  if (!goes_on) return false;
  if (!fits(step, result)) {
    result = no_room{is_remembered_ ? no_room::where::record : no_room::where::answer};
    return false;
  }
  if (auto* const page = std::get_if<listing>(&result)) shrink(*page, is_remembered_, std::get<list_operation>(step));
  if (is_remembered_) std::visit(reduce_to_answer{std::holds_alternative<increment_operation>(step)}, result);
  return true;
}

/// Adds a result to what the answer has.
bool step_results::fits(transaction_step const& step, data_outcome const& result) {
  auto const bytes_max = is_remembered_ ? remembered_transaction_bytes_max : transaction_bytes_max;
  auto const bytes_before = bytes_;
  if (auto const* const found = std::get_if<value_found>(&result)) bytes_ += found->value->size();
  if (auto const* const page = std::get_if<listing>(&result)) {
    bytes_ += page->keys.size();
    listed_ += page->entries.size() + page->groups.size();
    if (std::get<list_operation>(step).values)
      for (auto const& one : page->entries) bytes_ += one.value->size();
  }
  // Nobody can split the first value; what follows it and adds nothing is no worse.
  auto const is_small = bytes_ <= bytes_max || bytes_before == 0 || bytes_ == bytes_before;
  return listed_ <= transaction_listed_max && is_small;
}

data_outcome remembered(data_outcome outcome, idempotent_operation const& one) {
  auto const counts = std::holds_alternative<increment_operation>(inner_of(one.operation));
  std::visit(reduce_to_answer{one.shows_value || counts}, outcome);
  return outcome;
}

bool is_to_be_retried(data_outcome const& outcome) {
  auto const* const transaction = std::get_if<transaction_done>(&outcome);
  auto const& last = transaction != nullptr && (*transaction)->failed_step ? (*transaction)->results.back() : outcome;
  return std::holds_alternative<text_wanted>(last) || std::holds_alternative<no_room>(last);
}

}  // namespace holdfast::server
