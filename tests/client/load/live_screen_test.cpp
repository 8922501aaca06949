#include "client/load/live_screen.hpp"

#include <gmock/gmock.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/load/progress.hpp"
#include "tests/client/terminal_screen.hpp"

namespace holdfast::client::load {
namespace {

using namespace std::chrono_literals;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

second_row row_of(std::uint32_t second, std::uint64_t answers) {
  second_row row;
  row.second = second;
  row.latency = {.count = answers,
                 .mean = 2ms,
                 .p50 = 2ms,
                 .p90 = 3ms,
                 .p99 = nanoseconds(answers * 100),
                 .p99_9 = 5ms,
                 .max = 5ms};
  row.split = {.answers = answers, .before_sending = 0s, .wait = 50s, .hold = 25s, .rest = 25s};
  return row;
}

/// The fourth of ten seconds is over.
live_state running() {
  live_state state{.title = "closed loop, 64 connections, http://127.0.0.1:8080",
                   .run = 1,
                   .runs = 1,
                   .duration = 10s,
                   .passed = 4s,
                   .errors = 0,
                   .rows = {row_of(0, 10'000), row_of(1, 20'000), row_of(2, 40'000), row_of(3, 29'511)}};
  return state;
}

std::string joined(std::vector<std::string> const& lines) {
  std::string text = "\n";
  for (auto const& line : lines) text += line + '\n';
  return text;
}

std::size_t columns_of(std::string const& line) {
  return static_cast<std::size_t>(
      std::ranges::count_if(line, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }));
}

constexpr screen_style unicode{.columns = 80, .lines = 24, .colour = false, .utf8 = true};
constexpr screen_style ascii{.columns = 80, .lines = 24, .colour = false, .utf8 = false};

TEST(live_screen, shows_rate_percentiles_waiting_share_errors_and_time_left) {
  EXPECT_EQ(joined(render(running(), unicode)), R"(
  closed loop, 64 connections, http://127.0.0.1:8080
  ━━━━━━━━━━━━━━━━────────────────────────  4 s of 10 s, 6 s left
  rate         29,511/s   ▃▅█▆
  p50           2.00 ms   ████
  p99           2.95 ms   ▃▅█▆
  lock wait      50.0 %   ██████████▓▓▓▓▓░░░░░  █ wait ▓ hold ░ rest
  errors              0
)");
}

TEST(live_screen, shows_the_wait_for_the_disk_where_there_is_one) {
  auto state = running();
  state.rows.back().split.disk = 100s;
  EXPECT_THAT(joined(render(state, ascii)), HasSubstr("WWWWWHHHDDDDDDDDDD..  W wait H hold D disk . rest\n"));
}

TEST(live_screen, needs_nothing_beyond_ascii) {
  auto const text = joined(render(running(), ascii));
  EXPECT_THAT(text, HasSubstr("\n  ################------------------------  4 s of 10 s, 6 s left\n"));
  EXPECT_THAT(text, HasSubstr("WWWWWWWWWWHHHHH.....  W wait H hold . rest\n"));
  EXPECT_TRUE(std::ranges::all_of(text, [](char byte) { return static_cast<unsigned char>(byte) < 0x80; }));
}

TEST(live_screen, is_never_wider_than_the_terminal) {
  for (unsigned columns = 1; columns <= 120; ++columns) {
    auto style = unicode;
    style.columns = columns;
    for (auto const& line : render(running(), style)) EXPECT_LE(columns_of(line), columns) << line;
    for (auto const& line : render_loading(5, 1000, style)) EXPECT_LE(columns_of(line), columns) << line;
  }
}

TEST(live_screen, keeps_the_figures_when_there_is_little_room) {
  auto style = unicode;
  style.columns = 24;
  EXPECT_THAT(render(running(), style), testing::Contains(testing::StartsWith("  rate         29,511/s")));
}

TEST(live_screen, is_one_line_where_more_would_scroll) {
  auto style = unicode;
  style.lines = 7;
  EXPECT_THAT(render(running(), style), ElementsAre(HasSubstr("4 s of 10 s")));
}

TEST(live_screen, has_colours_only_where_they_are_wanted) {
  EXPECT_THAT(render(running(), unicode), Each(Not(HasSubstr("\x1b"))));
  auto style = unicode;
  style.colour = true;
  auto state = running();
  state.errors = 3;
  EXPECT_THAT(joined(render(state, style)), HasSubstr("\x1b[31m         3\x1b[0m"));
}

TEST(live_screen, shows_no_figure_before_there_is_one) {
  auto state = running();
  state.rows.clear();
  state.passed = -2500ms;
  EXPECT_EQ(joined(render(state, unicode)), R"(
  closed loop, 64 connections, http://127.0.0.1:8080
  ────────────────────────────────────────  warming up, 3 s to go
)");
}

TEST(live_screen, shows_no_figure_of_a_second_without_answers) {
  auto state = running();
  state.rows.push_back(second_row{
      .second = 4, .errors = 0, .latency = {}, .operations = {}, .statuses = {}, .since_sent = {}, .split = {}});
  auto const text = joined(render(state, unicode));
  EXPECT_THAT(text, HasSubstr("\n  rate              0/s   "));
  EXPECT_THAT(text, HasSubstr("\n  p99                 -   "));
  EXPECT_THAT(text, HasSubstr("\n  lock wait           -\n"));
}

TEST(live_screen, tells_which_run_it_is_and_when_it_only_waits) {
  auto state = running();
  state.runs = 5;
  state.run = 2;
  state.passed = 10500ms;
  EXPECT_THAT(joined(render(state, unicode)), HasSubstr("waiting for the last answers, run 2 of 5\n"));
}

TEST(live_screen, shows_how_many_keys_are_stored) {
  EXPECT_THAT(render_loading(250, 1000, unicode),
              ElementsAre("  ━━━━━━━━━━──────────────────────────────  storing keys, 250 of 1,000"));
}

TEST(progress_line, shows_rate_percentiles_and_share_of_lock_wait) {
  auto row = row_of(3, 29'511);
  row.errors = 2;
  EXPECT_EQ(progress_line(row, 10s), "  4s/10s   29,511/s  p50 2.00 ms  p99 2.95 ms  lock wait 50.0 %  errors 2");
}

/// A progress on a terminal whose size the test sets, and what that shows.
class on_a_terminal : public testing::Test {
 protected:
  on_a_terminal() {
    winsize size{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
    int theirs = -1;
    if (::openpty(&ours_, &theirs, nullptr, nullptr, &size) != 0) throw std::runtime_error("openpty");
    file_ = ::fdopen(theirs, "w");
  }
  ~on_a_terminal() override {
    std::fclose(file_);
    ::close(ours_);
  }

  void make_narrower(unsigned short columns) {
    show();
    winsize const size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    ::ioctl(ours_, TIOCSWINSZ, &size);
    screen_.fold(columns);
  }

  /// All that has been written so far.
  std::string show() {
    // A mark at the end, since a terminal doesn't say when there is no more.
    std::fputs("\a", file_);
    std::fflush(file_);
    std::string bytes;
    char buffer[4096];
    while (!bytes.ends_with('\a')) {
      auto const count = ::read(ours_, buffer, sizeof buffer);
      if (count <= 0) throw std::runtime_error("read");
      bytes.append(buffer, static_cast<std::size_t>(count));
    }
    bytes.pop_back();
    screen_.take(bytes);
    return screen_.text();
  }

  std::FILE* file_ = nullptr;
  tests::terminal_screen screen_{24, 80};

 private:
  int ours_ = -1;
};

TEST_F(on_a_terminal, nothing_is_left_of_a_screen_that_was_made_narrower) {
  std::fputs("$ holdfast load\n", file_);
  progress shown(file_, true);
  shown.begin({}, 1, 1);
  for (std::uint32_t second = 0; second < 4; ++second) shown.measuring(row_of(second, 10'000), 10s);
  for (unsigned short const columns : {50, 31, 24, 9}) {
    make_narrower(columns);
    shown.at(4s);
  }
  auto const text = show();
  EXPECT_THAT(text, testing::StartsWith("$ holdfas\nt load\n  closed \n"));
  EXPECT_EQ(std::ranges::count(text, '\n'), 2 + 7) << text;
  shown.end();
  EXPECT_EQ(show(), "$ holdfas\nt load\n");
}

TEST_F(on_a_terminal, a_line_of_full_width_keeps_its_last_character) {
  progress shown(file_, true);
  make_narrower(9);
  shown.begin({}, 1, 1);
  shown.at(4s);
  EXPECT_THAT(show(), testing::StartsWith("  closed \n"));
}

}  // namespace
}  // namespace holdfast::client::load
