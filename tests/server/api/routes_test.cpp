#include "server/api/routes.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "protocol/key.hpp"
#include "server/api/values.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;
using namespace std::chrono_literals;

constexpr std::uint64_t database_id = 0x3f;

request_head head(method method, std::string_view target) {
  request_head head;
  head.method = method;
  head.method_text = method == method::get ? "GET" : method == method::post ? "POST" : "OTHER";
  head.target = target;
  return head;
}

data_request operation_of(request_head const& head, route_settings const& settings = {}) {
  routed request;
  route(head, {settings, database_id, settings.read_hold, false}, request);
  if (auto const* answer = std::get_if<reply>(&request)) {
    ADD_FAILURE() << "answered " << answer->status << ": " << answer->body;
    return {};
  }
  return std::get<data_request>(std::move(request));
}

reply answer_of(request_head const& head, bool draining = false) {
  route_settings const settings;
  routed request;
  route(head, {settings, database_id, {}, draining}, request);
  if (std::holds_alternative<data_request>(request)) {
    ADD_FAILURE() << "became an operation";
    return {};
  }
  return std::get<reply>(std::move(request));
}

TEST(routes, each_method_becomes_its_operation) {
  EXPECT_EQ(std::get<get_operation>(operation_of(head(method::get, "/v1/kv/a")).operation).key, "a");
  EXPECT_EQ(std::get<get_operation>(operation_of(head(method::head, "/v1/kv/a")).operation).key, "a");
  EXPECT_EQ(std::get<put_operation>(operation_of(head(method::put, "/v1/kv/a")).operation).key, "a");
  EXPECT_EQ(std::get<delete_operation>(operation_of(head(method::del, "/v1/kv/a")).operation).key, "a");
  EXPECT_EQ(std::get<touch_operation>(operation_of(head(method::post, "/v1/kv/a?ttl=1s")).operation).key, "a");
  EXPECT_EQ(std::get<increment_operation>(operation_of(head(method::post, "/v1/kv/a?increment=2")).operation).by, 2);
  EXPECT_EQ(std::get<list_operation>(operation_of(head(method::get, "/v1/kv?prefix=a")).operation).prefix, "a");
  EXPECT_EQ(std::get<delete_range_operation>(operation_of(head(method::del, "/v1/kv?prefix=a")).operation).prefix, "a");
  EXPECT_EQ(operation_of(head(method::post, "/v1/txn")).body, data_request::body_kind::transaction);
}

TEST(routes, a_key_is_the_decoded_rest_of_the_path) {
  EXPECT_EQ(std::get<get_operation>(operation_of(head(method::get, "/v1/kv/a/b%2Fc%20d?hold=0")).operation).key,
            "a/b/c d");
}

TEST(routes, the_query_sets_the_terms_and_the_settings_fill_in_what_it_leaves_out) {
  route_settings const settings{
      .read_hold = 1s, .hold_max = 60s, .lock_timeout = 2s, .host_names = {}, .cors_origins = {}};
  EXPECT_EQ(operation_of(head(method::get, "/v1/kv/a"), settings).terms.hold, 1s);
  EXPECT_EQ(operation_of(head(method::get, "/v1/kv/a"), settings).terms.lock_timeout, 2s);
  EXPECT_EQ(operation_of(head(method::get, "/v1/kv/a?hold=0"), settings).terms.hold, 0s);
  EXPECT_EQ(operation_of(head(method::get, "/v1/kv/a?lock-timeout=0"), settings).terms.lock_timeout, 0s);
  EXPECT_EQ(operation_of(head(method::get, "/v1/kv/a?hold=250us&lock-timeout=1.5s"), settings).terms.hold, 250us);
}

TEST(routes, the_default_hold_is_for_reads_only) {
  route_settings const settings{
      .read_hold = 1s, .hold_max = 60s, .lock_timeout = {}, .host_names = {}, .cors_origins = {}};
  EXPECT_EQ(operation_of(head(method::head, "/v1/kv/a"), settings).terms.hold, 1s);
  EXPECT_EQ(operation_of(head(method::put, "/v1/kv/a"), settings).terms.hold, 0s);
  EXPECT_EQ(operation_of(head(method::del, "/v1/kv/a"), settings).terms.hold, 0s);
}

TEST(routes, a_wrong_parameter_is_named_with_what_would_be_right) {
  EXPECT_NE(answer_of(head(method::get, "/v1/kv/a?holt=1s")).body.find("hold, lock-timeout and wait"),
            std::string::npos);
  EXPECT_NE(answer_of(head(method::get, "/v1/kv/a?hold=10")).body.find("add a unit"), std::string::npos);
  EXPECT_NE(answer_of(head(method::get, "/v1/kv/a?hold=1s&hold=1s")).body.find("twice"), std::string::npos);
  EXPECT_NE(answer_of(head(method::get, "/v1/kv/a?hold=61s")).body.find("at most 1m"), std::string::npos);
}

