#include "protocol/error.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

namespace holdfast::protocol {
namespace {

constexpr auto last = static_cast<int>(errc::internal);

TEST(traits_of, each_error_has_a_code_of_its_own_in_snake_case) {
  std::set<std::string_view> codes;
  for (int i = 0; i <= last; ++i) {
    auto const code = traits_of(static_cast<errc>(i)).code;
    EXPECT_TRUE(codes.insert(code).second) << code;
    EXPECT_EQ(code.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos) << code;
  }
}

TEST(traits_of, each_error_has_its_status) {
  struct row {
    errc code;
    unsigned status;
  };
  for (auto const& [code, status] : {row{errc::bad_request, 400},
                                     {errc::request_timeout, 408},
                                     {errc::body_too_large, 413},
                                     {errc::uri_too_long, 414},
                                     {errc::header_too_large, 431},
                                     {errc::unknown_transfer_coding, 501},
                                     {errc::unsupported_version, 505},
                                     {errc::invalid_json, 400},
                                     {errc::invalid_key, 400},
                                     {errc::invalid_parameter, 400},
                                     {errc::hold_too_long, 400},
                                     {errc::unexpected_body, 400},
                                     {errc::invalid_patch, 400},
                                     {errc::patch_conflict, 409},
                                     {errc::not_an_integer, 409},
                                     {errc::out_of_range, 409},
                                     {errc::no_such_path, 404},
                                     {errc::key_not_found, 404},
                                     {errc::method_not_allowed, 405},
                                     {errc::unsupported_content_encoding, 415},
                                     {errc::expectation_failed, 417},
                                     {errc::unknown_method, 501},
                                     {errc::precondition_not_supported, 501},
                                     {errc::unsupported_media_type, 415},
                                     {errc::foreign_origin, 403},
                                     {errc::settings_fixed, 403},
                                     {errc::nothing_is_kept, 409},
                                     {errc::backup_exists, 409},
                                     {errc::data_elsewhere, 409},
                                     {errc::transaction_too_large, 413},
                                     {errc::backup_failed, 500},
                                     {errc::not_built, 501},
                                     {errc::lock_timeout, 503},
                                     {errc::queue_full, 503},
                                     {errc::draining, 503},
                                     {errc::too_many_connections, 503},
                                     {errc::internal, 500}})
    EXPECT_EQ(traits_of(code).status, status) << traits_of(code).code;
}

TEST(problem_json, has_the_members_of_rfc_9457_and_our_code) {
  auto const text = problem_json({errc::key_not_found, "PUT \"one\"\n"});
  auto const body = nlohmann::json::parse(text);
  EXPECT_EQ(body.size(), 5U);
  EXPECT_EQ(body["type"], "urn:holdfast:problem:key_not_found");
  EXPECT_EQ(body["title"], "There is no such key");
  EXPECT_EQ(body["status"], 404);
  EXPECT_EQ(body["detail"], "PUT \"one\"\n");
  EXPECT_EQ(body["code"], "key_not_found");
}

TEST(problem_json, is_one_line) {
  auto const text = problem_json({errc::bad_request, "a\nb\r\nc"});
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

TEST(problem_json, replaces_bytes_of_the_detail_that_are_not_utf8) {
  auto const body = nlohmann::json::parse(problem_json({errc::invalid_key, "a\xFF\xC3(\xED\xA0\x80 ä \xE2\x82"}));
  auto const detail = body["detail"].get<std::string>();
  EXPECT_NE(detail.find("\xEF\xBF\xBD"), std::string::npos);
  EXPECT_NE(detail.find(" ä "), std::string::npos);
}

TEST(result, throws_the_detail_when_it_is_not_looked_at) {
  result<int> const refused = failure{errc::bad_request, "say it"};
  try {
    (void)refused.value();
    FAIL() << "no value, and no exception";
  } catch (std::runtime_error const& error) {
    EXPECT_STREQ(error.what(), "say it");
  }
}

}  // namespace
}  // namespace holdfast::protocol
