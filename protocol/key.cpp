#include "protocol/key.hpp"

#include <algorithm>

#include "protocol/percent.hpp"
#include "protocol/utf8.hpp"

namespace holdfast::protocol {
namespace {

failure refuse(std::string detail) {
  return {errc::invalid_key, std::move(detail)};
}

}  // namespace

result<void> check_key(std::string_view key) {
  if (key.empty()) return refuse("the key is empty; name it after /v1/kv/, as in /v1/kv/my-key");
  if (key.size() > key_bytes_max)
    return refuse("the key has " + std::to_string(key.size()) + " bytes; the most is " + std::to_string(key_bytes_max));
  if (key == "." || key == "..")
    return refuse("the key '" + std::string(key) +
                  "' has no URL: every client takes it for a step in the path; add a letter");
  for (std::size_t i = 0; i < key.size();) {
    auto const length = utf8_sequence_length(key.substr(i));
    if (length == 0) return refuse("the key is not UTF-8 at byte " + std::to_string(i));
    auto const byte = static_cast<unsigned char>(key[i]);
    auto const is_c1 = length == 2 && byte == 0xC2 && static_cast<unsigned char>(key[i + 1]) < 0xA0;
    if (byte < 0x20 || byte == 0x7F || is_c1)
      return refuse("the key has a control character at byte " + std::to_string(i));
    i += length;
  }
  return {};
}

result<std::string> key_from_path(std::string_view encoded, bool is_plain) {
  // Fast path: nothing to decode.
  if (is_plain && encoded.size() > 2 && encoded.size() <= key_bytes_max) return std::string(encoded);
  auto key = percent_decode(encoded);
  if (!key) return refuse("the key has a % that two hexadecimal digits don't follow; write %25 for a percent sign");
  if (auto checked = check_key(*key); !checked) return checked.error();
  return *std::move(key);
}

std::string path_of_key(std::string_view key) {
  auto path = std::string(kv_path);
  // Clients remove the segments `.` and `..` from a path, even if they are percent-encoded (RFC 3986 §5.2.4, WHATWG
  // URL). Dots next to an encoded slash are not a segment of their own.
  for (auto encoded = percent_encode_path(key); !encoded.empty();) {
    auto const end = std::min(encoded.find('/'), encoded.size());
    auto const segment = encoded.substr(0, end);
    auto const is_last = end == encoded.size();
    auto const next = is_last ? std::string() : encoded.substr(end + 1, encoded.find('/', end + 1) - end - 1);
    auto const is_dots = [](std::string_view text) { return text == "." || text == ".."; };
    path += segment;
    if (is_last) break;
    path += is_dots(segment) || is_dots(next) ? "%2F" : "/";
    encoded.erase(0, end + 1);
  }
  return path;
}

result<void> check_lock_name(std::string_view name) {
  constexpr std::size_t name_bytes_max = 255;
  if (name.empty()) return failure{errc::invalid_lock, "the lock has no name; name it, as in /v1/locks/my-lock"};
  if (name.size() > name_bytes_max)
    return failure{errc::invalid_lock, "the lock's name has " + std::to_string(name.size()) + " bytes; the most is " +
                                           std::to_string(name_bytes_max)};
  auto const valid = check_key(name);
  if (valid) return {};
  constexpr std::string_view about_keys = "the key";
  auto const error = valid.error();
  return failure{errc::invalid_lock, "the lock's name" + error.detail.substr(about_keys.size())};
}

result<std::string> lock_name_from_segment(std::string_view encoded) {
  auto name = percent_decode(encoded);
  if (!name)
    return failure{errc::invalid_lock,
                   "the lock's name has a % that two hexadecimal digits don't follow; write %25 "
                   "for a percent sign"};
  if (auto const valid = check_lock_name(*name); !valid) return valid.error();
  return *std::move(name);
}

std::string segment_of(std::string_view name) {
  std::string encoded;
  for (char const c : percent_encode_path(name)) {
    // These would end a segment, or a member of a list of locks in a field.
    if (c == '/') {
      encoded += "%2F";
    } else if (c == ';') {
      encoded += "%3B";
    } else if (c == ',') {
      encoded += "%2C";
    } else {
      encoded += c;
    }
  }
  return encoded;
}

std::string path_of_lock(std::string_view name) {
  return "/v1/locks/" + segment_of(name);
}

std::string path_of_ticket(std::string_view lock, std::string_view id) {
  return path_of_lock(lock) + "/tickets/" + std::string(id);
}

}  // namespace holdfast::protocol
