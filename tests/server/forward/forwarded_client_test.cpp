#include "server/forward/forwarded_client.hpp"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::server {
namespace {

peer_address v4(std::uint8_t last, std::uint16_t port) {
  return {.bytes = {10, 0, 0, last}, .port = port, .is = peer_address::kind::v4};
}

TEST(peer_address, is_read_as_it_is_written) {
  for (auto const* const text : {"203.0.113.7:5123", "[2001:db8::1]:65535", "[::1]:0"}) {
    auto const read = read_peer_address(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(to_string(*read), text);
  }
  for (auto const* const text : {"", ":1", "unknown", "writer", "203.0.113.7", "203.0.113.7:", "203.0.113.7:65536",
                                 "203.0.113.7:1 ", "203.0.113:1", "::1:80", "[::1]", "[]:1", "[203.0.113.7]:1", "]:1"})
    EXPECT_FALSE(read_peer_address(text)) << text;
}

/// Remembers whose request it was told to be.
class inner_handler final : public request_handler {
 public:
  explicit inner_handler(std::string& client) : client_(client) {}
  request_need begin(request_head const&, peer_address const& client, reply&) override {
    client_ = to_string(client);
    return request_need::nothing;
  }
  [[nodiscard]] std::size_t body_bytes_max() const override { return 0; }
  request_need finish(std::string&&, reply&) override { return request_need::nothing; }
  awaitable<request_end> run(client_link&, reply&) override { co_return request_end::answered; }
  void count(answered_request const& done) override { client_ += " counted " + to_string(done.client); }

 private:
  std::string& client_;
};

struct forwarded_client_test : testing::Test {
  /// Serves a request from 10.0.0.1:1. @param field the value of Holdfast-Forwarded-For; empty: none.
  std::string client_of(std::string_view field) {
    request_head head;
    head.forwarded_for = field;
    reply answer;
    auto const peer = v4(1, 1);
    handler->begin(head, peer, answer);
    handler->count({.client = peer});
    return seen;
  }

  std::string seen;
  cluster_secret secret;
  std::unique_ptr<request_handler> handler =
      make_handler_of_forwarded_clients(std::make_unique<inner_handler>(seen), secret);
};

TEST_F(forwarded_client_test, only_the_right_secret_changes_the_client) {
  auto const own = "10.0.0.1:1 counted 10.0.0.1:1";
  EXPECT_EQ(client_of(" 10.0.0.2:2"), own);  // the secret is not known yet
  secret.set("right one");
  secret.set("right");
  EXPECT_EQ(client_of("right 10.0.0.2:2"), "10.0.0.2:2 counted 10.0.0.2:2");
  for (auto const* const wrong : {"", "right", "right ", "right nowhere", "wrong 10.0.0.2:2", "righ 10.0.0.2:2",
                                  "right1 10.0.0.2:2", " 10.0.0.2:2", "right  10.0.0.2:2", "10.0.0.2:2"})
    EXPECT_EQ(client_of(wrong), own) << wrong;
}

TEST_F(forwarded_client_test, what_a_standby_appends_is_understood) {
  std::string line;
  append_forwarded_client(line, secret, v4(2, 2));
  EXPECT_EQ(line, "");
  secret.set("right");
  append_forwarded_client(line, secret, {});
  EXPECT_EQ(line, "");
  append_forwarded_client(line, secret, v4(2, 2));
  constexpr std::string_view name = "Holdfast-Forwarded-For: ";
  ASSERT_TRUE(line.starts_with(name) && line.ends_with("\r\n")) << line;
  EXPECT_EQ(client_of(std::string_view(line).substr(name.size(), line.size() - name.size() - 2)),
            "10.0.0.2:2 counted 10.0.0.2:2");
}

}  // namespace
}  // namespace holdfast::server
