#include "client/load/live_screen.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "client/load/report.hpp"
#include "client/load/text.hpp"

namespace holdfast::client::load {
namespace {

using namespace std::chrono_literals;

// Select Graphic Rendition, ECMA-48 8.3.117: only colours that are readable in every scheme.
constexpr std::string_view bold = "1", dim = "2", red = "31", green = "32", yellow = "33", blue = "34", cyan = "36";

/// A line that is filled from the left and truncated at the terminal's width.
class line {
 public:
  explicit line(screen_style const& style) : style_(style), left_(style.columns) {}

  /// Every character of `text` must be one column wide.
  line& add(std::string_view text, std::string_view colour = {}) {
    std::string fitting;
    for (auto const byte : text) {
      auto const continues = (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
      if (!continues && left_ == 0) break;
      if (!continues) --left_;
      fitting += byte;
    }
    if (fitting.empty()) return *this;
    if (style_.colour && !colour.empty()) {
      text_ += "\x1b[" + std::string(colour) + 'm' + fitting + "\x1b[0m";
    } else {
      text_ += fitting;
    }
    return *this;
  }

  line& repeat(std::string_view glyph, std::size_t times, std::string_view colour = {}) {
    std::string text;
    for (; times > 0; --times) text += glyph;
    return add(text, colour);
  }

  [[nodiscard]] std::size_t left() const { return left_; }
  [[nodiscard]] std::string const& text() const { return text_; }

 private:
  screen_style const& style_;
  std::size_t left_;
  std::string text_;
};

/// Glyphs by purpose, each one column wide.
struct glyph_set {
  std::string_view full, empty, wait, hold, disk, rest;
  std::vector<std::string_view> levels;  ///< of a sparkline, ascending
};

glyph_set const& glyphs_of(screen_style const& style) {
  static glyph_set const drawn{"━", "─", "█", "▓", "▒", "░", {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}};
  static glyph_set const ascii{"#", "-", "W", "H", "D", ".", {"_", ".", "-", "=", "#"}};
  return style.utf8 ? drawn : ascii;
}

constexpr std::size_t name_width = 11;
constexpr std::size_t figure_width = 10;
constexpr std::size_t graph_width_max = 40;
constexpr std::string_view gap = "   ";  // between a figure and its graph

line begin_row(screen_style const& style, std::string const& name, std::string const& figure, std::string_view colour) {
  line row(style);
  row.add("  " + to_left(name, name_width), dim).add(to_right(figure, figure_width), colour);
  return row;
}

void add_bar(line& to, screen_style const& style, double share, std::size_t width) {
  auto const& glyphs = glyphs_of(style);
  auto const filled = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * static_cast<double>(width) + 0.5);
  to.repeat(glyphs.full, filled, cyan).repeat(glyphs.empty, width - filled, dim);
}

/// Draws the last values as bars relative to their maximum.
void add_sparkline(line& to, screen_style const& style, std::vector<double> const& values, std::string_view colour) {
  auto const& levels = glyphs_of(style).levels;
  to.add(gap);
  auto const width = std::min({to.left(), graph_width_max, values.size()});
  auto const from = values.end() - static_cast<std::ptrdiff_t>(width);
  auto const greatest = width == 0 ? 0 : *std::max_element(from, values.end());
  std::string text;
  for (auto at = from; at != values.end(); ++at) {
    auto const level = greatest <= 0 ? 0 : std::lround(*at / greatest * static_cast<double>(levels.size() - 1));
    text += levels[static_cast<std::size_t>(level)];
  }
  to.add(text, colour);
}

template <class Figure>
std::vector<double> history(live_state const& state, Figure figure) {
  std::vector<double> values;
  for (auto const& row : state.rows) values.push_back(figure(row));
  return values;
}

std::string whole_seconds(nanoseconds duration) {
  return grouped(static_cast<std::uint64_t>(std::max<std::int64_t>(0, duration / 1s))) + " s";
}

std::string progress_of(live_state const& state) {
  if (state.passed < 0s) return "warming up, " + whole_seconds(-state.passed + 999ms) + " to go";
  auto const left = state.duration - state.passed;
  if (left <= 0s) return "waiting for the last answers";
  return whole_seconds(state.passed) + " of " + whole_seconds(state.duration) + ", " + whole_seconds(left + 999ms) +
         " left";
}

std::string progress_line(live_state const& state, screen_style const& style) {
  line row(style);
  auto const text =
      progress_of(state) +
      (state.runs > 1 ? ", run " + std::to_string(state.run) + " of " + std::to_string(state.runs) : std::string());
  row.add("  ");
  // The text has priority over the bar.
  auto const room = static_cast<std::size_t>(style.columns) > text.size() + 6 ? style.columns - text.size() - 6 : 0;
  auto const share = state.duration > 0s ? std::chrono::duration<double>(state.passed) / state.duration : 0;
  if (room >= 8) {
    add_bar(row, style, share, std::min(room, graph_width_max));
    row.add("  ");
  }
  return row.add(text).text();
}

std::string rate_line(live_state const& state, screen_style const& style) {
  auto const& now = state.rows.back();
  auto row = begin_row(style, "rate", grouped(now.latency.count) + "/s", bold);
  add_sparkline(row, style, history(state, [](auto const& of) { return static_cast<double>(of.latency.count); }),
                green);
  return row.text();
}

std::string latency_line(live_state const& state, screen_style const& style, std::string const& name,
                         nanoseconds latency_figures::* figure) {
  auto const& now = state.rows.back().latency;
  auto row = begin_row(style, name, now.count == 0 ? "-" : readable(now.*figure), bold);
  auto const values = history(state, [&](auto const& of) { return static_cast<double>((of.latency.*figure).count()); });
  add_sparkline(row, style, values, cyan);
  return row.text();
}

/// The parts of the latency, as a stacked bar and as text.
std::string split_line(split_row const& split, screen_style const& style) {
  auto const share = split.wait_share();
  auto row = begin_row(style, "lock wait", share ? percent(*share) : "-", bold);
  if (!share) return row.text();
  row.add(gap);
  auto const& glyphs = glyphs_of(style);
  auto const waits_for_disk = split.disk != nanoseconds(0);
  auto const legend_width = std::string_view("  W wait H hold . rest").size() + (waits_for_disk ? 7 : 0);
  auto const width = std::min(row.left() > legend_width ? row.left() - legend_width : row.left(), graph_width_max / 2);
  auto const columns = [&](nanoseconds part) {
    return static_cast<std::size_t>(
        std::lround(std::chrono::duration<double>(part) / split.whole() * static_cast<double>(width)));
  };
  auto const wait = columns(split.wait);
  auto const hold = std::min(columns(split.hold), width - wait);
  auto const disk = std::min(columns(split.disk), width - wait - hold);
  row.repeat(glyphs.wait, wait, yellow).repeat(glyphs.hold, hold, blue).repeat(glyphs.disk, disk, cyan);
  row.repeat(glyphs.rest, width - wait - hold - disk, dim);
  if (row.left() < legend_width) return row.text();
  row.add("  ").add(glyphs.wait, yellow).add(" wait ", dim).add(glyphs.hold, blue).add(" hold ", dim);
  if (waits_for_disk) row.add(glyphs.disk, cyan).add(" disk ", dim);
  return row.add(glyphs.rest, dim).add(" rest", dim).text();
}

}  // namespace

std::vector<std::string> render(live_state const& state, screen_style const& style) {
  std::vector<std::string> lines;
  auto const title = "  " + state.title;
  lines.push_back(line(style).add(title, dim).text());
  lines.push_back(progress_line(state, style));
  if (!state.rows.empty()) {
    auto const& now = state.rows.back();
    lines.push_back(rate_line(state, style));
    lines.push_back(latency_line(state, style, "p50", &latency_figures::p50));
    lines.push_back(latency_line(state, style, "p99", &latency_figures::p99));
    lines.push_back(split_line(now.split, style));
    lines.push_back(begin_row(style, "errors", grouped(state.errors), state.errors == 0 ? bold : red).text());
  }
  // If the screen does not fit, it scrolls and its first lines cannot be overwritten: show only the progress.
  if (lines.size() >= style.lines) return {progress_line(state, style)};
  return lines;
}

std::vector<std::string> render_loading(std::uint32_t done, std::uint32_t of, screen_style const& style) {
  line row(style);
  row.add("  ");
  auto const text = "storing keys, " + grouped(done) + " of " + grouped(of);
  if (style.columns > text.size() + 14) {
    add_bar(row, style, of == 0 ? 1 : static_cast<double>(done) / of,
            std::min<std::size_t>(graph_width_max, style.columns - text.size() - 6));
    row.add("  ");
  }
  return {row.add(text).text()};
}

std::string title_of(load_settings const& settings) {
  auto title = std::string(is_open_loop(settings) ? "open loop, " : "closed loop, ");
  if (is_open_loop(settings)) {
    title += settings.stages.size() > 1 ? std::to_string(settings.stages.size()) + " stages, "
                                        : short_number(settings.stages.front().rate_begin) + "/s, ";
  }
  title += grouped(settings.connections) + (settings.connections == 1 ? " connection, " : " connections, ");
  return title + urls_of(settings.connection.server);
}

}  // namespace holdfast::client::load
