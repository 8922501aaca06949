#include "client/load/workload.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "protocol/json.hpp"

namespace holdfast::client::load {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr auto prefix = "load-1/";

workload_settings settings_with_mix(std::string_view mix) {
  workload_settings settings;
  settings.mix = parse_mix(mix).value();
  return settings;
}

workload make(workload_settings const& settings, thread_place place = {}) {
  return {settings, endpoint{}, prefix, place};
}

std::string bytes_of(workload& from, planned_request const& request) {
  std::string bytes;
  from.append(bytes, request);
  return bytes;
}

std::string bytes_of_next(workload_settings const& settings) {
  auto requests = make(settings);
  return bytes_of(requests, requests.next());
}

std::string body_of(std::string const& request) {
  return request.substr(request.find("\r\n\r\n") + 4);
}

TEST(workload, asks_for_each_operation_by_its_share) {
  auto requests = make(settings_with_mix("get=50,put=20,insert=10,delete=5,rmw=15"));
  std::map<std::string, double> counts;
  constexpr int draws = 100'000;
  for (int i = 0; i < draws; ++i) {
    auto const request = requests.next();
    ++counts[std::string(name_of(request.operation)) + (request.inserts ? " new" : "") +
             (request.modifies ? " and put" : "")];
  }
  std::map<std::string, double> const shares{
      {"get", 0.5}, {"put", 0.2}, {"put new", 0.1}, {"delete", 0.05}, {"get and put", 0.15}};
  ASSERT_EQ(counts.size(), shares.size());
  // Five standard deviations of a binomial.
  for (auto const& [what, share] : shares)
    EXPECT_NEAR(counts[what], draws * share, 5 * std::sqrt(draws * share * (1 - share))) << what;
}

TEST(workload, repeats_itself_with_the_same_seed_and_differs_between_threads) {
  auto const draw = [](std::uint64_t seed, thread_place place) {
    auto settings = settings_with_mix("get=50,put=30,delete=10,rmw=10");
    settings.key_choice = parse_key_choice("zipfian").value();
    settings.value_bytes = parse_value_size("64..4096").value();
    settings.hold = parse_hold("exp:5ms").value();
    settings.hold_share = 0.5;
    settings.seed = seed;
    auto requests = make(settings, place);
    std::string bytes;
    for (int i = 0; i < 50; ++i) requests.append(bytes, requests.next());
    return bytes;
  };
  EXPECT_EQ(draw(1, {0, 2}), draw(1, {0, 2}));
  EXPECT_NE(draw(1, {0, 2}), draw(2, {0, 2}));
  EXPECT_NE(draw(1, {0, 2}), draw(1, {1, 2}));
}

TEST(workload, writes_requests_as_the_server_reads_them) {
  auto requests = make({});
  auto const fields = " HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: holdfast/" HOLDFAST_VERSION "\r\n";
  EXPECT_EQ(bytes_of(requests, {.key = 17}), std::string("GET /v1/kv/load-1/17") + fields + "\r\n");
  EXPECT_EQ(bytes_of(requests, {.operation = operation_kind::del, .key = 3}),
            std::string("DELETE /v1/kv/load-1/3") + fields + "\r\n");
  EXPECT_EQ(bytes_of(requests, {.operation = operation_kind::put, .key = 0xab, .value_bytes = 30, .value = 0x12}),
            std::string("PUT /v1/kv/load-1/171") + fields +
                "Content-Type: application/json\r\nContent-Length: 30\r\n\r\n\"000000ab0000000000000012....\"");
}

TEST(workload, writes_the_operations_on_several_keys_and_those_with_conditions) {
  workload_settings settings;
  settings.hold = parse_hold("exp:1ms").value();
  auto requests = make(settings);
  requests.learn_database(0xa1b2c3d4e5f60718);
  auto const fields = std::string(" HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: holdfast/" HOLDFAST_VERSION "\r\n");
  auto const of_json = fields + "Content-Type: application/json\r\nContent-Length: ";
  EXPECT_EQ(bytes_of(requests, {.operation = operation_kind::list, .key = 7, .limit = 50}),
            "GET /v1/kv?prefix=load-1/&values=true&after=load-1/7&limit=50" + fields + "\r\n");
  EXPECT_EQ(bytes_of(requests, {.operation = operation_kind::incr, .key = 7}),
            "POST /v1/kv/load-1/c7?increment=1" + fields + "Content-Length: 0\r\n\r\n");
  planned_request put{.operation = operation_kind::put,
                      .on = condition::unchanged,
                      .key = 7,
                      .value_bytes = 26,
                      .value = 1,
                      .ttl = 5ms,
                      .version = 12};
  auto const value = std::string("\"000000070000000000000001\"");
  EXPECT_EQ(bytes_of(requests, put),
            "PUT /v1/kv/load-1/7?ttl=5000000ns" + of_json + "26\r\nIf-Match: \"a1b2c3d4e5f60718-12\"\r\n\r\n" + value);
  put.version = 0;
  put.ttl = 0ns;
  put.hold = 1ms;
  EXPECT_EQ(bytes_of(requests, put),
            "PUT /v1/kv/load-1/7?hold=1000000ns" + of_json + "26\r\nIf-None-Match: *\r\n\r\n" + value);
  planned_request reads{.operation = operation_kind::txn, .modifies = true, .key = 7, .other_key = 8};
  EXPECT_EQ(bytes_of(requests, reads), "POST /v1/txn" + of_json +
                                           R"(54)"
                                           "\r\n\r\n"
                                           R"({"operations":[{"get":"load-1/7"},{"get":"load-1/8"}]})");
  planned_request writes{.operation = operation_kind::txn,
                         .on = condition::unchanged,
                         .writes_other = true,
                         .key = 7,
                         .value_bytes = 26,
                         .value = 1,
                         .other_key = 8,
                         .other_value = 2,
                         .version = 12};
  EXPECT_EQ(nlohmann::json::parse(body_of(bytes_of(requests, writes))), nlohmann::json::parse(R"({
      "checks": [{"key": "load-1/7", "etag": "\"a1b2c3d4e5f60718-12\""}, {"key": "load-1/8", "exists": false}],
      "operations": [{"get": "load-1/7"}, {"get": "load-1/8"},
                     {"put": "load-1/7", "value": "000000070000000000000001"},
                     {"put": "load-1/8", "value": "000000080000000000000002"}]})"));
}

TEST(workload, makes_a_write_depend_on_what_was_read) {
  auto requests = make(settings_with_mix("cas=1"));
  auto const get = requests.next();
  EXPECT_TRUE(get.modifies && get.compares);
  EXPECT_EQ(requests.modify(get, {.first = 12}).version, 12U);
  EXPECT_EQ(requests.modify(get, {}).on, condition::unchanged) << "of a key that is not there: create it";
  auto transfers = make(settings_with_mix("txn=1"));
  int both = 0;
  for (int i = 0; i < 200; ++i) {
    auto const reads = transfers.next();
    EXPECT_NE(reads.key, reads.other_key);
    auto const writes = transfers.modify(reads, {.first = 1, .other = 2});
    EXPECT_EQ(writes.operation, operation_kind::txn);
    EXPECT_EQ(std::pair(writes.version, writes.other_version), std::pair(std::uint64_t(1), std::uint64_t(2)));
    EXPECT_FALSE(writes.modifies);
    both += writes.writes_other;
  }
  EXPECT_NEAR(both, 100, 40);
}

TEST(workload, takes_a_condition_that_is_not_met_for_an_answer) {
  auto const requests = make({});
  EXPECT_TRUE(requests.is_expected({.operation = operation_kind::put, .on = condition::unchanged}, 412));
  EXPECT_TRUE(requests.is_expected({.operation = operation_kind::txn, .on = condition::unchanged}, 412));
  EXPECT_FALSE(requests.is_expected({.operation = operation_kind::put}, 412));
  EXPECT_FALSE(requests.is_expected({.operation = operation_kind::txn}, 412));
}

TEST(workload, writes_values_that_are_json_and_as_long_as_drawn) {
  auto settings = settings_with_mix("put=1");
  settings.value_bytes = parse_value_size("26..300").value();
  auto requests = make(settings);
  std::set<std::size_t> lengths;
  for (int i = 0; i < 10'000; ++i) {
    auto const request = requests.next();
    auto const bytes = bytes_of(requests, request);
    auto const body = body_of(bytes);
    EXPECT_EQ(body.size(), request.value_bytes);
    EXPECT_THAT(bytes, HasSubstr("Content-Length: " + std::to_string(body.size()) + "\r\n"));
    EXPECT_TRUE(protocol::check_json(body));
    EXPECT_EQ(parse_value(body), (stored_value{request.key, request.value}));
    EXPECT_TRUE(requests.is_value(body, request.key));
    lengths.insert(body.size());
  }
  EXPECT_EQ(*lengths.begin(), 26U);
  EXPECT_EQ(*lengths.rbegin(), 300U);
}

TEST(workload, keeps_sizes_that_vary_without_end_within_what_a_value_may_have) {
  auto settings = settings_with_mix("put=1");
  settings.value_bytes = parse_value_size("exp:30").value();
  auto requests = make(settings);
  double sum = 0;
  for (int i = 0; i < 1000; ++i) {
    auto const bytes = requests.next().value_bytes;
    EXPECT_GE(bytes, value_bytes_min);
    sum += bytes;
  }
  EXPECT_GT(sum / 1000, 30);
}

TEST(workload, asks_for_a_hold_only_when_one_is_wished) {
  EXPECT_THAT(bytes_of_next(settings_with_mix("get=1")), Not(HasSubstr("hold=")));
  for (auto const& [mix, start] : {std::pair("get=1", "GET "), {"put=1", "PUT "}, {"delete=1", "DELETE "}}) {
    auto settings = settings_with_mix(mix);
    settings.hold = parse_hold("5ms").value();
    EXPECT_THAT(bytes_of_next(settings), StartsWith(start));
    EXPECT_THAT(bytes_of_next(settings), HasSubstr("?hold=5ms HTTP/1.1\r\n"));
  }
}

TEST(workload, writes_the_hold_that_was_drawn) {
  auto settings = settings_with_mix("get=1");
  settings.hold = parse_hold("exp:5ms").value();
  auto requests = make(settings);
  std::set<nanoseconds> drawn;
  for (int i = 0; i < 100; ++i) {
    auto const request = requests.next();
    drawn.insert(request.hold.value());
    EXPECT_THAT(bytes_of(requests, request), HasSubstr("?hold=" + std::to_string(request.hold->count()) + "ns HTTP"));
  }
  EXPECT_GT(drawn.size(), 90U);
}

TEST(workload, asks_for_the_hold_on_its_share_of_the_requests) {
  auto settings = settings_with_mix("get=1,put=1");
  settings.hold = parse_hold("5ms").value();
  settings.hold_share = 0.1;
  auto requests = make(settings);
  constexpr int draws = 100'000;
  int holding = 0;
  for (int i = 0; i < draws; ++i) holding += requests.next().hold.has_value();
  EXPECT_NEAR(holding, draws * 0.1, 5 * std::sqrt(draws * 0.1 * 0.9));
}

TEST(workload, never_writes_the_same_value_twice) {
  std::set<std::string> values;
  auto const settings = settings_with_mix("put=50,insert=25,rmw=25");
  for (std::uint32_t thread = 0; thread < 4; ++thread) {
    auto requests = make(settings, {thread, 4});
    for (std::uint32_t key = 0; key < 10; ++key) EXPECT_TRUE(values.insert(requests.first_value(key)).second);
    for (int i = 0; i < 1000; ++i) {
      auto request = requests.next();
      if (request.modifies) request = requests.modify(request, {});
      EXPECT_TRUE(values.insert(body_of(bytes_of(requests, request))).second);
    }
  }
}

TEST(workload, puts_what_it_modifies_under_the_key_it_has_read) {
  auto requests = make(settings_with_mix("rmw=1"));
  auto const get = requests.next();
  auto const put = requests.modify(get, {});
  EXPECT_EQ(get.operation, operation_kind::get);
  EXPECT_EQ(put.operation, operation_kind::put);
  EXPECT_EQ(put.key, get.key);
  EXPECT_FALSE(put.modifies);
}

TEST(workload, knows_a_value_that_it_can_not_have_written) {
  workload_settings settings;
  settings.value_bytes = distribution::constant(28);
  auto const requests = make(settings);
  EXPECT_TRUE(requests.is_value("\"000000110000000000000001..\"", 0x11));
  EXPECT_FALSE(requests.is_value("\"000000120000000000000001..\"", 0x11));  // another key's
  EXPECT_FALSE(requests.is_value("\"000000110000000000000001.\"", 0x11));
  EXPECT_FALSE(requests.is_value("1000000110000000000000001..1", 0x11));
  EXPECT_FALSE(requests.is_value("", 0x11));
}

TEST(workload, expects_a_missing_key_only_where_it_deletes_some) {
  for (auto const& [mix, may_be_missing] : {std::pair("get=1,put=1", false), {"get=1,delete=1", true}}) {
    auto const requests = make(settings_with_mix(mix));
    EXPECT_TRUE(requests.is_expected({.operation = operation_kind::get}, 200));
    EXPECT_EQ(requests.is_expected({.operation = operation_kind::get}, 404), may_be_missing);
    EXPECT_EQ(requests.is_expected({.operation = operation_kind::del}, 404), may_be_missing);
    EXPECT_FALSE(requests.is_expected({.operation = operation_kind::put}, 404));
    EXPECT_FALSE(requests.is_expected({.operation = operation_kind::get}, 503));
  }
}

TEST(workload, expects_a_key_to_be_missing_whose_insert_failed) {
  auto requests = make(settings_with_mix("get=1,insert=1"));
  auto request = requests.next();
  while (!request.inserts) request = requests.next();
  requests.settle(request, false);
  EXPECT_TRUE(requests.is_expected({.operation = operation_kind::get, .key = request.key}, 404));
  EXPECT_FALSE(requests.is_expected({.operation = operation_kind::get, .key = 0}, 404));
}

}  // namespace
}  // namespace holdfast::client::load
