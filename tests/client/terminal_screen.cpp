#include "tests/client/terminal_screen.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace holdfast::tests {

terminal_screen::terminal_screen(std::size_t lines, std::size_t columns) : columns_(columns), cells_(lines) {}

void terminal_screen::feed_line() {
  if (++line_ < cells_.size()) return;
  cells_.erase(cells_.begin());
  cells_.emplace_back();
  --line_;
  ++scrolled_lines_;
}

void terminal_screen::put(std::string_view character) {
  if (column_ == columns_) {
    column_ = 0;
    feed_line();
  }
  auto& line = cells_[line_];
  if (line.size() <= column_) line.resize(column_ + 1, " ");
  line[column_++] = character;
}

std::size_t terminal_screen::control(std::string_view sequence) {
  auto const end = sequence.find_first_not_of("0123456789;?");
  if (end == sequence.npos) throw std::invalid_argument("a control sequence without an end");
  auto const number = end == 0 ? 0 : std::stoul(std::string(sequence.substr(0, end)));
  switch (sequence[end]) {
    case 'A':
      line_ -= std::min<std::size_t>(line_, std::max<std::size_t>(1, number));
      break;
    case 'J':
      for (auto below = line_ + 1; below < cells_.size(); ++below) cells_[below].clear();
      [[fallthrough]];
    case 'K':
      // Behind the last column the cursor still stands on it.
      if (auto const from = std::min(column_, columns_ - 1); cells_[line_].size() > from) cells_[line_].resize(from);
      break;
    case 'm':
      break;
    default:
      throw std::invalid_argument("an unknown control sequence: " + std::string(sequence.substr(0, end + 1)));
  }
  return end + 1;
}

void terminal_screen::take(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    if (bytes.substr(at).starts_with("\x1b[")) {
      at += 2;
      at += control(bytes.substr(at));
    } else if (bytes[at] == '\n') {
      feed_line();
      ++at;
    } else if (bytes[at] == '\r') {
      column_ = 0;
      ++at;
    } else {
      auto end = at + 1;
      while (end < bytes.size() && (static_cast<unsigned char>(bytes[end]) & 0xC0) == 0x80) ++end;
      put(bytes.substr(at, end - at));
      at = end;
    }
  }
}

void terminal_screen::fold(std::size_t columns) {
  auto const lines = cells_.size();
  std::vector<std::vector<std::string>> folded;
  std::size_t cursor_line = 0, used = 0;
  for (std::size_t at = 0; at < lines; ++at) {
    if (at == line_) cursor_line = folded.size();
    auto const& line = cells_[at];
    for (std::size_t from = 0; from == 0 || from < line.size(); from += columns) {
      auto const end = line.begin() + static_cast<std::ptrdiff_t>(std::min(line.size(), from + columns));
      folded.emplace_back(line.begin() + static_cast<std::ptrdiff_t>(from), end);
    }
    if (at == line_ || !line.empty()) used = folded.size();
  }
  // Whatever has no room below goes out at the top.
  auto const out = used > lines ? used - lines : 0;
  folded.erase(folded.begin(), folded.begin() + static_cast<std::ptrdiff_t>(out));
  folded.resize(lines);
  scrolled_lines_ += out;
  cells_ = std::move(folded);
  columns_ = columns;
  line_ = cursor_line - std::min(cursor_line, out);
  column_ = std::min(column_, columns_);
}

std::string terminal_screen::text() const {
  std::string all;
  std::size_t empty = 0;
  for (auto const& line : cells_) {
    if (line.empty()) {
      ++empty;
      continue;
    }
    all.append(std::exchange(empty, 0), '\n');
    for (auto const& cell : line) all += cell;
    all += '\n';
  }
  return all;
}

}  // namespace holdfast::tests
