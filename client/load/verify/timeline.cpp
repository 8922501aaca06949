#include "client/load/verify/timeline.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <vector>

#include "client/load/text.hpp"

namespace holdfast::client::verify {
namespace {

constexpr std::size_t chart_width = 72;

std::string readable(instant duration) {
  return load::readable(std::chrono::nanoseconds(duration));
}

/// A, B, …, Z, A1, B1, …
std::string letter_of(std::size_t number) {
  std::string name(1, static_cast<char>('A' + number % 26));
  return number < 26 ? name : name + std::to_string(number / 26);
}

/// An operation with its position in the chart.
struct placed_operation {
  drawn_operation const* done;
  std::string letter;
  std::size_t from, to;  ///< columns, [from, to)
};

/// Operations of one connection that do not overlap in the chart. A pipelining connection has several lanes.
struct lane {
  std::uint32_t connection;
  std::string line;
};

bool is_answered(drawn_operation const& one) {
  return one.responded != never;
}

class drawing {
 public:
  explicit drawing(std::vector<drawn_operation> const& operations) {
    for (auto const& one : operations) {
      begin_ = std::min(begin_, one.invoked);
      end_ = std::max({end_, one.invoked + 1, is_answered(one) ? one.responded : before_all});
    }
    for (auto const& one : operations) place(one);
  }

  [[nodiscard]] std::string text() const {
    std::vector<lane> lanes;
    for (auto const& one : placed_) put(one, lanes);
    std::size_t width = 0;
    for (auto const& one : lanes) width = std::max(width, title_of(one).size());
    std::string text;
    auto const* before = static_cast<lane const*>(nullptr);
    for (auto const& one : lanes) {
      auto const is_same = before != nullptr && before->connection == one.connection;
      text += "  " + load::to_left(is_same ? "" : title_of(one), width) + "  " + one.line + '\n';
      before = &one;
    }
    text += "  " + std::string(width, ' ') + "  0" + load::to_right(readable(end_ - begin_), chart_width - 1) + "\n\n";
    return text + legend();
  }

 private:
  static std::string title_of(lane const& one) { return "connection " + std::to_string(one.connection); }

  [[nodiscard]] std::size_t column_of(instant when) const {
    auto const share = static_cast<double>(when - begin_) / static_cast<double>(end_ - begin_);
    return static_cast<std::size_t>(share * static_cast<double>(chart_width));
  }

  void place(drawn_operation const& one) {
    auto letter = letter_of(placed_.size());
    // Space for both ends and the letter, even for a short operation.
    auto const least = letter.size() + 2;
    auto to = is_answered(one) ? column_of(one.responded) : chart_width;
    auto from = std::min(column_of(one.invoked), chart_width - least);
    to = std::clamp(to, from + least, chart_width);
    placed_.push_back({&one, std::move(letter), from, to});
  }

  /// Keeps the lanes in the order of their connections.
  static void put(placed_operation const& one, std::vector<lane>& lanes) {
    auto at = std::ranges::find_if(lanes, [&](lane const& lane) {
      return lane.connection == one.done->connection && lane.line.size() <= one.from;
    });
    if (at == lanes.end()) {
      at = lanes.insert(std::ranges::upper_bound(lanes, one.done->connection, {}, &lane::connection),
                        {one.done->connection, {}});
    }
    at->line.resize(one.from, ' ');
    auto bar = std::string(one.to - one.from, is_answered(*one.done) ? '-' : '.');
    bar.front() = '|';
    bar.back() = is_answered(*one.done) ? '|' : '>';
    bar.replace((bar.size() - one.letter.size()) / 2, one.letter.size(), one.letter);
    at->line += bar;
  }

  [[nodiscard]] std::string legend() const {
    std::vector<std::string> times;
    std::size_t width = 0;
    for (auto const& one : placed_) {
      auto const until = is_answered(*one.done) ? readable(one.done->responded - begin_) : std::string("?");
      times.push_back(readable(one.done->invoked - begin_) + " to " + until);
      width = std::max(width, times.back().size());
    }
    std::string text;
    for (std::size_t i = 0; i < placed_.size(); ++i)
      text += "  " + load::to_left(placed_[i].letter, 3) + load::to_left(times[i], width) + "  " +
              placed_[i].done->did + '\n';
    return text;
  }

