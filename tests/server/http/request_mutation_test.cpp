// Random damage to valid requests: nothing crashes, and the result does not depend on how the bytes arrive.
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <string>

#include "protocol/key.hpp"
#include "protocol/target.hpp"
#include "server/http/head_scanner.hpp"
#include "server/http/request_parser.hpp"
#include "tests/protocol/code_of.hpp"
#include "tests/protocol/damage.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;

using namespace std::literals;

constexpr std::size_t head_bytes_max = 200;
constexpr std::uint64_t body_bytes_max = 30;

/// Serves the bytes like a session, with reads of the lengths from `next_read`, and records the results.
template <class NextRead>
std::string story_of(std::string const& bytes, NextRead next_read) {
  std::string story;
  head_scanner scanner;
  request_parser parser(body_bytes_max);
  std::string_view const all = bytes;
  std::size_t begin = 0, arrived = 0;
  // A head is kept until its body is read, because its views must stay valid.
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

TEST(damaged_requests, get_one_verdict_however_they_are_cut_into_reads) {
  std::mt19937 random(20'261'124);
  auto const end = std::chrono::steady_clock::now() + 1s;
  int tried = 0;
  do {
    auto const bytes = damaged(sample_requests()[static_cast<std::size_t>(tried) % sample_requests().size()], random);
    auto const whole = story_of(bytes, [&] { return bytes.size(); });
    ASSERT_EQ(story_of(bytes, [] { return 1; }), whole) << testing::PrintToString(bytes);
    ASSERT_EQ(story_of(bytes, [&] { return 1 + static_cast<std::size_t>(random()) % 20; }), whole)
        << testing::PrintToString(bytes);
    ++tried;
  } while (tried < 200'000 && std::chrono::steady_clock::now() < end);
  RecordProperty("requests", tried);
}

TEST(damaged_requests, undamaged_ones_are_all_accepted) {
  for (auto const& bytes : sample_requests()) {
    auto const story = story_of(bytes, [&] { return bytes.size(); });
    EXPECT_TRUE(story.ends_with("unfinished head")) << bytes << story;
    EXPECT_EQ(story.find("refused"), std::string::npos) << bytes << story;
  }
}

}  // namespace
}  // namespace holdfast::server
