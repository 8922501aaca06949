// GET /v1/export and POST /v1/import.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"

namespace holdfast::tests {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

using content = std::map<std::string, std::string>;

content content_of(running_server const& server) {
  raw_client client(server.port());
  content all;
  for (std::string after;;) {
    auto const page = json::parse(client.ask(request("GET", "/v1/kv?limit=1000&values=true" + after)).body);
    for (auto const& one : page["entries"]) all[one["key"]] = one["value"].dump();
    if (!page.contains("next")) return all;
    after = "&after=" + page["next"].get<std::string>();
  }
}

std::string export_of(running_server const& server, std::string const& query = {}) {
  raw_client client(server.port());
  client.send("GET /v1/export?" + query + " HTTP/1.0\r\nHost: test\r\n\r\n");
  EXPECT_THAT(client.receive_until("\r\n\r\n"), HasSubstr("Content-Type: application/x-ndjson\r\n"));
  return client.receive_rest();
}

json last_line_of(std::string const& lines) {
  auto const begin = lines.rfind('\n', lines.size() - 2);
  return json::parse(lines.substr(begin == std::string::npos ? 0 : begin + 1));
}

struct transfer : ::testing::Test {
  raw_reply put(std::string const& key, std::string const& value) {
    return client.ask(request("PUT", "/v1/kv/" + key, value));
  }
  static raw_reply import(running_server const& to, std::string const& lines, std::string const& query = {}) {
    return raw_client(to.port()).ask(request("POST", "/v1/import" + query, lines));
  }

  running_server server, other;
  raw_client client{server.port()};
};

TEST_F(transfer, what_is_exported_is_imported_elsewhere_byte_for_byte) {
  put("a", " {\"x\": 1.0,\n\"y\":12345678901234567890} ");
  put("%C3%A4%22%5C", "\"\\u00e4\"");
  put("t?ttl=1h", "1");
  auto const lines = export_of(server);
  auto const end = last_line_of(lines);
  EXPECT_EQ(end["end"], true);
  EXPECT_EQ(end["revision"], 3);
  EXPECT_EQ(end["entries"], 3);
  EXPECT_THAT(end["crc32c"].get<std::string>(), ::testing::MatchesRegex("[0-9a-f]{8}"));
  auto const done = import(other, lines);
  ASSERT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(json::parse(done.body), (json{{"stored", 3}, {"skipped", 0}, {"revision", 3}}));
  EXPECT_EQ(done.field("holdfast-revision"), "3");
  EXPECT_EQ(content_of(other), content_of(server));
  raw_client reader(other.port());
  EXPECT_THAT(reader.ask(request("GET", "/v1/kv/a")).body, HasSubstr("12345678901234567890"));
  EXPECT_LE(std::stod(reader.ask(request("GET", "/v1/kv/t")).field("holdfast-ttl")), 3600);
}

TEST_F(transfer, a_prefix_is_exported_alone_and_nothing_of_nothing) {
  put("a/1", "1");
  put("b", "2");
  auto const lines = export_of(server, "prefix=a/");
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2);
  EXPECT_EQ(json::parse(lines.substr(0, lines.find('\n'))), (json{{"key", "a/1"}, {"value", 1}, {"revision", 1}}));
  EXPECT_EQ(last_line_of(export_of(server, "prefix=x"))["entries"], 0);
}

TEST_F(transfer, an_import_is_larger_than_a_body_may_be) {
  std::string lines;
  for (int i = 0; i < 3000; ++i)
    lines += R"({"key":"k)" + std::to_string(i) + R"(","value":")" + std::string(1000, 'x') + "\"}\n";
  ASSERT_GT(lines.size(), 2U * 1024 * 1024);
  auto const done = import(other, lines);
  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(json::parse(done.body)["stored"], 3000);
  EXPECT_EQ(content_of(other).size(), 3000U);
  std::ostringstream chunks;
  for (std::size_t at = 0; at < lines.size(); at += 10'007) {
    auto const piece = lines.substr(at, 10'007);
    chunks << std::hex << piece.size() << "\r\n" << piece << "\r\n";
  }
  auto const chunked = raw_client(server.port())
                           .ask("POST /v1/import HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n" +
                                chunks.str() + "0\r\n\r\n");
  EXPECT_EQ(chunked.status, 200) << chunked.body;
  EXPECT_EQ(content_of(server), content_of(other));
}

