#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "client/load/second_row.hpp"
#include "client/load/settings.hpp"

namespace holdfast::client::load {

/// What the live screen shows of a run.
struct live_state {
  std::string title;  ///< what is run, against whom
  unsigned run = 1, runs = 1;
  nanoseconds duration{0};
  nanoseconds passed{0};        ///< since the first request that counts was due; below 0 while it warms up
  std::uint64_t errors = 0;     ///< of the run so far
  std::deque<second_row> rows;  ///< of the last seconds, the newest last; empty: none is over yet
  static constexpr std::size_t rows_max = 60;
};

/// What a terminal can show.
struct screen_style {
  unsigned columns = 80;
  unsigned lines = 24;
  bool colour = false;
  bool utf8 = false;
};

/// The screen, line by line, none wider than the style's columns. A pure function of its arguments.
[[nodiscard]] std::vector<std::string> render(live_state const& state, screen_style const& style);

/// The same while the keys are stored.
[[nodiscard]] std::vector<std::string> render_loading(std::uint32_t done, std::uint32_t of, screen_style const& style);

/// The title of a run: `closed loop, 64 connections, http://127.0.0.1:8080`.
[[nodiscard]] std::string title_of(load_settings const& settings);

}  // namespace holdfast::client::load
