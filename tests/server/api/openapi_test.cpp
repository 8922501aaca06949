// Compares openapi.json with the code: a missing or additional route, method, parameter or error code fails here.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "protocol/error.hpp"
#include "server/api/openapi_document.hpp"
#include "server/api/routes.hpp"
#include "server/api/version.hpp"
#include "server/web/page_files.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;
using nlohmann::json;
using names = std::set<std::string>;

json const& document() {
  static json const parsed = json::parse(openapi_document());
  return parsed;
}

json const& follow(json const& node) {
  auto const ref = node.find("$ref");
  return ref == node.end() ? node : document().at(json::json_pointer(ref->get<std::string>().substr(1)));
}

/// A documented path that matches a resource: a variable part stands for the rest after a prefix.
bool is_of(resource const& one, std::string const& path) {
  return one.is_prefix ? path.starts_with(std::string(one.path) + '{') && path.ends_with('}') : path == one.path;
}

std::string path_in_document(resource const& one) {
  for (auto const& [path, item] : document()["paths"].items())
    if (is_of(one, path)) return path;
  ADD_FAILURE() << "openapi.json has no path for " << one.path;
  return {};
}

reply answer_to(std::string_view method_text, method method, std::string const& target) {
  request_head head;
  head.method = method;
  head.method_text = method_text;
  head.target = target;
  head.host = "localhost";
  head.content_type = "application/json";
  route_settings const settings;
  routed request;
  route(head, {.settings = settings}, request);
  if (auto* const answer = std::get_if<reply>(&request)) return std::move(*answer);
  ADD_FAILURE() << method_text << ' ' << target << " was not refused";
  return {};
}

std::string target_of(resource const& one) {
  if (one.has_variables) return std::regex_replace(std::string(one.path), std::regex("\\{[a-z]+\\}"), "a");
  return std::string(one.path) + (one.path == "/assets/" ? "page.js" : one.is_prefix ? "a" : "");
}

names split(std::string text) {
  for (auto at = text.find(" and "); at != std::string::npos; at = text.find(" and ")) text.replace(at, 5, ", ");
  names all;
  std::istringstream in(text);
  for (std::string one; std::getline(in >> std::ws, one, ',');) all.insert(one);
  return all;
}

std::vector<std::pair<std::string, method>> const methods{{"GET", method::get},     {"HEAD", method::head},
                                                          {"PUT", method::put},     {"POST", method::post},
                                                          {"PATCH", method::patch}, {"DELETE", method::del}};

std::string lower(std::string text) {
  for (auto& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// The names of an operation's query parameters.
names query_parameters(json const& operation) {
  names all;
  for (auto const& one : operation.value("parameters", json::array()))
    if (auto const& parameter = follow(one); parameter["in"] == "query") all.insert(parameter["name"]);
  return all;
}

TEST(openapi, describes_this_version_of_the_server) {
  EXPECT_EQ(document()["info"]["version"], build_info().version);
}

TEST(openapi, has_each_route_of_the_table_and_no_other) {
  for (auto const& one : all_resources()) path_in_document(one);
  for (auto const& [path, item] : document()["paths"].items())
    EXPECT_TRUE(std::ranges::any_of(all_resources(), [&](resource const& one) { return is_of(one, path); }))
        << "there is no route for " << path;
}

TEST(openapi, has_the_methods_of_each_route) {
  for (auto const& one : all_resources()) {
    auto const& item = document()["paths"][path_in_document(one)];
    // A build without Node has a page that says so, and no other files.
    if (one.path == "/assets/" && page_files().size() == 1) continue;
    auto taken = split(std::string(answer_to("OPTIONS", method::options, target_of(one)).allow));
    // Documented once for all paths.
    EXPECT_EQ(taken.erase("OPTIONS"), 1U) << one.path;
    names described;
    for (auto const& [name, method] : methods)
      if (item.contains(lower(name))) described.insert(name);
    if (described.contains("GET")) described.insert("HEAD");
    EXPECT_EQ(described, taken) << one.path;
  }
}

// Each route refuses an unknown parameter, and lists the known ones.
TEST(openapi, has_the_query_parameters_of_each_operation) {
  for (auto const& one : all_resources()) {
    if (one.kind == route_kind::page) continue;  // its query belongs to the page
    auto const& item = document()["paths"][path_in_document(one)];
    for (auto const& [name, method] : methods) {
      if (!item.contains(lower(name))) continue;
      auto const answer = answer_to(name, method, target_of(one) + "?no-such-parameter=1");
      if (answer.status == 200) {  // a probe, which accepts any query
        EXPECT_EQ(query_parameters(item[lower(name)]), names()) << name << ' ' << one.path;
        continue;
      }
      ASSERT_EQ(answer.status, 400U) << name << ' ' << one.path;
      auto const detail = json::parse(answer.body)["detail"].get<std::string>();
      names known;
      for (std::string_view const before : {"the parameters are ", "here; there is "})
        if (auto const at = detail.find(before); at != std::string::npos)
          known = split(detail.substr(at + before.size()));
      if (known.empty()) {
        EXPECT_NE(detail.find("takes no query parameters"), std::string::npos) << detail;
      }
      EXPECT_EQ(query_parameters(item[lower(name)]), known) << name << ' ' << one.path;
    }
  }
}

std::vector<error_traits> all_errors() {
  std::vector<error_traits> all;
  for (int code = 0; code <= static_cast<int>(errc::internal); ++code)
    all.push_back(traits_of(static_cast<errc>(code)));
  return all;
}

TEST(openapi, has_each_error_code_with_its_status_and_title_and_no_other) {
  std::map<std::string, std::pair<unsigned, std::string>> described, wanted;
  for (auto const& one : document()["components"]["schemas"]["problem"]["properties"]["code"]["oneOf"]) {
    described.emplace(one["const"], std::pair(one["x-status"].get<unsigned>(), one["title"].get<std::string>()));
    EXPECT_FALSE(one["description"].get<std::string>().empty()) << one["const"] << ": say what to do";
  }
  for (auto const& one : all_errors()) wanted.emplace(one.code, std::pair(one.status, std::string(one.title)));
  EXPECT_EQ(described, wanted);
}

TEST(openapi, says_of_each_error_code_which_requests_get_it) {
  std::map<std::string, unsigned> statuses;
  for (auto const& one : all_errors()) statuses.emplace(one.code, one.status);
  names used;
  auto const look = [&](std::string const& status, json const& response) {
    auto const type = follow(response).find("content");
    if (type == follow(response).end() || !type->contains("application/problem+json")) return;
    for (auto const& code : (*type)["application/problem+json"]["schema"]["properties"]["code"]["enum"]) {
      used.insert(code);
      if (status != "default") {
        EXPECT_EQ(std::to_string(statuses[code]), status) << code;
      }
    }
  };
  for (auto const& [path, item] : document()["paths"].items())
    for (auto const& [name, operation] : item.items())
      if (name != "parameters")
        for (auto const& [status, response] : operation["responses"].items()) look(status, response);
  for (auto const& [code, status] : statuses) EXPECT_TRUE(used.contains(code)) << code;
}

}  // namespace
}  // namespace holdfast::server
