#include "client/load/verify/minimizer.hpp"

#include <algorithm>
#include <bit>
#include <unordered_set>
#include <vector>

#include "client/load/verify/checker.hpp"
#include "client/load/verify/providers.hpp"

namespace holdfast::client::verify {
namespace {

/// An operation, by its index in the whole history, possibly without its report of the previous value.
struct kept_operation {
  std::size_t place;
  operation done;
};
using selection = std::vector<kept_operation>;

void drop_premise(operation& write) {
  write.what = write.value == absent ? action::erase : action::write;
}

class minimizer {
 public:
  minimizer(history const& whole, std::size_t configurations_max)
      : whole_(whole), effort_{.configurations_max = configurations_max} {
    for (std::size_t place = 0; place < whole.operations.size(); ++place) {
      // A get without an answer carries no information.
      auto const& one = whole.operations[place];
      if (is_write(one) || is_certain(one)) kept_.push_back({place, one});
    }
  }

  counter_example run() {
    // Large parts first, to remove most operations early; the latest first, so that the first violation is kept.
    auto const count = whole_.operations.size();
    for (auto size = std::bit_ceil(count); size > 0; size /= 2) {
      for (auto end = (count + size - 1) / size * size; end > 0; end -= size) try_without(end - size, end);
    }
    for (std::size_t i = 0; i < kept_.size(); ++i) try_without_premise(i);
    return {.kind = violation::contradiction, .shown = shown(kept_), .is_minimal = is_minimal_};
  }

 private:
  [[nodiscard]] history shown(selection const& of) const {
    history made{whole_.initial, {}};
    for (auto const& one : of) made.operations.push_back(one.done);
    return made;
  }

  bool is_violated(selection const& without) {
    auto const judged = check(shown(without), effort_);
    is_minimal_ = is_minimal_ && judged != verdict::undecided;
    return judged == verdict::violated;
  }

  void try_without(std::size_t from, std::size_t to) {
    selection rest;
    for (auto const& one : kept_) {
      if (one.place < from || one.place >= to) rest.push_back(one);
    }
    if (rest.size() == kept_.size()) return;
    drop_what_rests_on_others(rest);
    if (is_violated(rest)) kept_ = std::move(rest);
  }

  void try_without_premise(std::size_t number) {
    auto& done = kept_[number].done;
    if (!is_write(done) || premise_of(done) == premise::none) return;
    auto const with = done;
    drop_premise(done);
    if (!is_violated(kept_)) done = with;
  }

  /// Makes a selection sound: removes what depends on writes outside of it.
  void drop_what_rests_on_others(selection& rest) const {
    std::vector<operation> others;
    std::unordered_set<value_number> other_values;
    auto next = rest.begin();
    for (std::size_t place = 0; place < whole_.operations.size(); ++place) {
      auto const& one = whole_.operations[place];
      if (next != rest.end() && next->place == place) {
        ++next;
      } else if (is_write(one)) {
        others.push_back(one);
        if (one.value != absent) other_values.insert(one.value);
      }
    }
    providers const can_provide(others, shown(rest).operations);
    std::erase_if(rest, [&](kept_operation& one) {
      auto& done = one.done;
      if (premise_of(done) == premise::value) return other_values.contains(done.value);
      if (!can_provide.any_for(done)) return false;
      if (!is_write(done)) return true;
      drop_premise(done);
      return false;
    });
  }

  history const& whole_;
  effort const effort_;
  selection kept_;  // ordered by place
  bool is_minimal_ = true;
};

operation const* put_of(value_number value, history const& whole) {
  auto const found = std::ranges::find_if(
      whole.operations, [&](auto const& one) { return is_write(one) && one.value == value && value != absent; });
  return found == whole.operations.end() ? nullptr : &*found;
}

bool is_ever_read(value_number value, history const& whole) {
  return std::ranges::any_of(whole.operations,
                             [&](auto const& one) { return !is_write(one) && is_certain(one) && one.value == value; });
}

/// The violation that `read` shows in the context of a counterexample.
violation kind_of(operation const& read, history const& shown, history const& whole) {
  if (read.value == absent) return violation::lost_value;
  auto const* const put = put_of(read.value, shown);
  if (put == nullptr && read.value != whole.initial) return violation::foreign_value;
  if (put != nullptr && precedes(read, *put)) return violation::read_before_written;
  for (auto const& other : shown.operations) {
    auto const is_between =
        other.value != read.value && (put == nullptr || precedes(*put, other)) && precedes(other, read);
    if (!is_between) continue;
    if (other.value == absent) return violation::returned_after_delete;
    return is_ever_read(other.value, whole) ? violation::stale_read : violation::lost_update;
  }
  return violation::contradiction;
}

violation kind_of(history const& shown, history const& whole) {
  auto only_writes = true;
  for (auto const& one : shown.operations) {
    if (is_write(one)) continue;
    only_writes = false;
    auto const kind = kind_of(one, shown, whole);
    if (kind != violation::contradiction) return kind;
  }
  return only_writes ? violation::wrong_status : violation::contradiction;
}

}  // namespace

std::string_view name_of(violation kind) noexcept {
  switch (kind) {
    case violation::foreign_value:
      return "foreign_value";
    case violation::read_before_written:
      return "read_before_written";
    case violation::lost_update:
      return "lost_update";
    case violation::stale_read:
      return "stale_read";
    case violation::returned_after_delete:
      return "returned_after_delete";
    case violation::lost_value:
      return "lost_value";
    case violation::wrong_status:
      return "wrong_status";
    case violation::contradiction:
      return "contradiction";
  }
  return "";
}

counter_example minimize(history const& violated, std::size_t configurations_max) {
  auto found = minimizer(violated, configurations_max).run();
  found.kind = kind_of(found.shown, violated);
  return found;
}

}  // namespace holdfast::client::verify