TEST_F(transfer, keys_that_exist_are_replaced_skipped_or_refused) {
  std::string const lines = R"({"key":"a","value":2}
{"key":"b","value":2}

{"key":"c","value":2}
)";
  put("b", "1");
  EXPECT_EQ(json::parse(import(server, lines, "?if-exists=skip").body),
            (json{{"stored", 2}, {"skipped", 1}, {"revision", 3}}));
  EXPECT_EQ(content_of(server), (content{{"a", "2"}, {"b", "1"}, {"c", "2"}}));
  EXPECT_EQ(json::parse(import(server, lines).body)["stored"], 3);
  EXPECT_EQ(content_of(server)["b"], "2");
  raw_client(other.port()).ask(request("PUT", "/v1/kv/b", "1"));
  auto const refused = import(other, lines, "?if-exists=fail");
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.code(), "import_conflict");
  EXPECT_THAT(refused.detail(), HasSubstr("'b'"));
  auto const told = json::parse(refused.body);
  EXPECT_EQ(told["line"], 2);
  EXPECT_EQ(told["stored"], 1);
  EXPECT_EQ(content_of(other), (content{{"a", "2"}, {"b", "1"}}));
  EXPECT_EQ(import(other, "{\"key\":\"x\",\"value\":1}\n{\"key\":\"x\",\"value\":2}\n", "?if-exists=fail").status, 200)
      << "what came with the import itself does not count as there";
}

TEST_F(transfer, a_line_that_can_not_be_stored_is_named_with_what_was_stored_before_it) {
  std::string const good = "{\"key\":\"a\",\"value\":1}\n";
  for (auto const& [line, told] : std::vector<std::pair<std::string, std::string>>{
           {"{\"key\":\"b\",\"val", "line 2"},
           {"7", "object"},
           {"{\"key\":\"\",\"value\":1}", "key"},
           {"{\"key\":7,\"value\":1}", "/key"},
           {"{\"key\":\"b\"}", "value"},
           {"{\"value\":1}", "key"},
           {"{\"key\":\"b\",\"value\":1,\"vlaue\":1}", "vlaue"},
           {"{\"key\":\"b\",\"key\":\"c\",\"value\":1}", "twice"},
           {"{\"key\":\"b\",\"value\":1,\"ttl\":0}", "ttl"},
           {"{\"key\":\"b\",\"value\":1,\"ttl\":\"36526d\"}", "ttl"},
           {"{\"key\":\"b\",\"value\":\"" + std::string(1024 * 1024, 'x') + "\"}", "longer"},
           {"{\"key\":\"a\",\"deleted\":false}", "at /deleted: this has to be true"},
           {"{\"key\":\"a\",\"deleted\":true,\"value\":1}", "neither value nor ttl"},
           {"{\"key\":\"a\",\"deleted\":true,\"ttl\":1}", "neither value nor ttl"},
           {"{\"end\":false,\"key\":\"b\",\"value\":1}", "at /end: this has to be true"},
           {"{\"key\":\"b\",\"value\":" + std::string(513, '[') + std::string(513, ']') + "}",
            "at /value: nested deeper than 512 levels"},
           {"{\"error\":{}}", "aborted"},
           {"{\"end\":true,\"revision\":1,\"entries\":2,\"crc32c\":\"00000000\"}", "entries"},
           {"{\"end\":true,\"revision\":1,\"entries\":1,\"crc32c\":\"00000000\"}", "checksum"},
           {"{\"end\":true}\n{\"key\":\"c\",\"value\":1}", "after the end"}}) {
    running_server fresh;
    auto const refused = import(fresh, good + line + "\n{\"key\":\"later\",\"value\":1}\n");
    EXPECT_EQ(refused.status, 400) << line.substr(0, 100);
    EXPECT_EQ(refused.code(), "invalid_import") << line.substr(0, 100);
    EXPECT_THAT(refused.detail(), HasSubstr(told)) << line.substr(0, 100);
    auto const problem = json::parse(refused.body);
    EXPECT_EQ(problem["line"], told == "after the end" ? 3 : 2) << line.substr(0, 100);
    EXPECT_EQ(problem["stored"], 1) << line.substr(0, 100);
    EXPECT_EQ(content_of(fresh), (content{{"a", "1"}})) << line.substr(0, 100);
  }
}

