// An exchange with a scripted handler and without a connection.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <cctype>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/client_link.hpp"
#include "server/http/exchange.hpp"
#include "server/http/known_fields.hpp"
#include "server/net/connection.hpp"

namespace holdfast::server::exchange_tests {

/// A handler with a given behaviour, which records its requests.
struct script {
  std::function<request_need(request_head const&, reply&)> begin = [](request_head const& head, reply& answer) {
    answer.content_type = "text/plain";
    answer.body = head.target;
    return head.has_body ? request_need::body : request_need::nothing;
  };
  std::function<request_need(std::string const&, reply&)> finish = [](std::string const& body, reply& answer) {
    answer.body = body;
    return request_need::nothing;
  };
  std::size_t body_bytes_max = std::size_t(-1);
  request_end run_end = request_end::answered;

  struct answered {
    server::method method;
    unsigned status;
    exchange::clock::time_point begun_at;
    std::uint64_t body_bytes, content_bytes;
  };
  std::vector<std::string> requests;
  std::vector<std::string> bodies;
  int runs = 0;
  std::vector<answered> counted;
};

class scripted_handler final : public request_handler {
 public:
  explicit scripted_handler(script& its_script) : script_(its_script) {}

  request_need begin(request_head const& head, peer_address const&, reply& answer) override {
    script_.requests.push_back(std::string(head.method_text) + ' ' + std::string(head.target));
    return script_.begin(head, answer);
  }
  [[nodiscard]] std::size_t body_bytes_max() const override { return script_.body_bytes_max; }
  request_need finish(std::string&& body, reply& answer) override {
    script_.bodies.push_back(std::move(body));
    return script_.finish(script_.bodies.back(), answer);
  }
  awaitable<request_end> run(client_link&, reply& answer) override {
    ++script_.runs;
    answer.body = "awaited";
    co_return script_.run_end;
  }
  void count(answered_request const& done) override {
    script_.counted.push_back({done.method, done.status, done.begun_at, done.body_bytes, done.content_bytes});
  }

 private:
  script& script_;
};

/// A parsed answer.
struct answer {
  unsigned status = 0;
  std::map<std::string, std::string> fields;
  std::string content;

  [[nodiscard]] std::string field(std::string const& name) const {
    auto const found = fields.find(name);
    return found != fields.end() ? found->second : "none";
  }
};

inline bool is_status_line(std::string_view text) {
  return text.starts_with("HTTP/1.1 ") && text.size() > 9 && std::isdigit(static_cast<unsigned char>(text[9])) != 0;
}

inline answer take_apart(std::string_view text) {
  answer one;
  EXPECT_TRUE(is_status_line(text)) << text;
  if (!is_status_line(text)) return one;
  one.status = static_cast<unsigned>(std::stoul(std::string(text.substr(9, 3))));
  auto const end = text.find("\r\n\r\n");
  EXPECT_NE(end, std::string_view::npos) << text;
  one.content = text.substr(end + 4);
  for (auto at = text.find("\r\n") + 2; at < end;) {
    auto const line_end = text.find("\r\n", at), colon = text.find(": ", at);
    one.fields.emplace(text.substr(at, colon - at), text.substr(colon + 2, line_end - colon - 2));
    at = line_end + 2;
  }
  return one;
}

inline std::string get(std::string_view target, std::string_view fields = {}) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

inline std::string put_head(std::string_view target, std::size_t length, std::string_view fields = {}) {
  return "PUT " + std::string(target) + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(length) + "\r\n" +
         std::string(fields) + "\r\n";
}

inline std::string put(std::string_view target, std::string_view body) {
  return put_head(target, body.size()) + std::string(body);
}

inline std::string put_chunked(std::string_view target, std::string_view chunks) {
  return "PUT " + std::string(target) + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
         std::string(chunks);
}

using clock = exchange::clock;
using step = exchange::step;

/// An exchange, and the buffers that a session would have for it.
struct exchange_test : testing::Test {
  exchange_test() { renew(); }

  /// As with another connection.
  void renew() {
    input.clear();
    output.consume(output.size());
    requests = std::make_unique<exchange>(std::make_unique<scripted_handler>(handler), settings, fields, under_way,
                                          draining, gate);
  }

  /// Serves one request, or the part of it that is there.
  step serve() {
    std::string_view rest = input;
    auto const said = requests->serve(rest, output, client, now);
    input.erase(0, input.size() - rest.size());
    return said;
  }

  step serve(std::string_view text) {
    input += text;
    return serve();
  }

  /// Serves complete requests until something is needed.
  step serve_all(std::string_view text) {
    auto said = serve(text);
    while (said == step::answered && !input.empty()) said = serve();
    return said;
  }

  /// The answers since the last call. None of the contents may look like a status line.
  std::vector<answer> answers() {
    std::vector<answer> all;
    auto text = output.view();
    while (!text.empty()) {
      std::size_t end = 1;
      while (end < text.size() && !is_status_line(text.substr(end))) ++end;
      all.push_back(take_apart(text.substr(0, end)));
      text.remove_prefix(end);
    }
    output.consume(output.size());
    return all;
  }

  answer only_answer() {
    auto const all = answers();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? answer() : all.front();
  }

  std::vector<std::string> contents() {
    std::vector<std::string> all;
    for (auto const& one : answers()) all.push_back(one.content);
    return all;
  }

  /// The only answer is a problem of this kind, and the connection ends after it.
  void expect_refused(step said, protocol::errc code, std::string_view detail = {}) {
    EXPECT_EQ(said, step::end);
    auto const refused = only_answer();
    auto const traits = protocol::traits_of(code);
    EXPECT_EQ(refused.status, traits.status);
    EXPECT_EQ(refused.field("Connection"), "close");
    EXPECT_EQ(refused.field("Content-Type"), "application/problem+json");
    EXPECT_EQ(refused.field("Content-Length"), std::to_string(refused.content.size()));
    EXPECT_THAT(refused.content, testing::HasSubstr(traits.code));
    EXPECT_THAT(refused.content, testing::HasSubstr(std::string(detail)));
    ASSERT_FALSE(handler.counted.empty());
    EXPECT_EQ(handler.counted.back().status, traits.status);
  }

  /// Runs what the handler awaits. @return true if the client is still connected.
  bool run() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    struct nobody final : connection::owner {
      void on_bytes() override {}
      void on_idle_timeout() override {}
      void on_unsent(std::string_view) override {}
      void on_resume() override {}
    } owner;
    unique_socket const peer(ends[1]);
    connection its_connection(unique_socket{ends[0]}, owner, loop, std::chrono::seconds(10));
    client_link link(its_connection, requests->framing(), draining, gate, settings.header_bytes_max);
    std::optional<bool> is_there;
    asio::co_spawn(loop.get_executor(), requests->run(link),
                   [&](std::exception_ptr const&, bool still) { is_there = still; });
    loop.poll();
    EXPECT_TRUE(is_there);
    return is_there.value_or(false);
  }

  script handler;
  session_settings settings{.header_bytes_max = 1024, .body_bytes_max = 100'000};
  known_fields fields;
  byte_budget under_way{1'000'000};
  std::atomic<bool> draining{false};
  event_loop loop;
  durable_progress progress;
  answer_gate gate{loop, progress};
  peer_address client;
  exchange::clock::time_point now{std::chrono::hours(1)};
  std::unique_ptr<exchange> requests;
  std::string input;
  byte_buffer output;
};

}  // namespace holdfast::server::exchange_tests
