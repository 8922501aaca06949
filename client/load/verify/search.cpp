#include "client/load/verify/search.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "client/load/verify/clusters.hpp"

namespace holdfast::client::verify {
namespace {

using index = std::uint32_t;

/// Replaces every value that was never read: such values are equivalent for the rest of the history.
constexpr value_number unread = absent - 1;

/// An operation that must take effect.
struct step {
  operation done;
  instant due;   ///< first end among its value's operations; for an absent value, its own end
  instant last;  ///< last start among them
};

class searcher {
 public:
  searcher(history const& whole, effort const& limits) : limits_(limits) {
    auto const values = clusters_of(whole);
    now_.value = rename(whole.initial, values);
    for (auto const& one : whole.operations) add(one, values);
  }

  verdict run() {
    if (impossible_) return verdict::violated;
    enter(now_);
    for (;;) {
      if (open_.empty() && now_.next == steps_.size()) return verdict::linearizable;
      if (exhausted()) return verdict::undecided;
      auto const before = now_;
      if (advance()) {
        enter(before);
        continue;
      }
      failed_.insert(here());
      go_back(path_.back().before);
      path_.pop_back();
      if (path_.empty()) return verdict::violated;
    }
  }

 private:
  /// The state restored by backtracking, besides `open_` and the remaining reads.
  struct position {
    std::size_t came = 0;  ///< number of steps that have taken effect
    index next = 0;        ///< the first step that was never in open_
    value_number value = absent;
    index unanswered_puts = 0, unanswered_erases = 0;  ///< numbers of those that have taken effect
  };
  /// The choices at a configuration, in the order in which they are tried. Each is one operation or none.
  enum class choice : std::uint8_t { urgent_put, create, write, remove, erase, unanswered_put, unanswered_erase, none };
  /// A configuration on the current path.
  struct stop {
    position before;                      ///< the position from which it was reached
    choice untried = choice::urgent_put;  ///< the first choice not yet tried here
  };
  /// What the future depends on: the remaining steps and the value. The remaining steps are those from `next` on and
  /// those in `open_`, which are few, since they were all in progress at one instant.
  using configuration = std::u32string;

  value_number rename(value_number value, clusters const& values) {
    if (value == absent) return absent;
    auto const& of_value = values.at(value);
    if (of_value.reads == 0) return unread;
    auto const [at, is_new] = names_.try_emplace(value, reads_left_.size());
    if (is_new) reads_left_.push_back(of_value.reads);
    return at->second;
  }

  void add(operation const& one, clusters const& values) {
    if (!is_certain(one) && !is_write(one)) return;
    auto const* const of_value = one.value == absent ? nullptr : &values.at(one.value);
    if (!is_certain(one) && (of_value == nullptr || of_value->reads == 0)) {
      (of_value == nullptr ? unanswered_erases_ : unanswered_puts_).push_back(one.invoked);
      return;
    }
    step added{one, one.responded, one.invoked};
    if (of_value != nullptr) {
      added.due = of_value->first_responded;
      added.last = of_value->last_invoked;
    }
    // Reading a value shows that it had been written by then.
    if (!is_certain(one)) added.done.responded = added.due;
    added.done.value = rename(one.value, values);
    impossible_ = impossible_ || added.done.responded < added.done.invoked;
    steps_.push_back(added);
  }

  /// Null for a value without reads.
  [[nodiscard]] index* reads_left_of(value_number value) {
    return value < reads_left_.size() ? &reads_left_[value] : nullptr;
  }

  void open(index step) {
    auto const order = [this](index one) { return std::pair(steps_[one].due, one); };
    open_.insert(std::ranges::upper_bound(open_, order(step), {}, order), step);
  }

  /// The open step that ended first: all remaining steps that may come next began no later than that.
  [[nodiscard]] index first_over() const {
    return *std::ranges::min_element(open_, {}, [this](index one) { return steps_[one].done.responded; });
  }
  [[nodiscard]] instant first_response() const { return open_.empty() ? never : steps_[first_over()].done.responded; }

  /// Opens all steps that may come next.
  void open_all() {
    first_ = first_response();
    for (; now_.next < steps_.size() && steps_[now_.next].done.invoked <= first_; ++now_.next) {
      open(now_.next);
      first_ = std::min(first_, steps_[now_.next].done.responded);
    }
  }

  /// True if all operations of its value may come next, one after another.
  [[nodiscard]] bool is_whole(step const& one) const { return one.last <= first_; }

  void come(index step) {
    auto const& done = steps_[step].done;
    if (is_write(done)) {
      now_.value = done.value;
    } else if (auto* const left = reads_left_of(done.value)) {
      --*left;
    }
    came_.push_back(step);
    ++now_.came;
  }

