#include "tests/client/load/sound_server.hpp"

#include <cstdio>

namespace holdfast::tests {
namespace {

// No std::string: tests in other files make answers while they are initialized, maybe before this file is.
constexpr char timing[] = "Server-Timing: wait;dur=0.001, hold;dur=0.001\r\n";

}  // namespace

bool asks(scripted_server::request const& request, std::string_view method) {
  return request.text.starts_with(method);
}

unsigned key_of(scripted_server::request const& request) {
  auto const& text = request.text;
  auto const path = text.find("/v1/kv/");
  auto const slash = text.find('/', path + 7);
  return static_cast<unsigned>(std::stoul(text.substr(slash + 1)));
}

std::string value_of(unsigned key) {
  char digits[9];
  std::snprintf(digits, sizeof digits, "%08x", key);
  return '"' + std::string(digits) + std::string(16, '0') + std::string(38, '.') + '"';
}

std::string found(std::string const& value) {
  return sound_answer("200 OK", std::string("Content-Type: application/json\r\n") + timing, value);
}

scripted_answer sound(scripted_server::request const& request) {
  if (asks(request, "GET")) return {.bytes = found(value_of(key_of(request)))};
  if (asks(request, "PUT")) return {.bytes = sound_answer("201 Created", timing, "")};
  return {.bytes = std::string("HTTP/1.1 204 No Content\r\n") + timing + "\r\n"};
}

}  // namespace holdfast::tests
