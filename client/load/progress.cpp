#include "client/load/progress.hpp"

#include <sys/ioctl.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "client/load/text.hpp"
#include "protocol/duration.hpp"

namespace holdfast::client::load {
namespace {

std::string_view variable(char const* name) {
  auto const* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

bool locale_is_utf8() {
  for (auto const* const name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    auto const value = variable(name);
    if (value.empty()) continue;
    return value.find("UTF-8") != value.npos || value.find("utf8") != value.npos || value.find("UTF8") != value.npos;
  }
  return false;
}

/// The width of a drawn line in columns: its characters without control sequences.
std::size_t columns_of(std::string_view line) {
  std::size_t columns = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (line[at] == '\x1b') {
      at = line.find('m', at);
      if (at == line.npos) break;
    } else if ((static_cast<unsigned char>(line[at]) & 0xC0) != 0x80) {
      ++columns;
    }
  }
  return columns;
}

}  // namespace

screen_style style_of(std::FILE* out) {
  screen_style style;
  winsize size{};
  if (::ioctl(::fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col != 0 && size.ws_row != 0) {
    style.columns = size.ws_col;
    style.lines = size.ws_row;
  }
  style.colour = variable("NO_COLOR").empty();
  style.utf8 = locale_is_utf8();
  return style;
}

std::string progress_line(second_row const& row, nanoseconds duration) {
  auto line = to_right(std::to_string(row.second + 1), 3) + "s/" + protocol::format_duration(duration) + "  " +
              to_right(grouped(row.latency.count), 7) + "/s";
  if (row.latency.count != 0) {
    line += "  p50 " + to_left(readable(row.latency.p50), 7) + "  p99 " + to_left(readable(row.latency.p99), 7);
    if (auto const share = row.split.wait_share()) line += "  lock wait " + percent(*share);
  }
  if (row.errors != 0) line += "  errors " + grouped(row.errors);
  return line;
}

progress::progress(std::FILE* out, bool is_terminal)
    : out_(out), is_terminal_(is_terminal && variable("TERM") != "dumb") {}

void progress::draw(std::vector<std::string> const& lines) {
  if (out_ == nullptr) return;
  std::size_t const width = std::max(1U, style_of(out_).columns);
  // If the terminal has become narrower, it has wrapped the lines that no longer fit.
  std::size_t up = 0;
  for (auto const columns : drawn_columns_) up += std::max<std::size_t>(1, (columns + width - 1) / width);
  std::string text = up == 0 ? std::string() : "\r\x1b[" + std::to_string(up) + 'A';
  drawn_columns_.clear();
  for (auto const& line : lines) {
    auto const columns = columns_of(line);
    // Overwrite each line and clear the rest of it; clearing everything first would flicker. A line of full width has
    // no rest, and clearing there would remove its last character.
    text += line + (columns < width ? "\x1b[K\n" : "\n");
    drawn_columns_.push_back(columns);
  }
  text += "\x1b[J";
  std::fwrite(text.data(), 1, text.size(), out_);
  std::fflush(out_);
}

void progress::draw_state() {
  if (out_ != nullptr && is_terminal_) draw(render(state_, style_of(out_)));
}

void progress::begin(load_settings const& settings, unsigned run, unsigned runs) {
  state_ = {.title = title_of(settings),
            .run = run,
            .runs = runs,
            .duration = settings.duration,
            .passed = -settings.warm_up,
            .errors = 0,
            .rows = {}};
  if (runs > 1 && !is_terminal_ && out_ != nullptr) {
    std::fputs(("run " + std::to_string(run) + " of " + std::to_string(runs) + '\n').c_str(), out_);
    std::fflush(out_);
  }
}

void progress::loading(std::uint32_t done, std::uint32_t of) {
  if (out_ != nullptr && is_terminal_) draw(render_loading(done, of, style_of(out_)));
}

void progress::measuring(second_row const& row, nanoseconds duration) {
  state_.errors += row.errors;
  state_.rows.push_back(row);
  if (state_.rows.size() > live_state::rows_max) state_.rows.pop_front();
  if (is_terminal_) {
    draw_state();
  } else if (out_ != nullptr) {
    auto const line = progress_line(row, duration) + '\n';
    std::fwrite(line.data(), 1, line.size(), out_);
    std::fflush(out_);
  }
}

void progress::at(nanoseconds passed) {
  state_.passed = passed;
  draw_state();
}

void progress::note(std::string const& text) {
  end();
  if (out_ == nullptr) return;
  std::fputs((text + '\n').c_str(), out_);
  std::fflush(out_);
}

void progress::end() {
  if (!drawn_columns_.empty()) draw({});
}

}  // namespace holdfast::client::load