  instant begin_ = never;
  instant end_ = before_all;
  std::vector<placed_operation> placed_;
};

std::string what_it_did(operation const& one, std::string const& name) {
  switch (one.what) {
    case action::read:
      return one.value == absent ? "found no value" : "got " + name;
    case action::create:
      return "put " + name + ", there was no value before (201)";
    case action::replace:
      return "put " + name + ", there was a value before (204)";
    case action::write:
      return "put " + name + (is_certain(one) ? "" : ", never answered");
    case action::remove:
      return "deleted, there was a value before (204)";
    case action::erase:
      return is_certain(one) ? "deleted" : "asked to delete, never answered";
  }
  return {};
}

std::string revision_text(revision_number revision) {
  return revision == 0 ? "never answered" : "revision " + std::to_string(revision);
}

/// A statement about one key, as part of a line.
std::string what_it_states(fact const& one) {
  auto const key = name_of_key(one.key);
  switch (one.what) {
    case fact::kind::version:
      return key + " was that of revision " + std::to_string(one.version);
    case fact::kind::none:
      return "no " + key;
    case fact::kind::some:
      return "there was a " + key;
    case fact::kind::put:
      return "put " + key + ", " + revision_text(one.at) + (one.extra == 0 ? "" : ", to last " + readable(one.extra));
    case fact::kind::add:
      return one.at == 0 ? "count " + key + ", never answered"
                         : "counted " + key + " to " + std::to_string(one.value) + ", " + revision_text(one.at);
    case fact::kind::remove:
      return "deleted " + key + ", " + revision_text(one.at);
    case fact::kind::gone:
      return "told of a deletion of " + key + ", " + revision_text(one.at);
    case fact::kind::expire:
      return "told of the expiry of " + key + ", " + revision_text(one.at);
    case fact::kind::condition:
      return "refused, since " + key +
             (one.version == 0 ? " was there" : " was not that of revision " + std::to_string(one.version));
  }
  return {};
}

}  // namespace

std::string_view sentence_for(violation kind) noexcept {
  switch (kind) {
    case violation::foreign_value:
      return "a value was read that no put of this key has written";
    case violation::read_before_written:
      return "a value was read before its put began";
    case violation::lost_update:
      return "a put was answered, what it replaced was read afterwards, and its own value never was";
    case violation::stale_read:
      return "a value was read although another one had replaced it before";
    case violation::returned_after_delete:
      return "a value was read although it had been deleted before";
    case violation::lost_value:
      return "the key had no value although one was put and none deleted since";
    case violation::wrong_status:
      return "the answers tell of a value that was there before, or was not, which can't have been so";
    case violation::contradiction:
      return "no order of these operations explains all answers";
  }
  return "";
}

std::string draw(std::vector<drawn_operation> const& operations) {
  return drawing(operations).text();
}

std::string draw(counter_example const& found) {
  auto const& shown = found.shown;
  std::map<value_number, std::string> names;
  std::size_t values = 0;
  if (shown.initial != absent) names[shown.initial] = "v0";
  std::vector<drawn_operation> drawn;
  for (auto const& one : shown.operations) {
    if (one.value != absent && !names.contains(one.value)) names[one.value] = 'v' + std::to_string(++values);
    drawn.push_back({one.invoked, one.responded, one.connection,
                     what_it_did(one, one.value == absent ? std::string() : names.at(one.value))});
  }
  return draw(drawn) +
         (shown.initial == absent ? "  The key had no value before.\n" : "  v0 is what the key had before.\n");
}

std::string describe(stated_history const& whole, std::size_t number, std::vector<key_number> const& keys) {
  auto const& one = whole.operations[number];
  std::string text;
  auto const is_list = one.what == deed::list;
  if (is_list) text = "listed at " + revision_text(one.at);
  if (one.what == deed::transaction) text = "transaction, " + revision_text(one.at);
  if (one.what == deed::event) text = "a watcher";
  std::string last;
  std::vector<key_number> shown;
  for (auto at = one.facts_begin; at < one.facts_end; ++at) {
    auto const& stated = whole.facts[at];
    if (is_list && std::ranges::find(keys, stated.key) == keys.end()) continue;
    shown.push_back(stated.key);
    auto const states = what_it_states(stated);
    if (states != last) text += (text.empty() ? "" : "; ") + states;
    last = states;
  }
  if (is_list) {
    for (auto const key : keys) {
      if (std::ranges::find(shown, key) == shown.end()) text += "; no " + name_of_key(key);
    }
  } else if (one.what == deed::get && one.at != 0) {
    text += " at " + revision_text(one.at);
  }
  return text;
}

std::string draw(stated_history const& whole, order_example const& found) {
  std::vector<key_number> keys{found.key};
  for (auto const number : found.operations) {
    auto const& one = whole.operations[number];
    for (auto at = one.facts_begin; at < one.facts_end; ++at) {
      if (is_change(whole.facts[at]) && std::ranges::find(keys, whole.facts[at].key) == keys.end())
        keys.push_back(whole.facts[at].key);
    }
  }
  std::vector<drawn_operation> drawn;
  for (auto const number : found.operations) {
    auto const& one = whole.operations[number];
    drawn.push_back({one.invoked, one.responded, one.connection, describe(whole, number, keys)});
  }
  return draw(drawn);
}

}  // namespace holdfast::client::verify
