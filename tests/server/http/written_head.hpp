#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "server/http/reply.hpp"

namespace holdfast::server {

/// Parses a written header strictly.
struct written {
  std::string status_line;
  std::map<std::string, std::string> fields;

  [[nodiscard]] bool has(std::string const& name) const { return fields.contains(name); }
};

inline written write(reply const& reply, reply_framing framing = {}) {
  std::string text = "before ";
  append_head(text, reply, framing);
  EXPECT_TRUE(text.starts_with("before ")) << "append_head must append";
  text.erase(0, 7);
  written head;
  EXPECT_TRUE(text.ends_with("\r\n\r\n")) << text;
  for (std::size_t at = 0, end = 0; (end = text.find("\r\n", at)) != std::string::npos && end != at; at = end + 2) {
    auto const line = text.substr(at, end - at);
    EXPECT_EQ(line.find_first_of("\r\n"), std::string::npos);
    if (at == 0) {
      head.status_line = line;
      continue;
    }
    auto const colon = line.find(": ");
    EXPECT_NE(colon, std::string::npos) << line;
    EXPECT_TRUE(head.fields.emplace(line.substr(0, colon), line.substr(colon + 2)).second) << "twice: " << line;
  }
  EXPECT_EQ(text.find("\r\n\r\n"), text.size() - 4) << "an empty line within: " << text;
  return head;
}

}  // namespace holdfast::server