  /// Applies all steps that can come now without loss: every read that fits, and every whole put that replaces a value.
  void settle() {
    for (;;) {
      open_all();
      auto const reads = std::erase_if(open_, [this](index step) {
        auto const& done = steps_[step].done;
        auto const fits = !is_write(done) && done.value == now_.value;
        if (fits) come(step);
        return fits;
      });
      if (reads != 0) continue;
      if (now_.value == absent || is_unfinished() || !take_whole(action::replace)) return;
    }
  }

  /// True if the current value has remaining reads.
  [[nodiscard]] bool is_unfinished() {
    auto const* const left = reads_left_of(now_.value);
    return left != nullptr && *left != 0;
  }

  void enter(position const& before) {
    settle();
    stop entered{before};
    if (is_unfinished() || (!failed_.empty() && failed_.contains(here()))) entered.untried = choice::none;
    path_.push_back(entered);
    ++entered_;
  }

  /// Applies the first choice that fits and is untried. @return false if there is none.
  bool advance() {
    auto& untried = path_.back().untried;
    while (untried != choice::none) {
      auto const tried = untried;
      untried = static_cast<choice>(static_cast<std::uint8_t>(tried) + 1);
      if (take(tried)) return true;
    }
    return false;
  }

  bool take(choice what) {
    switch (what) {
      case choice::urgent_put:
        return take_urgent_put();
      case choice::create:
        return take_whole(action::create);
      case choice::write:
        return take_whole(action::write);
      case choice::remove:
        return take_whole(action::remove);
      case choice::erase:
        return take_whole(action::erase);
      case choice::unanswered_put:
        return take_unanswered_put();
      case choice::unanswered_erase:
        return take_unanswered_erase();
      case choice::none:
        break;
    }
    return false;
  }

  bool take_open(std::vector<index>::iterator at) {
    if (at == open_.end() || !apply(steps_[*at].done, now_.value)) return false;
    come(*at);
    open_.erase(at);
    return true;
  }

  bool take_whole(action what) {
    return take_open(std::ranges::find_if(
        open_, [&](index step) { return steps_[step].done.what == what && is_whole(steps_[step]); }));
  }

  /// Tries the put of the value whose operation ended first. No other put that is not whole can come now: the last read
  /// of its value began only after that end.
  bool take_urgent_put() {
    if (open_.empty()) return false;
    auto const value = steps_[first_over()].done.value;
    return take_open(std::ranges::find_if(open_, [&](index step) {
      auto const& done = steps_[step].done;
      return is_write(done) && done.value == value && !is_whole(steps_[step]);
    }));
  }

  // The values of unanswered puts are unread, so such a put can only change whether there is a value.

  bool take_unanswered_put() {
    if (now_.value != absent || !has_begun(unanswered_puts_, now_.unanswered_puts)) return false;
    ++now_.unanswered_puts;
    now_.value = unread;
    return true;
  }

  bool take_unanswered_erase() {
    if (now_.value == absent || !has_begun(unanswered_erases_, now_.unanswered_erases)) return false;
    ++now_.unanswered_erases;
    now_.value = absent;
    return true;
  }

  [[nodiscard]] bool has_begun(std::vector<instant> const& invocations, index number) const {
    return number < invocations.size() && invocations[number] <= first_;
  }

  void go_back(position const& to) {
    for (; came_.size() > to.came; came_.pop_back()) {
      auto const step = came_.back();
      auto const& done = steps_[step].done;
      if (auto* const left = reads_left_of(done.value); left != nullptr && !is_write(done)) ++*left;
      if (step < to.next) open(step);
    }
    std::erase_if(open_, [&](index step) { return step >= to.next; });
    now_ = to;
    first_ = first_response();
  }

  [[nodiscard]] configuration here() const {
    configuration made{now_.next, now_.unanswered_puts, now_.unanswered_erases, static_cast<char32_t>(now_.value >> 32),
                       static_cast<char32_t>(now_.value)};
    for (auto const step : open_) made += static_cast<char32_t>(step);
    return made;
  }

  [[nodiscard]] bool exhausted() const {
    if (entered_ > limits_.configurations_max) return true;
    return entered_ % 256 == 0 && std::chrono::steady_clock::now() >= limits_.until;
  }

  effort const limits_;
  std::vector<step> steps_;                                   // sorted by invocation
  std::vector<instant> unanswered_puts_, unanswered_erases_;  // their starts; only puts of unread values
  std::unordered_map<value_number, value_number> names_;      // values that were read, numbered from 0
  bool impossible_ = false;                                   // a value was read before it was written

  position now_;
  instant first_ = never;          // first_response()
  std::vector<index> open_;        // the steps that may come next, sorted by due
  std::vector<index> came_;        // the steps that have taken effect, in order
  std::vector<index> reads_left_;  // remaining reads, by number in names_
  std::vector<stop> path_;
  std::unordered_set<configuration> failed_;  // configurations from which the end can't be reached
  std::size_t entered_ = 0;
};

}  // namespace

verdict search(history const& whole, effort const& effort) {
  return searcher(whole, effort).run();
}

}  // namespace holdfast::client::verify
