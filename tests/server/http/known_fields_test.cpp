// The fast path must lead to the same head as the full one.
#include "server/http/known_fields.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <string>

#include "server/http/head_scanner.hpp"
#include "server/http/plain_request_line.hpp"
#include "server/http/request_parser.hpp"
#include "tests/protocol/damage.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;

using namespace std::literals;

constexpr std::size_t head_bytes_max = 200;
constexpr std::uint64_t body_bytes_max = 30;

std::string text_of(request_head const& head) {
  std::string text;
  for (auto const part : {head.method_text, head.target, head.content_encoding, head.content_type, head.host,
                          head.origin, head.last_event_id, head.authorization, head.field_lines})
    text += std::string(part) + '|';
  for (auto const& part : {head.if_none_match, head.if_match, head.idempotency_key})
    text += part.value_or("none") + '|';
  text += std::to_string(static_cast<int>(head.method));
  for (auto const flag : {head.http11, head.keep_alive, head.has_body, head.expects_continue,
                          head.has_other_expectation, head.has_if_unmodified_since, head.has_content_range,
                          head.prefers_representation, head.has_two_idempotency_keys})
    text += flag ? '1' : '0';
  return text;
}

/// The head and the state of its body, or the error, on the full path.
std::string full_story_of(std::string_view text, std::string_view body) {
  auto const length = head_scanner().scan(text, head_bytes_max);
  if (!length || *length == 0) return "none";
  request_parser parser(body_bytes_max);
  auto const head = parser.parse_head(text.substr(0, *length));
  if (!head) return "none";
  std::string content;
  auto const used = parser.parse_body(body, content);
  return std::to_string(*length) + text_of(**head) + content + (parser.done() ? "done" : "") +
         (used ? std::to_string(*used) : "refused");
}

std::string short_story_of(request_parser& parser, std::string_view text, std::string_view body) {
  auto const length = parser.recognize_head(text, head_bytes_max);
  if (length == 0) return "none";
  auto const head = text_of(parser.head());
  std::string content;
  auto const used = parser.parse_body(body, content);
  return std::to_string(length) + head + content + (parser.done() ? "done" : "") +
         (used ? std::to_string(*used) : "refused");
}

void teach(request_parser& parser, std::string_view text) {
  auto const length = head_scanner().scan(text, head_bytes_max);
  if (length && *length != 0) static_cast<void>(parser.parse_head(text.substr(0, *length)));
}

