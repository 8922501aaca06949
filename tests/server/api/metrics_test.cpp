#include "server/api/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/api/metrics_writer.hpp"

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(metrics_writer, writes_a_family_as_prometheus_reads_it) {
  metrics_writer out;
  out.begin("a_total", "counter", "How many.");
  out.sample(17, {{"who", "x"}, {"why", "y"}});
  out.sample_seconds(1'500'000'000);
  EXPECT_EQ(out.text(),
            "# HELP a_total How many.\n# TYPE a_total counter\na_total{who=\"x\",why=\"y\"} 17\na_total 1.5\n");
}

TEST(metrics_writer, escapes_what_would_end_a_label) {
  metrics_writer out;
  out.begin("a", "gauge", "A.");
  out.sample(1, {{"who", "\"<script>\\\n"}});
  EXPECT_THAT(out.text(), HasSubstr(R"(a{who="\"<script>\\\n"} 1)"));
}

TEST(metrics_writer, a_histogram_is_cumulative_and_exact_to_the_nanosecond) {
  metrics_writer out;
  out.begin("h_seconds", "histogram", "H.");
  std::array<std::int64_t, 2> const bounds{1'000, 2'500'000};
  std::array<std::uint64_t, 3> const counts{3, 2, 1};
  out.sample_histogram(bounds, counts, 12'345'678'901, {{"operation", "GET"}});
  EXPECT_THAT(out.text(), HasSubstr("h_seconds_bucket{operation=\"GET\",le=\"0.000001\"} 3\n"
                                    "h_seconds_bucket{operation=\"GET\",le=\"0.0025\"} 5\n"
                                    "h_seconds_bucket{operation=\"GET\",le=\"+Inf\"} 6\n"
                                    "h_seconds_sum{operation=\"GET\"} 12.345678901\n"
                                    "h_seconds_count{operation=\"GET\"} 6\n"));
}

TEST(metrics_writer, a_histogram_of_numbers_has_no_unit) {
  metrics_writer out;
  out.begin("batch_changes", "histogram", "B.");
  std::array<std::int64_t, 2> const bounds{1, 1024};
  std::array<std::uint64_t, 3> const counts{3, 2, 1};
  out.sample_histogram_of_numbers(bounds, counts, 5'000);
  EXPECT_THAT(out.text(), HasSubstr("batch_changes_bucket{le=\"1\"} 3\nbatch_changes_bucket{le=\"1024\"} 5\n"
                                    "batch_changes_bucket{le=\"+Inf\"} 6\nbatch_changes_sum 5000\n"));
}

struct metrics_of_two_threads : ::testing::Test {
  insight source{2, 1};
  named_lock_counters locks;
};

TEST_F(metrics_of_two_threads, add_up_over_the_threads) {
  auto const at = source.started_at;
  source.recorders[0]->passed({}, lock_operation::get, "k", at, at + 100ns);
  source.recorders[1]->passed({}, lock_operation::get, "k", at, at + 2us);
  source.recorders[1]->passed({}, lock_operation::put, "k", at, at + 3ns);
  auto const text = metrics_text(source, 5, {1, 2, 3, 4}, locks);
  EXPECT_THAT(text, HasSubstr("holdfast_lock_hold_seconds_bucket{operation=\"GET\",le=\"0.000001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("holdfast_lock_hold_seconds_sum{operation=\"GET\"} 0.0000021\n"));
  EXPECT_THAT(text, HasSubstr("holdfast_lock_hold_seconds_sum{operation=\"PUT\"} 0.000000003\n"));
  EXPECT_THAT(text, HasSubstr("holdfast_lock_acquisitions_total{operation=\"GET\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("holdfast_lock_contended_acquisitions_total 0\n"));
  EXPECT_THAT(text, HasSubstr("holdfast_lock_consumers 0\n"));
  EXPECT_THAT(text, HasSubstr("holdfast_connections 5\n"));
  EXPECT_THAT(text, HasSubstr("holdfast_build_info{version=\""));
}

TEST_F(metrics_of_two_threads, count_requests_by_route_method_and_status) {
  source.recorders[0]->requests.add(route_kind::value, method::get, 200, 4'000'000);
  source.recorders[1]->requests.add(route_kind::value, method::get, 200, 6'000'000);
  source.recorders[1]->requests.add(route_kind::value, method::get, 200, 9'000);
  source.recorders[1]->requests.add(route_kind::value, method::put, 503, 1);
  source.recorders[1]->requests.add(route_kind::other, method::unknown, 501, 1);
  auto const text = metrics_text(source, 0, {}, locks);
  std::string const get = R"({http_request_method="GET",http_route="/v1/kv/{key}",http_response_status_code="200")";
  EXPECT_THAT(text, HasSubstr("http_server_request_duration_seconds_bucket" + get + ",le=\"0.00001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("http_server_request_duration_seconds_bucket" + get + ",le=\"0.005\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("http_server_request_duration_seconds_count" + get + "} 3\n"));
  EXPECT_THAT(text, HasSubstr("http_server_request_duration_seconds_sum" + get + "} 0.010009\n"));
  EXPECT_THAT(text,
              HasSubstr(R"(http_request_method="PUT",http_route="/v1/kv/{key}",http_response_status_code="503")"));
  EXPECT_THAT(text, HasSubstr(R"(http_request_method="_OTHER",http_route="other",http_response_status_code="501")"));
}

}  // namespace
}  // namespace holdfast::server