TEST_F(transfer, an_import_removes_what_an_export_has_as_deleted) {
  put("a", "1");
  auto const done = import(server, "{\"key\":\"a\",\"deleted\":true,\"revision\":7}\n{\"key\":\"b\",\"value\":1}\n");
  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(content_of(server), (content{{"b", "1"}}));
}

// An export writes the rest of a time to live in milliseconds, and an import took fractions up to a day only.
TEST_F(transfer, a_time_to_live_of_any_length_is_exported_and_imported) {
  for (auto const* ttl : {"1.5d", "2d", "400d", "36525d"}) put(std::string("k") + ttl + "?ttl=" + ttl, "1");
  auto const done = import(other, export_of(server));
  ASSERT_EQ(done.status, 200) << done.body;
  raw_client reader(other.port());
  for (auto const& [ttl, days] :
       std::vector<std::pair<std::string, double>>{{"1.5d", 1.5}, {"2d", 2}, {"400d", 400}, {"36525d", 36'525}}) {
    auto const left = std::stod(reader.ask(request("GET", "/v1/kv/k" + ttl)).field("holdfast-ttl"));
    EXPECT_LE(left, days * 86'400) << ttl;
    EXPECT_GT(left, days * 86'400 - 60) << ttl;
  }
}

// The line is one level around the value.
TEST_F(transfer, a_value_of_512_levels_is_exported_and_imported) {
  auto const deep = std::string(512, '[') + std::string(512, ']');
  ASSERT_EQ(put("deep", deep).status, 201);
  auto const done = import(other, export_of(server));
  ASSERT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(raw_client(other.port()).ask(request("GET", "/v1/kv/deep")).body, deep);
}

// A line had at most 8 MiB, however large a value may be.
TEST(large_transfer, takes_every_value_that_can_be_stored_and_names_the_line_that_is_too_long) {
  auto settings = running_server::test_settings();
  settings.sessions.body_bytes_max = 16 * 1024 * 1024;
  running_server server(settings), other(settings);
  auto const value = '"' + std::string(16 * 1024 * 1024 - 2, 'x') + '"';
  ASSERT_EQ(raw_client(server.port()).ask(request("PUT", "/v1/kv/large", value)).status, 201);
  auto const done = raw_client(other.port()).ask(request("POST", "/v1/import", export_of(server)));
  ASSERT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(content_of(other), content_of(server));
  auto const refused = raw_client(other.port())
                           .ask(request("POST", "/v1/import",
                                        "{\"key\":\"a\",\"value\":1}\n{\"key\":\"b\",\"value\":\"" +
                                            std::string(18 * 1024 * 1024, 'x')));
  EXPECT_EQ(refused.code(), "invalid_import");
  EXPECT_EQ(json::parse(refused.body)["line"], 2);
  EXPECT_EQ(json::parse(refused.body)["stored"], 1) << "what comes before the line is done";
}

TEST_F(transfer, an_export_that_was_cut_is_not_taken_for_a_whole_one) {
  for (int i = 0; i < 20; ++i) put("k" + std::to_string(i), "\"value\"");
  auto const lines = export_of(server);
  auto missing = lines;
  missing.erase(missing.find('\n') + 1, missing.find('\n', missing.find('\n') + 1) - missing.find('\n'));
  EXPECT_EQ(import(other, missing).status, 400) << "a line is missing";
  auto changed = lines;
  changed[changed.find("value\"}") == std::string::npos ? changed.find("\"value\",") + 1 : changed.find("value\"}")] =
      'V';
  EXPECT_EQ(import(other, changed).status, 400) << "a letter is another";
  EXPECT_EQ(import(other, lines.substr(0, lines.rfind("k5"))).status, 400) << "cut amid a line";
}

TEST_F(transfer, bad_terms_are_refused) {
  for (auto const& bytes :
       {request("POST", "/v1/import?if-exists=maybe", "{}"), request("POST", "/v1/import?prefix=a", "{}"),
        request("GET", "/v1/export?limit=5"), request("POST", "/v1/import", "{}", "Idempotency-Key: \"x\"\r\n")})
    EXPECT_EQ(raw_client(server.port()).ask(bytes).status, 400) << bytes;
  EXPECT_EQ(raw_client(server.port()).ask(request("GET", "/v1/import")).status, 405);
  EXPECT_EQ(raw_client(server.port()).ask(request("POST", "/v1/export")).status, 405);
}

// Touches have no revision of their own, and an export that had sent their keys passed over them: after an import a key
// that had been kept expired, and one that had been given an end stayed.
TEST_F(transfer, an_export_has_the_touches_of_keys_that_it_has_sent_already) {
  auto const large = '"' + std::string(100'000, 'x') + '"';
  auto const key = [](int i) { return "k/" + std::to_string(1000 + i); };
  constexpr int keys = 200;
  for (int i = 0; i < keys; ++i) put(key(i) + (i == 0 || i == 3 ? "?ttl=1h" : ""), large);
  raw_client slow(server.port());  // its kernel takes a part of the 20 MB only
  slow.send("GET /v1/export HTTP/1.0\r\nHost: test\r\n\r\n");
  auto lines = slow.receive_until("\n{\"key\":");  // so the first page has been read
  lines.erase(0, lines.find("\r\n\r\n") + 4);
  auto const touch = [&](int i, std::string const& ttl) {
    ASSERT_EQ(client.ask(request("POST", "/v1/kv/" + key(i) + "?ttl=" + ttl)).status, 204);
  };
  touch(0, "10s");
  touch(0, "none");
  touch(1, "2h");
  put(key(2), "2");
  touch(2, "3h");
  touch(3, "none");
  put(key(3) + "?ttl=4h", "3");
  touch(4, "5h");
  client.ask(request("DELETE", "/v1/kv/" + key(4)));
  touch(keys - 1, "6h");  // of a key that has not been read yet
  lines += slow.receive_rest();
  auto const done = import(other, lines);
  ASSERT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(content_of(other), content_of(server));
  raw_client reader(other.port());
  auto const hours_left = [&](int i) {
    auto const ttl = reader.ask(request("GET", "/v1/kv/" + key(i))).field("holdfast-ttl");
    return ttl.empty() ? 0 : std::lround(std::stod(ttl) / 3600);
  };
  EXPECT_EQ(hours_left(0), 0) << "it was kept";
  EXPECT_EQ(hours_left(1), 2);
  EXPECT_EQ(hours_left(2), 3);
  EXPECT_EQ(hours_left(3), 4);
  EXPECT_EQ(hours_left(keys - 1), 6);
}

// An export of several pages while three threads write: imported elsewhere, it equals the database at the revision of
// its last line.
TEST_F(transfer, an_export_under_writes_is_the_database_at_one_revision) {
  for (int i = 0; i < 3; ++i) {
    std::string lines;
    for (int j = 0; j < 800; ++j)
      lines += R"({"key":"k/)" + std::to_string(i * 800 + j) +
               R"(","value":0})"
               "\n";
    ASSERT_EQ(import(server, lines).status, 200);
  }
  struct write {
    std::string key, value;  // empty: removed
  };
  constexpr std::size_t writers = 3;
  std::vector<std::map<std::uint64_t, write>> written(writers);
  auto before = content_of(server);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  std::atomic<int> begun{0};
  for (std::size_t i = 0; i < writers; ++i)
    threads.emplace_back([&, i] {
      raw_client one(server.port());
      for (int value = 1; !stop; ++value) {
        auto const key = "k/" + std::to_string((value * 7919 + static_cast<int>(i) * 31) % 2500);
        auto const removes = value % 5 == 0;
        auto const reply = one.ask(removes ? request("DELETE", "/v1/kv/" + key)
                                           : request("PUT", "/v1/kv/" + key, std::to_string(value)));
        if (reply.status != 404)
          written[i][std::stoull(reply.field("holdfast-revision"))] = {key, removes ? "" : std::to_string(value)};
        if (value == 20) ++begun;
      }
    });
  while (begun < static_cast<int>(writers)) std::this_thread::yield();
  auto const lines = export_of(server, "prefix=k/");
  stop = true;
  for (auto& one : threads) one.join();
  auto const revision = last_line_of(lines)["revision"].get<std::uint64_t>();
  std::map<std::uint64_t, write> all;
  for (auto const& one : written) all.insert(one.begin(), one.end());
  for (auto const& [at, one] : all) {
    if (at > revision) break;
    if (one.value.empty())
      before.erase(one.key);
    else
      before[one.key] = one.value;
  }
  auto const done = import(other, lines);
  ASSERT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(content_of(other), before);
}

}  // namespace
}  // namespace holdfast::tests
