#include <gtest/gtest.h>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"

namespace holdfast::tests {
namespace {

TEST(contract, a_value_comes_back_byte_for_byte_as_it_was_put) {
  running_server server;
  raw_client client(server.port());
  auto const put = client.ask(request("PUT", "/v1/kv/greeting", " { \"a\" : [1,  2] }\n"));
  EXPECT_EQ(put.status, 201);
  EXPECT_EQ(put.field("location"), "/v1/kv/greeting");
  auto const got = client.ask(request("GET", "/v1/kv/greeting"));
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, " { \"a\" : [1,  2] }\n");
  EXPECT_EQ(got.field("etag"), put.field("etag"));
}

}  // namespace
}  // namespace holdfast::tests
