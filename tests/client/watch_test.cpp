#include <gmock/gmock.h>

#include "client/watch/event_text.hpp"
#include "client/watch/lock_screen.hpp"

namespace holdfast::client::watch {
namespace {

using ::testing::EndsWith;

constexpr auto waited = R"({"type":"done","seq":9,"id":7,"source":"10.0.0.7:5123","request_id":"a-7","operation":"GET",
  "key":"my-key","position":2,"asked_ns":1000000000,"granted_ns":1652000000,"ended_ns":2652000000,"outcome":"released",
  "behind":[{"id":3,"source":"10.0.0.8:81","operation":"GET","key":"a","held_ns":350000000}],
  "behind_others":{"count":3,"held_ns":2000}})";

TEST(event_text, tells_a_request_in_words) {
  EXPECT_EQ(
      event_text(waited),
      "     2.652 s  10.0.0.7:5123  GET my-key  waited 652 ms at position 2, held 1.00 s; behind 10.0.0.8:81  GET a "
      "350 ms and 3 more 2.00 us");
}

TEST(event_text, tells_how_it_ended_where_it_was_not_released) {
  EXPECT_THAT(event_text(R"({"type":"done","source":"writer","operation":"PUT","key":"k","position":1,"asked_ns":0,
                             "granted_ns":null,"ended_ns":5000000,"outcome":"timed_out","behind":[]})"),
              EndsWith("writer  PUT k  waited 5.00 ms at position 1, left (timed_out)"));
}

TEST(event_text, has_nothing_to_say_of_a_heartbeat_and_of_nonsense) {
  EXPECT_EQ(event_text(R"({"type":"heartbeat","now_ns":1})"), "");
  EXPECT_EQ(event_text("no json"), "");
  EXPECT_EQ(event_text("[1]"), "");
  EXPECT_NE(event_text(R"({"type":"done"})"), "") << "what is missing is left out";
}

TEST(event_text, moves_no_cursor) {
  auto const text = event_text("{\"type\":\"asked\",\"source\":\"\\u001b[2J\",\"key\":\"\\u009b1m\\u007f\"}");
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find("\xC2\x9B"), std::string::npos);
  EXPECT_EQ(text.find('\x7f'), std::string::npos);
}

TEST(duration_text, has_three_digits_that_count) {
  EXPECT_EQ(duration_text(0), "0 ns");
  EXPECT_EQ(duration_text(999), "999 ns");
  EXPECT_EQ(duration_text(1'000), "1.00 us");
  EXPECT_EQ(duration_text(12'345), "12.3 us");
  EXPECT_EQ(duration_text(652'400'000), "652 ms");
  EXPECT_EQ(duration_text(999'960'000), "1.00 s");
  EXPECT_EQ(duration_text(75'000'000'000), "75.0 s");
}

constexpr auto state = R"({"now_ns":3000000000,"owner":{"source":"10.0.0.8:81","operation":"GET","key":"a",
    "held_ms":350.5},"queue":[{"source":"writer","operation":"PUT","key":"my-key","waited_ms":12},
    {"source":"10.0.0.9:1","operation":"GET","key":"b","waited_ms":1}],"queue_length":3})";

std::string joined(std::vector<std::string> const& lines) {
  std::string text = "\n";
  for (auto const& line : lines) (text += line) += '\n';
  return text;
}

TEST(lock_screen, shows_owner_queue_and_blame) {
  lock_screen screen;
  screen.take_event(waited);
  screen.take_event(waited);
  screen.take_event(R"({"type":"dropped","count":4})");
  EXPECT_EQ(joined(screen.lines("top", state, {.columns = 200, .lines = 24})), R"(
top  up 3.00 s
2 requests seen, 2 waited; longest wait 652 ms, longest hold 1.00 s; 4 events dropped

holds       350 ms  10.0.0.8:81             GET    a
wait     3
  1.       12.0 ms  writer                  PUT    my-key
  2.       1.00 ms  10.0.0.9:1              GET    b
         and 1 more

made others wait
            700 ms in 2 waits  10.0.0.8:81  GET
           4.00 us in 2 waits  others, of whom only the sum is known
)");
}

TEST(lock_screen, of_a_free_lock_names_nobody) {
  EXPECT_THAT(joined(lock_screen().lines("top", R"({"now_ns":1,"owner":null,"queue":[],"queue_length":0})", {})),
              EndsWith("holds    nobody\nwait     0\n"));
}

TEST(lock_screen, fits_whatever_it_is_shown_on) {
  lock_screen screen;
  screen.take_event(waited);
  auto const hostile = "{\"owner\":{\"source\":\"s\",\"operation\":\"GET\",\"key\":\"<script>" +
                       std::string(1016, 'k') + "\"},\"queue\":[{},{},{},{},{},{},{}],\"queue_length\":7}";
  for (std::size_t lines = 0; lines < 20; ++lines) {
    for (std::size_t const columns : {0, 1, 20, 80}) {
      auto const shown = screen.lines("a title that is longer than twenty columns", hostile, {columns, lines});
      EXPECT_LE(shown.size(), lines);
      for (auto const& line : shown) {
        auto const ellipsis = line.ends_with("…") ? 2U : 0U;  // of three bytes and one column
        EXPECT_LE(line.size() - ellipsis, columns) << line;
      }
    }
  }
}

TEST(cut_to, leaves_whole_characters_and_says_that_there_was_more) {
  EXPECT_EQ(cut_to("abcdef", 6), "abcdef");
  EXPECT_EQ(cut_to("abcdefg", 6), "abcde…");
  EXPECT_EQ(cut_to("ééééééé", 6), "ééééé…");
  EXPECT_EQ(cut_to("ééé", 3), "ééé") << "more bytes than columns";
  EXPECT_EQ(cut_to("鍵鍵鍵鍵", 6), "鍵鍵…") << "two columns each";
  EXPECT_EQ(cut_to("abc", 0), "");
}

TEST(printable, turns_no_line_round) {
  EXPECT_EQ(printable("a\xE2\x80\xAE"
                      "b\xE2\x81\xA6\xEF\xBB\xBF"
                      "c鍵é"),
            "a?b??c鍵é");
  EXPECT_EQ(printable("\xFF\xE2\x80"), "???") << "what is no UTF-8";
}

}  // namespace
}  // namespace holdfast::client::watch
