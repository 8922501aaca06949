// A message whose framing can't be trusted gets its error status, then the connection ends: nothing after it is
// executed.
#include <gtest/gtest.h>

#include <chrono>
#include <ostream>
#include <thread>
#include <vector>

#include "tests/support/raw_client.hpp"
#include "tests/support/running_server.hpp"

namespace holdfast::tests {
namespace {

using namespace std::string_literals;

struct bad_message {
  std::string name;
  std::string bytes;
  int status = 400;
};

void PrintTo(bad_message const& message, std::ostream* out) {
  *out << ::testing::PrintToString(message.bytes);
}

std::string name_of(::testing::TestParamInfo<bad_message> const& info) {
  return info.param.name;
}

/// A header that is valid except for `lines`.
std::string with(std::string const& lines, std::string const& first = "PUT /v1/kv/kept HTTP/1.1\r\nHost: test\r\n") {
  return first + lines + "\r\n";
}

class framing_error : public ::testing::TestWithParam<bad_message> {};

TEST_P(framing_error, gets_its_status_and_a_closed_connection) {
  running_server server;
  raw_client client(server.port());
  client.ask(request("PUT", "/v1/kv/kept", "1"));

  client.send(GetParam().bytes + "2\r\n" + request("PUT", "/v1/kv/smuggled", "1"));
  auto const reply = client.receive();
  EXPECT_EQ(reply.status, GetParam().status) << reply.body;
  EXPECT_EQ(reply.field("connection"), "close");
  EXPECT_TRUE(client.is_closed_by_peer());

  raw_client another(server.port());
  EXPECT_EQ(another.ask(request("GET", "/v1/kv/kept")).body, "1");
  EXPECT_EQ(another.ask(request("GET", "/v1/kv/smuggled")).status, 404);
}

TEST_P(framing_error, is_told_even_to_a_client_that_still_writes) {
  running_server server;
  raw_client client(server.port());
  client.send(GetParam().bytes + "2\r\n");
  std::string const much(256 * 1024, 'x');
  for (int i = 0; i < 16; ++i)
    client.send(much);  // fails if the server has closed; the answer must already have arrived
  EXPECT_EQ(client.receive().status, GetParam().status);
}

std::vector<bad_message> bad_request_lines() {
  auto const first = [](std::string const& line) { return line + "\r\nHost: test\r\n\r\n"; };
  return {
      {"no_version", first("GET /livez")},
      {"only_a_method", first("GET")},
      {"two_spaces_before_the_target", first("GET  /livez HTTP/1.1")},
      {"two_spaces_before_the_version", first("GET /livez  HTTP/1.1")},
      {"a_space_in_the_target", first("GET /li vez HTTP/1.1")},
      {"a_space_behind_the_version", first("GET /livez HTTP/1.1 ")},
      {"a_space_before_the_method", first(" GET /livez HTTP/1.1")},
      {"tabs_instead_of_spaces", first("GET\t/livez\tHTTP/1.1")},
      {"a_method_that_is_no_token", first("G(T /livez HTTP/1.1")},
      {"no_method", first(" /livez HTTP/1.1")},
      {"no_target", first("GET HTTP/1.1")},
      {"an_empty_target", first("GET  HTTP/1.1")},
      {"a_version_in_lower_case", first("GET /livez http/1.1")},
      {"a_version_without_a_dot", first("GET /livez HTTP/11")},
      {"a_version_with_many_digits", first("GET /livez HTTP/1.10")},
      {"another_protocol", first("GET /livez ICY/1.1")},
      {"nul_in_the_target", first("GET /v1/kv/a\0b HTTP/1.1"s)},
      {"delete_character_in_the_target", first("GET /v1/kv/a\x7F HTTP/1.1")},
      {"a_tls_client", "\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03"s},
      {"text_that_is_no_http", "hello, are you there?\r\n\r\n"},
      {"http_2_0", first("GET /livez HTTP/2.0"), 505},
      {"http_1_2", first("GET /livez HTTP/1.2"), 505},
      {"http_0_9", first("GET /livez HTTP/0.9"), 505},
      {"http_3_0", first("GET /livez HTTP/3.0"), 505},
      {"the_http_2_preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
  };
}

std::vector<bad_message> bad_hosts() {
  auto const host = [](std::string const& value) {
    return with("Host: " + value + "\r\n", "PUT /v1/kv/kept HTTP/1.1\r\nContent-Length: 1\r\n");
  };
  return {
      {"no_host", with("Content-Length: 1\r\n", "PUT /v1/kv/kept HTTP/1.1\r\n")},
      {"two_hosts", with("Host: test\r\nContent-Length: 1\r\n")},
      {"a_host_with_a_space", host("te st")},
      {"a_host_with_a_slash", host("test/x")},
      {"a_host_with_user_information", host("me@test")},
      {"two_hosts_in_one_field", host("test, other")},
      {"a_port_that_is_no_number", host("test:http")},
      {"an_endless_port", host("test:123456789")},
      {"an_open_bracket", host("[::1")},
      {"something_behind_a_bracket", host("[::1]x")},
      {"a_host_with_a_broken_percent", host("te%st")},
      {"a_host_with_a_question_mark", host("test?x")},
      {"a_host_beyond_ascii", host("t\xC3\xA9st")},
  };
}

std::vector<bad_message> bad_fields() {
  auto const length = "Content-Length: 1\r\n"s;
  return {
      {"a_space_before_the_colon", with(length + "X : 1\r\n")},
      {"a_tab_before_the_colon", with(length + "X\t: 1\r\n")},
      {"a_space_before_the_colon_of_the_length", with("Content-Length : 1\r\n")},
      {"a_space_in_a_name", with(length + "X Y: 1\r\n")},
      {"a_name_that_is_no_token", with(length + "X(Y): 1\r\n")},
      {"a_name_beyond_ascii", with(length + "\xC3\xA9: 1\r\n")},
      {"an_empty_name", with(length + ": 1\r\n")},
      {"no_colon", with(length + "X\r\n")},
      {"a_folded_line", with(length + "X: 1\r\n 2\r\n")},
      {"a_line_folded_by_a_tab", with(length + "X: 1\r\n\t2\r\n")},
      {"an_empty_folded_line", with(length + "X: 1\r\n \r\n")},
      {"a_first_line_that_begins_with_a_space", with(length + "Host: test\r\n", "PUT /v1/kv/kept HTTP/1.1\r\n ")},
      {"nul_in_a_value", with(length + "X: a\0b\r\n"s)},
      {"nul_in_a_name", with(length + "X\0Y: a\r\n"s)},
      {"a_control_character_in_a_value", with(length + "X: a\x01\r\n")},
      {"an_escape_in_a_value", with(length + "X: \x1B[2J\r\n")},
      {"a_delete_character_in_a_value", with(length + "X: a\x7F\r\n")},
      {"a_bare_lf_in_a_value", with(length + "X: a\nY: b\r\n")},
      {"a_bare_cr_in_a_value", with(length + "X: a\rY: b\r\n")},
      {"two_crs_at_the_end_of_a_line", with(length + "X: a\r\r\n")},
      {"lines_that_end_in_lf", "PUT /v1/kv/kept HTTP/1.1\nHost: test\nContent-Length: 1\n\n"},
      {"a_request_line_that_ends_in_lf", "PUT /v1/kv/kept HTTP/1.1\nHost: test\r\nContent-Length: 1\r\n\r\n"},
      {"a_header_that_ends_in_lf", "PUT /v1/kv/kept HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\n"},
  };
}

std::vector<bad_message> bad_lengths() {
  auto const length = [](std::string const& value) { return with("Content-Length: " + value + "\r\n"); };
  return {
      {"a_negative_length", length("-1")},
      {"a_length_with_a_plus", length("+1")},
      {"a_hexadecimal_length", length("0x1")},
      {"an_empty_length", length("")},
      {"a_length_with_a_fraction", length("1.0")},
      {"a_length_that_is_a_list", length("1, 1")},
      {"a_length_with_a_space_inside", length("1 1")},
      {"a_length_beyond_64_bits", length("18446744073709551617")},
      {"an_endless_length", length(std::string(100, '9'))},
      {"two_equal_lengths", with("Content-Length: 1\r\nContent-Length: 1\r\n")},
      {"two_different_lengths", with("Content-Length: 1\r\nContent-Length: 2\r\n")},
  };
}

std::vector<bad_message> bad_codings() {
  auto const coding = [](std::string const& value) { return with("Transfer-Encoding: " + value + "\r\n"); };
  return {
      {"a_coding_and_a_length", with("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n")},
      {"a_length_and_a_coding", with("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n")},
      {"a_length_of_0_and_a_coding", with("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n")},
      {"an_unknown_coding_and_a_length", with("Content-Length: 1\r\nTransfer-Encoding: xchunked\r\n")},
      {"xchunked", coding("xchunked"), 501},
      {"chunkedx", coding("chunkedx"), 501},
      {"gzip", coding("gzip"), 501},
      {"gzip_then_chunked", coding("gzip, chunked"), 501},
      {"identity", coding("identity"), 501},
      {"chunked_then_gzip", coding("chunked, gzip")},
      {"chunked_then_identity", coding("chunked, identity")},
      {"chunked_twice", coding("chunked, chunked")},
      {"chunked_in_two_fields", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")},
      {"chunked_with_a_parameter", coding("chunked;x=1")},
      {"chunked_in_quotes", coding("\"chunked\"")},
      {"an_empty_coding", coding("")},
      {"chunked_on_http_1_0", with("Transfer-Encoding: chunked\r\n", "PUT /v1/kv/kept HTTP/1.0\r\n")},
      {"gzip_on_http_1_0", with("Transfer-Encoding: gzip\r\n", "PUT /v1/kv/kept HTTP/1.0\r\n"), 501},
  };
}

std::vector<bad_message> bad_chunks() {
  auto const body = [](std::string const& chunks) { return with("Transfer-Encoding: chunked\r\n") + chunks; };
  return {
      {"a_chunk_size_that_is_no_number", body("x\r\n1\r\n0\r\n\r\n")},
      {"a_chunk_size_with_a_prefix", body("0x1\r\n1\r\n0\r\n\r\n")},
      {"a_negative_chunk_size", body("-1\r\n1\r\n0\r\n\r\n")},
      {"a_chunk_size_with_a_plus", body("+1\r\n1\r\n0\r\n\r\n")},
      {"a_space_before_a_chunk_size", body(" 1\r\n1\r\n0\r\n\r\n")},
      {"no_chunk_size", body("\r\n1\r\n0\r\n\r\n")},
      {"a_chunk_size_beyond_64_bits", body("10000000000000001\r\n1\r\n0\r\n\r\n")},
      {"two_chunk_sizes_in_a_line", body("1 1\r\n1\r\n0\r\n\r\n")},
      {"a_chunk_size_line_that_ends_in_lf", body("1\n1\r\n0\r\n\r\n")},
      {"a_chunk_size_line_that_ends_in_cr", body("1\r1\r\n0\r\n\r\n")},
      {"more_data_than_the_chunk_size", body("1\r\n12\r\n0\r\n\r\n")},
      {"chunk_data_that_ends_in_lf", body("1\r\n1\n0\r\n\r\n")},
      {"lf_in_a_chunk_extension", body("1;a\nb\r\n1\r\n0\r\n\r\n")},
      {"lf_in_a_quoted_chunk_extension", body("1;a=\"\n\"\r\n1\r\n0\r\n\r\n")},
      {"cr_in_a_chunk_extension", body("1;a\rb\r\n1\r\n0\r\n\r\n")},
      {"nul_in_a_chunk_extension", body("1;a=\"\0\"\r\n1\r\n0\r\n\r\n"s)},
      {"lf_in_the_last_chunks_extension", body("1\r\n1\r\n0;a\nb\r\n\r\n")},
      {"a_trailer_without_a_colon", body("1\r\n1\r\n0\r\nX\r\n\r\n")},
      {"a_trailer_with_a_space_before_the_colon", body("1\r\n1\r\n0\r\nX : 1\r\n\r\n")},
      {"a_folded_trailer", body("1\r\n1\r\n0\r\nX: 1\r\n 2\r\n\r\n")},
      {"nul_in_a_trailer", body("1\r\n1\r\n0\r\nX: a\0b\r\n\r\n"s)},
      {"a_control_character_in_a_trailer", body("1\r\n1\r\n0\r\nX: a\x01\r\n\r\n")},
      {"a_bare_lf_in_a_trailer", body("1\r\n1\r\n0\r\nX: a\nY: b\r\n\r\n")},
      {"a_last_chunk_that_ends_in_lf", body("1\r\n1\r\n0\n\r\n")},
      {"a_trailer_that_ends_in_lf", body("1\r\n1\r\n0\r\nX: a\r\n\n")},
  };
}

INSTANTIATE_TEST_SUITE_P(request_line, framing_error, ::testing::ValuesIn(bad_request_lines()), name_of);
INSTANTIATE_TEST_SUITE_P(host, framing_error, ::testing::ValuesIn(bad_hosts()), name_of);
INSTANTIATE_TEST_SUITE_P(field, framing_error, ::testing::ValuesIn(bad_fields()), name_of);
INSTANTIATE_TEST_SUITE_P(length, framing_error, ::testing::ValuesIn(bad_lengths()), name_of);
INSTANTIATE_TEST_SUITE_P(coding, framing_error, ::testing::ValuesIn(bad_codings()), name_of);
INSTANTIATE_TEST_SUITE_P(chunk, framing_error, ::testing::ValuesIn(bad_chunks()), name_of);

TEST(framing, an_error_in_the_header_is_told_before_the_body_comes) {
  running_server server;
  for (std::string const lines : {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "Transfer-Encoding: gzip\r\n",
                                  "Content-Length: 99999999999\r\n", "Content-Length: x\r\n", "Host: other\r\n"}) {
    raw_client client(server.port());
    EXPECT_GE(client.ask(with(lines)).status, 400) << lines;
    EXPECT_TRUE(client.is_closed_by_peer()) << lines;
  }
}

TEST(framing, an_error_is_told_behind_the_answers_to_what_came_before) {
  running_server server;
  raw_client client(server.port());
  client.send(request("PUT", "/v1/kv/a", "1") + request("GET", "/v1/kv/a") + "oops\r\n\r\n" +
              request("GET", "/v1/kv/a"));
  EXPECT_EQ(client.receive().status, 201);
  EXPECT_EQ(client.receive().body, "1");
  EXPECT_EQ(client.receive().status, 400);
  EXPECT_TRUE(client.is_closed_by_peer());
}

TEST(framing, a_client_that_ignores_the_close_is_cut_off) {
  running_server server;
  raw_client client(server.port());
  client.ask("oops\r\n\r\n");
  EXPECT_TRUE(client.is_closed_by_peer());
  // The server drains for a while, then a write fails.
  bool gone = false;
  for (int i = 0; i < 200 && !gone; ++i) {
    gone = !client.send("x");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace holdfast::tests
