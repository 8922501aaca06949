#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::tests {

/// What a terminal shows of the bytes that it was sent. Knows line feed (with carriage return, as a tty adds it),
/// carriage return, cursor up, erase to the end of the line and of the screen, and passes over colours. Each character
/// is one column.
class terminal_screen {
 public:
  terminal_screen(std::size_t lines, std::size_t columns);

  void take(std::string_view bytes);
  /// Makes it narrower: lines that no longer fit are folded, as most terminals do.
  void fold(std::size_t columns);
  /// What stands there, without the empty lines at the end.
  [[nodiscard]] std::string text() const;
  /// How many lines have gone out at the top.
  [[nodiscard]] std::size_t scrolled_lines() const { return scrolled_lines_; }

 private:
  void put(std::string_view character);
  void feed_line();
  std::size_t control(std::string_view sequence);

  std::size_t columns_;
  std::vector<std::vector<std::string>> cells_;
  std::size_t line_ = 0, column_ = 0;
  std::size_t scrolled_lines_ = 0;
};

}  // namespace holdfast::tests
