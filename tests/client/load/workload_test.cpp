#include "client/load/workload.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <set>
#include <vector>

#include "protocol/json.hpp"

namespace holdfast::client::load {
namespace {

using namespace std::chrono_literals;
using testing::StartsWith;

constexpr auto prefix = "load-1/";

workload make(workload_settings const& settings, std::uint32_t stream = 0) {
  return {settings, endpoint{}, prefix, stream};
}

std::string bytes_of(workload& from, planned_request const& request) {
  std::string bytes;
  from.append(bytes, request);
  return bytes;
}

TEST(workload, reads_as_often_as_it_is_told) {
  for (auto const ratio : {0.0, 0.25, 0.9, 1.0}) {
    auto requests = make({.read_ratio = ratio, .hold = {}});
    int reads = 0;
    constexpr int count = 100'000;
    for (int i = 0; i < count; ++i) reads += requests.next().operation == operation_kind::get;
    // Five standard deviations of a binomial; all or nothing is exact.
    EXPECT_NEAR(reads, ratio * count, 5 * std::sqrt(count * ratio * (1 - ratio)));
  }
}

TEST(workload, chooses_keys_uniformly) {
  constexpr int keys = 100;
  constexpr int count = 100'000;
  auto requests = make({.keys = keys, .hold = {}});
  std::vector<int> hits(keys);
  for (int i = 0; i < count; ++i) ++hits.at(requests.next().key);
  double chi_square = 0;
  constexpr double expected = double(count) / keys;
  for (auto const hit : hits) chi_square += std::pow(hit - expected, 2) / expected;
  // 99 degrees of freedom: above 160 in one of 10,000 uniform samples; the seed is fixed.
  EXPECT_LT(chi_square, 160);
}

TEST(workload, repeats_itself_with_the_same_seed_and_differs_between_threads) {
  auto const draw = [](std::uint64_t seed, std::uint32_t stream) {
    auto requests = make({.hold = {}, .seed = seed}, stream);
    std::vector<std::uint32_t> keys;
    for (int i = 0; i < 20; ++i) keys.push_back(requests.next().key);
    return keys;
  };
  EXPECT_EQ(draw(1, 0), draw(1, 0));
  EXPECT_NE(draw(1, 0), draw(2, 0));
  EXPECT_NE(draw(1, 0), draw(1, 1));
}

TEST(workload, writes_a_get_as_the_server_reads_it) {
  auto requests = make({.hold = {}});
  EXPECT_EQ(bytes_of(requests, {operation_kind::get, 17}),
            "GET /v1/kv/load-1/17 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: holdfast/" HOLDFAST_VERSION
            "\r\n\r\n");
}

TEST(workload, writes_a_put_whose_length_is_right) {
  auto requests = make({.value_bytes = 30, .hold = {}});
  auto const bytes = bytes_of(requests, {operation_kind::put, 0});
  EXPECT_THAT(bytes, StartsWith("PUT /v1/kv/load-1/0 HTTP/1.1\r\n"));
  EXPECT_THAT(bytes, testing::HasSubstr("Content-Length: 30\r\n"));
  auto const body = bytes.substr(bytes.find("\r\n\r\n") + 4);
  EXPECT_EQ(body.size(), 30U);
  EXPECT_TRUE(protocol::check_json(body));
  EXPECT_TRUE(requests.is_value(body));
}

TEST(workload, asks_for_the_hold_only_when_one_is_wished) {
  auto requests = make({.hold = 5ms});
  EXPECT_THAT(bytes_of(requests, {operation_kind::get, 1}), StartsWith("GET /v1/kv/load-1/1?hold=5ms HTTP/1.1\r\n"));
}

TEST(workload, never_writes_the_same_value_twice) {
  std::set<std::string> values;
  for (std::uint32_t stream = 0; stream < 4; ++stream) {
    auto requests = make({.value_bytes = value_bytes_min, .hold = {}}, stream);
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(values.insert(requests.next_value()).second);
  }
}

TEST(workload, knows_a_value_that_it_can_not_have_written) {
  auto const requests = make({.value_bytes = 20, .hold = {}});
  EXPECT_TRUE(requests.is_value("\"000000000000000000\""));
  EXPECT_FALSE(requests.is_value("\"00000000000000000\""));
  EXPECT_FALSE(requests.is_value("12345678901234567890"));
  EXPECT_FALSE(requests.is_value(""));
}

}  // namespace
}  // namespace holdfast::client::load
