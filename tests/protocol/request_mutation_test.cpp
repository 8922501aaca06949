// Random damage to valid requests: nothing crashes, and how the bytes are cut into reads never changes the verdict.
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <string>
#include <vector>

#include "protocol/head_scanner.hpp"
#include "protocol/key.hpp"
#include "protocol/request_parser.hpp"
#include "protocol/target.hpp"
#include "tests/protocol/code_of.hpp"

namespace holdfast::protocol {
namespace {

using namespace std::literals;

constexpr std::size_t head_bytes_max = 200;
constexpr std::uint64_t body_bytes_max = 30;

std::vector<std::string> const samples{
    "GET /v1/kv/my-key?hold=1s&lock-timeout=0 HTTP/1.1\r\nHost: a:80\r\nIf-None-Match: \"3f-17\", W/\"a\"\r\n\r\n",
    "PUT http://[::1]:80/v1/kv/a%2Fb HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\nExpect: 100-continue\r\n\r\n\"hello\"",
    "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"b\\\"c\"\r\n[\r\n2\r\n1]\r\n0\r\nX:7\r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
    "DELETE /v1/kv/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Encoding: identity\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\nHEAD /v1/kv/a HTTP/1.1\r\nHost: a\r\n\r\n",
};

/// Serves the bytes as a session would, with each read as long as `next_read` says, and writes down what it saw.
template <class NextRead>
std::string story_of(std::string const& bytes, NextRead next_read) {
  std::string story;
  head_scanner scanner;
  request_parser parser(body_bytes_max);
  std::string_view const all = bytes;
  std::size_t begin = 0, arrived = 0;
  // A head is kept until its body is read, as its views promise to last.
  for (bool in_body = false;;) {
    std::string content;
    while (in_body) {
      auto const used = parser.parse_body(all.substr(begin, arrived - begin), content);
      if (!used) return story + "body refused: " + std::string(code_of(used));
      begin += *used;
      if (parser.done()) {
        story += "body " + content + '\n';
        in_body = false;
      } else if (begin != arrived) {
        return story + "bytes left unused in a body";
      } else if (arrived == all.size()) {
        return story + "unfinished body " + content;
      } else {
        arrived = std::min(arrived + next_read(), all.size());
      }
    }
    scanner.reset();
    std::size_t length = 0;
    for (;;) {
      auto const measured = scanner.scan(all.substr(begin, arrived - begin), head_bytes_max);
      if (!measured) return story + "head refused: " + std::string(code_of(measured));
      length = *measured;
      if (length != 0) break;
      if (arrived == all.size()) return story + "unfinished head";
      arrived = std::min(arrived + next_read(), all.size());
    }
    auto const head = parser.parse_head(all.substr(begin, length));
    if (!head) return story + "head refused: " + std::string(code_of(head)) + ' ' + detail_of(head);
    begin += length;
    auto const& request = **head;
    story += std::string(request.method_text) + ' ' + std::string(request.target) +
             (request.keep_alive ? " stays" : " closes") + (request.expects_continue ? " expects" : "") + ' ' +
             request.if_none_match.value_or("-") + '\n';
    if (auto const target = parse_target(request.target)) {
      auto const key = key_from_path(target->path), query = key_from_path(target->query);
      story +=
          std::string(code_of(key)) + std::string(code_of(query)) + std::string(code_of(parse_query(target->query)));
    }
    in_body = !parser.done();
  }
}

std::string damaged(std::string text, std::mt19937& random) {
  constexpr auto nasty = "\r\n\0\t :;,=\"\\%*/?#0159afAF[]@\x7F\x80\xC2\xFF"sv;
  auto const at = [&](std::size_t size) { return static_cast<std::size_t>(random()) % size; };
  for (auto times = at(4); times != 0 && !text.empty(); --times) {
    auto const place = at(text.size());
    switch (at(7)) {
      case 0:
        text[place] = nasty[at(nasty.size())];
        break;
      case 1:
        text.insert(place, 1, nasty[at(nasty.size())]);
        break;
      case 2:
        text.erase(place, 1 + at(3));
        break;
      case 3:
        text[place] = static_cast<char>(random());
        break;
      case 4:
        text.insert(place, text.substr(at(text.size()), at(40)));
        break;
      case 5: {  // one line twice
        auto const begin = text.rfind('\n', place) + 1;
        text.insert(begin, text.substr(begin, text.find('\n', place) - begin + 1));
        break;
      }
      default: {
        auto const& other = samples[at(samples.size())];
        text.replace(place, at(20), other.substr(at(other.size()), at(60)));
      }
    }
  }
  return text;
}

TEST(damaged_requests, get_one_verdict_however_they_are_cut_into_reads) {
  std::mt19937 random(20'261'124);
  auto const end = std::chrono::steady_clock::now() + 1s;
  int tried = 0;
  do {
    auto const bytes = damaged(samples[static_cast<std::size_t>(tried) % samples.size()], random);
    auto const whole = story_of(bytes, [&] { return bytes.size(); });
    ASSERT_EQ(story_of(bytes, [] { return 1; }), whole) << testing::PrintToString(bytes);
    ASSERT_EQ(story_of(bytes, [&] { return 1 + static_cast<std::size_t>(random()) % 20; }), whole)
        << testing::PrintToString(bytes);
    ++tried;
  } while (tried < 200'000 && std::chrono::steady_clock::now() < end);
  RecordProperty("requests", tried);
}

TEST(damaged_requests, undamaged_ones_are_all_accepted) {
  for (auto const& bytes : samples) {
    auto const story = story_of(bytes, [&] { return bytes.size(); });
    EXPECT_TRUE(story.ends_with("unfinished head")) << bytes << story;
    EXPECT_EQ(story.find("refused"), std::string::npos) << bytes << story;
  }
}

}  // namespace
}  // namespace holdfast::protocol
