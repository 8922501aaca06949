#include "client/load/threshold.hpp"

#include <gmock/gmock.h>

#include "client/load/report.hpp"

namespace holdfast::client::load {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// 100 answers of 1 ms to 100 ms in 2 s, and three errors.
load_report report_of_a_run() {
  load_report report;
  report.elapsed = 2s;
  for (int ms = 1; ms <= 100; ++ms)
    report.total.record({operation_kind::get, 200, true, std::chrono::milliseconds(ms), {}});
  report.total.record(error_kind::reset, 3);
  return report;
}

bool held(std::string_view text, load_report const& report = report_of_a_run()) {
  return judge(parse_threshold(text).value(), report).held;
}

TEST(threshold, holds_a_percentile_to_a_duration) {
  EXPECT_TRUE(held("p50<51ms"));
  EXPECT_FALSE(held("p50<50ms"));
  EXPECT_TRUE(held("p99 < 101ms"));
  EXPECT_FALSE(held("p99.9<100ms"));
  EXPECT_TRUE(held("p90>=90ms"));
}

TEST(threshold, holds_exact_figures_exactly) {
  EXPECT_TRUE(held("max<=100ms"));
  EXPECT_FALSE(held("max<100ms"));
  EXPECT_TRUE(held("mean==50.5ms"));
  EXPECT_TRUE(held("throughput==50/s"));
  EXPECT_FALSE(held("throughput>50/s"));
  EXPECT_TRUE(held("errors<=3"));
  EXPECT_FALSE(held("errors==0"));
}

TEST(threshold, tells_what_was_measured) {
  EXPECT_EQ(judge(parse_threshold("max<1ms").value(), report_of_a_run()).measured, "100 ms");
  EXPECT_EQ(judge(parse_threshold("throughput>1/s").value(), report_of_a_run()).measured, "50.0/s");
  EXPECT_EQ(judge(parse_threshold("errors==0").value(), report_of_a_run()).measured, "3");
}

// Otherwise a server that answers nothing would hold every latency to be low.
TEST(threshold, is_broken_when_nothing_was_measured) {
  load_report nothing;
  nothing.elapsed = 1s;
  EXPECT_FALSE(held("p99<5ms", nothing));
  EXPECT_FALSE(held("throughput<5/s", nothing));
  EXPECT_TRUE(held("errors==0", nothing));
}

TEST(threshold, says_what_would_be_right) {
  for (auto const* text : {"", "p99", "<5ms", "p98<5ms", "p99=5ms", "p99<5", "p99<", "errors<1ms", "throughput>5",
                           "errors==-1", "p99<<5ms", "p99<5ms x"}) {
    auto const read = parse_threshold(text);
    ASSERT_FALSE(read) << text;
    EXPECT_THAT(read.error().detail, HasSubstr("is not a threshold: ")) << text;
  }
  EXPECT_THAT(parse_threshold("p99<5").error().detail, HasSubstr("5ms"));
  EXPECT_THAT(parse_threshold("p98<5ms").error().detail, HasSubstr("p99.9"));
}

}  // namespace
}  // namespace holdfast::client::load