TEST(recognized_head, is_the_one_that_the_full_parser_sees_however_a_request_is_damaged) {
  std::mt19937 random(20'261'124);
  known_fields known;
  request_parser parser(body_bytes_max, &known);
  auto const end = std::chrono::steady_clock::now() + 1s;
  int tried = 0, recognized = 0;
  do {
    auto const& sample = sample_requests()[static_cast<std::size_t>(tried) % sample_requests().size()];
    teach(parser, sample);
    auto const text = damaged(sample, random);
    auto const shorter = short_story_of(parser, text, "3\r\nabc\r\n0\r\n\r\nmore");
    if (shorter != "none") {
      ASSERT_EQ(shorter, full_story_of(text, "3\r\nabc\r\n0\r\n\r\nmore")) << testing::PrintToString(text);
      ++recognized;
    }
    if (tried % 3 == 0) teach(parser, text);
    ++tried;
  } while (tried < 200'000 && std::chrono::steady_clock::now() < end);
  EXPECT_GT(recognized, tried / 20) << "the damage leaves nothing to compare";
}

constexpr auto plain = "GET /v1/kv/a HTTP/1.1\r\nHost: a\r\n\r\n"sv;

TEST(recognized_head, needs_the_same_fields_to_the_last_byte) {
  known_fields known;
  request_parser parser(body_bytes_max, &known);
  EXPECT_EQ(parser.recognize_head(plain, head_bytes_max), 0U) << "nothing has been learnt";
  teach(parser, plain);
  EXPECT_EQ(parser.recognize_head(plain, head_bytes_max), plain.size());
  for (auto const* other :
       {"GET /v1/kv/a HTTP/1.1\r\nhost: a\r\n\r\n", "GET /v1/kv/a HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n",
        "GET /v1/kv/a HTTP/1.1\r\nHost: a\r\n", "GET /v1/kv/a HTTP/1.1\r\nHost: ab\r\n\r\n",
        "GET /v1/kv/a HTTP/1.1\r\nHost:  a\r\n\r\n", "GET /v1/kv/a HTTP/1.1\r\n\r\n"})
    EXPECT_EQ(parser.recognize_head(other, head_bytes_max), 0U) << other;
}

TEST(recognized_head, takes_any_plain_request_line_before_known_fields) {
  known_fields known;
  request_parser parser(body_bytes_max, &known);
  teach(parser, plain);
  for (auto const* line : {"PUT /b", "HEAD /v1/kv/%20?hold=1s", "DELETE http://a/v1/kv/b", "GET *"}) {
    auto const text = line + " HTTP/1.1\r\nHost: a\r\n\r\nGET"s;
    EXPECT_EQ(parser.recognize_head(text, head_bytes_max), text.size() - 3) << line;
    EXPECT_EQ(parser.head().target, text.substr(text.find(' ') + 1, parser.head().target.size()));
  }
}

TEST(recognized_head, of_another_length_is_held_to_the_limit) {
  known_fields known;
  request_parser parser(body_bytes_max, &known);
  teach(parser, plain);
  EXPECT_EQ(parser.recognize_head(plain, plain.size()), plain.size());
  EXPECT_EQ(parser.recognize_head(plain, plain.size() - 1), 0U);
}

TEST(recognized_head, is_never_one_whose_fields_were_refused) {
  known_fields known;
  request_parser parser(body_bytes_max, &known);
  for (auto const* text : {"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"}) {
    teach(parser, text);
    EXPECT_EQ(parser.recognize_head(text, head_bytes_max), 0U) << text;
  }
}

// Host may be missing in HTTP/1.0, but not in HTTP/1.1.
TEST(recognized_head, is_never_one_learnt_from_http_1_0) {
  known_fields known;
  request_parser parser(body_bytes_max, &known);
  teach(parser, "GET / HTTP/1.0\r\nA: b\r\n\r\n");
  EXPECT_EQ(parser.recognize_head("GET / HTTP/1.0\r\nA: b\r\n\r\n", head_bytes_max), 0U);
  EXPECT_EQ(parser.recognize_head("GET / HTTP/1.1\r\nA: b\r\n\r\n", head_bytes_max), 0U);
}

TEST(recognized_head, keeps_its_fields_when_the_bytes_it_was_learnt_from_are_gone) {
  known_fields known;
  request_parser parser(body_bytes_max, &known);
  auto const fields = "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Encoding: some-coding\r\n\r\n"s;
  {
    auto text = fields;
    teach(parser, text);
    std::fill(text.begin(), text.end(), 'x');
  }
  ASSERT_NE(parser.recognize_head(fields, head_bytes_max), 0U);
  EXPECT_EQ(parser.head().content_encoding, "some-coding");
}

TEST(recognized_head, is_bare_where_its_fields_ask_for_nothing) {
  auto const is_bare = [](std::string const& fields) {
    known_fields known;
    request_parser parser(body_bytes_max, &known);
    auto const text = "GET /v1/kv/a HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
    teach(parser, text);
    EXPECT_NE(parser.recognize_head(text, head_bytes_max), 0U) << fields;
    return parser.head().is_bare;
  };
  for (auto const* bare : {"", "Accept: */*\r\nUser-Agent: curl/8\r\n", "Connection: keep-alive\r\n",
                           "Content-Length: 0\r\n", "Cookie: If-Match=1\r\n"})
    EXPECT_TRUE(is_bare(bare)) << bare;
  for (auto const* asking :
       {"Connection: close\r\n", "Content-Length: 1\r\n", "Transfer-Encoding: chunked\r\n", "If-None-Match: \"a\"\r\n",
        "Origin: http://a\r\n", "Sec-Fetch-Site: cross-site\r\n", "Expect: 100-continue\r\n", "Expect: more\r\n",
        "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "A: b\r\nconnection: a, CLOSE\r\n"})
    EXPECT_FALSE(is_bare(asking)) << asking;
}

// They differ each time, and would only displace fields that occur again.
TEST(recognized_head, is_never_one_of_which_there_is_no_other) {
  for (auto const* fields : {"If-Match: *\r\n", "Idempotency-Key: \"a\"\r\n"}) {
    known_fields known;
    request_parser parser(body_bytes_max, &known);
    auto const text = "PUT /v1/kv/a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n" + std::string(fields) + "\r\n";
    teach(parser, text);
    EXPECT_EQ(parser.recognize_head(text, head_bytes_max), 0U) << fields;
  }
}

TEST(known_fields, forgets_those_that_were_not_used_for_longest) {
  known_fields known;
  auto const fields_of = [](int number) { return "Host: " + std::to_string(number) + "\r\n\r\n"; };
  known.remember(fields_of(-1), {}, false, 0);
  for (int i = 0; i < 100; ++i) {
    known.remember(fields_of(i), {}, false, 0);
    EXPECT_NE(known.find(fields_of(-1)), nullptr) << i;
    EXPECT_NE(known.find(fields_of(i)), nullptr) << i;
  }
  EXPECT_EQ(known.find(fields_of(1)), nullptr);
}

TEST(known_fields, keeps_no_large_ones) {
  known_fields known;
  auto const large = "A: " + std::string(known_fields::bytes_max, 'a') + "\r\n\r\n";
  known.remember(large, {}, false, 0);
  EXPECT_EQ(known.find(large), nullptr);
}

TEST(recognize_request_line, tells_a_plain_path_from_a_target_that_must_be_taken_apart) {
  for (auto const* path : {"/", "/v1/kv/a", "//", "/~!$&'()*+,;=:@-._|{}\""})
    EXPECT_TRUE(recognize_request_line("GET " + std::string(path) + " HTTP/1.1\r\n").target_is_plain) << path;
  for (auto const* other : {"/a%20b", "/%", "/a?hold=1s", "/?", "/a#b", "*", "http://host/a", "a/b"})
    EXPECT_FALSE(recognize_request_line("GET " + std::string(other) + " HTTP/1.1\r\n").target_is_plain) << other;
}

TEST(recognize_request_line, leaves_all_other_forms_to_the_parser) {
  EXPECT_TRUE(recognize_request_line("GET / HTTP/1.1\r\n"));
  for (auto const* line : {"GET / HTTP/1.0\r\n", "GET  / HTTP/1.1\r\n", "GET / HTTP/1.1\n", "GET / HTTP/1.1 \r\n",
                           "GET /\xC3\xA4 HTTP/1.1\r\n", "GET /\t HTTP/1.1\r\n", "GET / HTTP/1.1\r",
                           "GET  HTTP/1.1\r\n", "POST / HTTP/1.1\r\n", "GETS / HTTP/1.1\r\n", "get / HTTP/1.1\r\n",
                           "GET", "GET ", "GET /", "", "OPTIONS * HTTP/1.1\r\n", "GET /\x7F HTTP/1.1\r\n"})
    EXPECT_FALSE(recognize_request_line(line)) << line;
}

struct secret_fields : testing::Test {
  static std::string get(std::string const& authorization) {
    return "GET /v1/kv/a HTTP/1.1\r\nHost: a\r\nAuthorization: " + authorization + "\r\nAccept: */*\r\n\r\n";
  }

  known_fields known;
  request_parser parser{body_bytes_max, &known};
};

TEST_F(secret_fields, are_recognized_by_the_whole_secret_only) {
  teach(parser, get("Bearer abcdefghijklmnop"));
  auto const text = get("Bearer abcdefghijklmnop");
  ASSERT_EQ(parser.recognize_head(text, head_bytes_max), text.size());
  EXPECT_EQ(parser.head().authorization, "Bearer abcdefghijklmnop");
  for (std::size_t i = 0; i < 16; ++i) {
    auto guess = std::string("Bearer abcdefghijklmnop");
    guess[7 + i] = 'X';
    EXPECT_EQ(parser.recognize_head(get(guess), head_bytes_max), 0U) << guess;
  }
  EXPECT_EQ(parser.recognize_head(get("Bearer abcdefghijklmno"), head_bytes_max), 0U);
  EXPECT_EQ(parser.recognize_head("GET /v1/kv/a HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n", head_bytes_max), 0U);
}

TEST_F(secret_fields, have_a_number_that_no_other_credentials_get) {
  auto const number_of = [&](std::string const& authorization) {
    auto const text = get(authorization);
    if (parser.recognize_head(text, head_bytes_max) == 0) teach(parser, text);
    EXPECT_EQ(parser.recognize_head(text, head_bytes_max), text.size());
    return parser.head().credentials;
  };
  auto const first = number_of("Bearer a");
  EXPECT_NE(first, 0U);
  EXPECT_EQ(number_of("Bearer a"), first);
  // More than are cached.
  for (char c = 'b'; c < 'z'; ++c) EXPECT_NE(number_of(std::string("Bearer ") + c), first);
  EXPECT_NE(number_of("Bearer a"), first) << "those of the first were forgotten, and their number with them";
  std::string const without = "GET /v1/kv/a HTTP/1.1\r\nHost: a\r\n\r\n";
  teach(parser, without);
  ASSERT_NE(parser.recognize_head(without, head_bytes_max), 0U);
  EXPECT_EQ(parser.head().credentials, 0U);
}

}  // namespace
}  // namespace holdfast::server
