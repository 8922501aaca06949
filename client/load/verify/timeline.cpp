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

/// The same operation, and where it goes in the chart.
struct drawn_operation {
  operation done;
  std::string letter;
  std::size_t from, to;  ///< columns, the latter not included
};

/// One connection's operations that don't overlap in the chart. A connection that pipelines has several.
struct lane {
  std::uint32_t connection;
  std::string line;
};

class drawing {
 public:
  explicit drawing(history const& shown) : shown_(shown) {
    for (auto const& one : shown.operations) {
      begin_ = std::min(begin_, one.invoked);
      end_ = std::max({end_, one.invoked + 1, is_certain(one) ? one.responded : before_all});
    }
    if (shown.initial != absent) names_[shown.initial] = "v0";
    for (auto const& one : shown.operations) {
      if (one.value != absent) names_.try_emplace(one.value, 'v' + std::to_string(++values_));
    }
    for (auto const& one : shown.operations) place(one);
  }

  [[nodiscard]] std::string text() const {
    std::vector<lane> lanes;
    for (auto const& one : drawn_) put(one, lanes);
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

  void place(operation const& one) {
    auto letter = letter_of(drawn_.size());
    // Room for both ends and the letter, however short it was.
    auto const least = letter.size() + 2;
    auto to = is_certain(one) ? column_of(one.responded) : chart_width;
    auto from = std::min(column_of(one.invoked), chart_width - least);
    to = std::clamp(to, from + least, chart_width);
    drawn_.push_back({one, std::move(letter), from, to});
  }

  /// Keeps the lanes in the order of their connections.
  static void put(drawn_operation const& one, std::vector<lane>& lanes) {
    auto at = std::ranges::find_if(lanes, [&](lane const& lane) {
      return lane.connection == one.done.connection && lane.line.size() <= one.from;
    });
    if (at == lanes.end()) {
      at = lanes.insert(std::ranges::upper_bound(lanes, one.done.connection, {}, &lane::connection),
                        {one.done.connection, {}});
    }
    at->line.resize(one.from, ' ');
    auto bar = std::string(one.to - one.from, is_certain(one.done) ? '-' : '.');
    bar.front() = '|';
    bar.back() = is_certain(one.done) ? '|' : '>';
    bar.replace((bar.size() - one.letter.size()) / 2, one.letter.size(), one.letter);
    at->line += bar;
  }

  [[nodiscard]] std::string what_it_did(operation const& one) const {
    auto const name = one.value == absent ? std::string() : names_.at(one.value);
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

  [[nodiscard]] std::string legend() const {
    std::vector<std::string> times, deeds;
    for (auto const& one : drawn_) {
      auto const until = is_certain(one.done) ? readable(one.done.responded - begin_) : std::string("?");
      times.push_back(readable(one.done.invoked - begin_) + " to " + until);
      deeds.push_back(what_it_did(one.done));
    }
    auto const widest = [](auto const& texts) {
      std::size_t width = 0;
      for (auto const& text : texts) width = std::max(width, text.size());
      return width;
    };
    auto const time_width = widest(times);
    std::string text;
    for (std::size_t i = 0; i < drawn_.size(); ++i) {
      text += "  " + load::to_left(drawn_[i].letter, 3) + load::to_left(times[i], time_width) + "  " + deeds[i] + '\n';
    }
    return text +
           (shown_.initial == absent ? "  The key had no value before.\n" : "  v0 is what the key had before.\n");
  }

  history const& shown_;
  std::map<value_number, std::string> names_;
  std::size_t values_ = 0;
  instant begin_ = never;
  instant end_ = before_all;
  std::vector<drawn_operation> drawn_;
};

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

std::string draw(counter_example const& found) {
  return drawing(found.shown).text();
}

}  // namespace holdfast::client::verify
