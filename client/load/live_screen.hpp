#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "client/load/second_row.hpp"
#include "client/load/settings.hpp"

namespace holdfast::client::load {

/// The data shown on the live screen.
struct live_state {
  std::string title;  ///< the kind of run and the server
  unsigned run = 1, runs = 1;
  nanoseconds duration{0};
  nanoseconds passed{0};        ///< since the first counted request was due; negative during the warm-up
  std::uint64_t errors = 0;     ///< errors so far
  std::deque<second_row> rows;  ///< the last seconds, newest last; empty during the first second
  static constexpr std::size_t rows_max = 60;
};

/// The capabilities of a terminal.
struct screen_style {
  unsigned columns = 80;
  unsigned lines = 24;
  bool colour = false;
  bool utf8 = false;
};

/// The lines of the screen, not wider than the style's columns. A pure function.
[[nodiscard]] std::vector<std::string> render(live_state const& state, screen_style const& style);

/// The screen while the keys are being stored.
[[nodiscard]] std::vector<std::string> render_loading(std::uint32_t done, std::uint32_t of, screen_style const& style);

/// The title of a run: `closed loop, 64 connections, http://127.0.0.1:8080`.
[[nodiscard]] std::string title_of(load_settings const& settings);

}  // namespace holdfast::client::load