TEST(routes, tell_statistics_what_a_request_is_for_without_its_variable_part) {
  auto const kind_of = [](std::string_view target) {
    route_settings const settings;
    routed request;
    return name_of(route(head(method::get, target), {settings, database_id, {}, false}, request));
  };
  EXPECT_EQ(kind_of("/v1/kv/a/b?hold=1s"), "/v1/kv/{key}");
  EXPECT_EQ(kind_of("/v1/kv?prefix=a"), "/v1/kv");
  EXPECT_EQ(kind_of("/v1/txn"), "/v1/txn");
  EXPECT_EQ(kind_of("/v1/watch?prefix=a"), "/v1/watch");
  EXPECT_EQ(kind_of("http://host/v1/lock?limit=1"), "/v1/lock");
  EXPECT_EQ(kind_of("/v1/lock/events"), "/v1/lock/events");
  EXPECT_EQ(kind_of("/v1/lock/trace"), "/v1/lock/trace");
  EXPECT_EQ(kind_of("/v1/settings"), "/v1/settings");
  EXPECT_EQ(kind_of("/metrics"), "/metrics");
  EXPECT_EQ(kind_of("/livez"), "/livez");
  EXPECT_EQ(kind_of("/assets/page.js"), "/");
  EXPECT_EQ(kind_of("/"), "/");
  EXPECT_EQ(kind_of("/no/such/path"), "other");
  EXPECT_EQ(kind_of("no target"), "other");
}

// The fast path to a key, and the request of that key.
TEST(plain_read, is_a_get_that_the_long_way_takes_for_the_same) {
  auto plain = head(method::get, "/v1/kv/a/b:c~");
  plain.is_bare = plain.target_is_plain = true;
  EXPECT_EQ(key_of_plain_read(plain), "a/b:c~");
  plain.is_bare = plain.target_is_plain = false;
  auto const same = operation_of(plain);
  EXPECT_EQ(std::get<get_operation>(same.operation).key, "a/b:c~");
  EXPECT_EQ(same.terms.hold, 0s);
  EXPECT_EQ(std::get<get_operation>(same.operation).when, nullptr);
}

TEST(plain_read, is_nothing_that_must_be_looked_at_closer) {
  auto const key_of = [](method method, std::string const& target, bool is_bare = true, bool is_plain = true) {
    auto one = head(method, target);
    one.is_bare = is_bare;
    one.target_is_plain = is_plain;
    return std::string(key_of_plain_read(one));
  };
  auto const longest = std::string(key_bytes_max, 'k');
  EXPECT_EQ(key_of(method::get, "/v1/kv/" + longest), longest);
  EXPECT_EQ(key_of(method::get, "/v1/kv/" + longest + "k"), "");
  EXPECT_EQ(key_of(method::get, "/v1/kv/"), "");
  EXPECT_EQ(key_of(method::get, "/v1/kv"), "");
  EXPECT_EQ(key_of(method::get, "/v1/lock"), "");
  EXPECT_EQ(key_of(method::get, "/livez"), "");
  EXPECT_EQ(key_of(method::get, "/v1/kv/a", false), "");
  EXPECT_EQ(key_of(method::get, "/v1/kv/a?hold=1s", true, false), "");
  for (auto const other : {method::head, method::put, method::del, method::options, method::post})
    EXPECT_EQ(key_of(other, "/v1/kv/a"), "");
}

// The route table says who may do what, and the tests of tokens believe it. This is what docs/security.md says. A route
// that is missing here is new: decide, and write it into both.
TEST(routes, need_of_a_token_what_the_documents_say) {
  route_access const nothing(need::nothing), keys(need::keys), locks(need::locks), overview(need::overview);
  std::map<std::string, route_access> const documented{
      {"/livez", nothing},
      {"/readyz", nothing},
      {"/", nothing},
      {"/assets/", nothing},
      {"/v1/openapi.json", nothing},
      {"/version", route_access(need::any_token)},
      {"/metrics", overview},
      {"/v1/lock", overview},
      {"/v1/lock/events", overview},
      {"/v1/lock/trace", overview},
      {"/v1/settings", route_access(need::overview, need::admin)},
      {"/v1/backups", route_access(need::admin)},
      {"/v1/kv/", keys},
      {"/v1/kv", keys},
      {"/v1/txn", keys},
      {"/v1/watch", keys},
      {"/v1/export", keys},
      {"/v1/import", keys},
      {"/v1/locks", locks},
      {"/v1/locks/{name}", locks},
      {"/v1/locks/{name}/tickets/{id}", locks},
      {"/v1/locks/{name}/events", locks},
  };
  for (auto const& one : all_resources()) {
    auto const found = documented.find(std::string(one.path));
    ASSERT_NE(found, documented.end()) << one.path;
    EXPECT_EQ(one.access, found->second) << one.path;
  }
  EXPECT_EQ(all_resources().size(), documented.size());
}

TEST(routes, a_post_that_means_to_store_is_told_to_put) {
  auto with_body = head(method::post, "/v1/kv/a");
  with_body.has_body = true;
  for (auto const& one : {head(method::post, "/v1/kv/a"), with_body}) {
    auto const answer = answer_of(one);
    EXPECT_EQ(answer.status, 400U);
    EXPECT_NE(answer.body.find("PUT"), std::string::npos);
  }
}

TEST(routes, readiness_ends_with_draining_but_liveness_stays) {
  EXPECT_EQ(answer_of(head(method::get, "/readyz")).status, 200U);
  EXPECT_EQ(answer_of(head(method::get, "/readyz"), true).status, 503U);
  EXPECT_EQ(answer_of(head(method::get, "/livez"), true).status, 200U);
}

}  // namespace
}  // namespace holdfast::server
