// Targets, paths, keys and queries.
#include <algorithm>

#include "protocol/key.hpp"
#include "protocol/percent.hpp"
#include "protocol/target.hpp"
#include "tests/fuzz/fuzzer.hpp"

namespace holdfast::fuzz {
namespace {

using namespace protocol;

void hold_path(std::string_view path) {
  auto const compared = decode_unreserved(path);
  require(percent_decode(compared) == percent_decode(path), "the form that is compared is the same path");
  require(decode_unreserved(compared) == compared, "the form that is compared is final");
}

void hold_key(std::string_view encoded) {
  auto const key = key_from_path(encoded);
  auto const is_plain = std::ranges::all_of(encoded, [](char c) { return c > ' ' && c < 0x7F && c != '%'; });
  if (is_plain) {
    auto const plain = key_from_path(encoded, true);
    require(plain.has_value() == key.has_value() && (!key || *key == *plain), "a plain key stands for itself");
  }
  if (!key) return;
  require(check_key(*key).has_value(), "a key in a path is one");
  auto const path = path_of_key(*key);
  require(std::ranges::all_of(path, [](char c) { return c > ' ' && c < 0x7F; }) &&
              path.find_first_of("?#\"<>\\") == std::string::npos,
          "a key's path needs no more escapes");
  auto const again = key_from_path(std::string_view(path).substr(kv_path.size()));
  require(again && *again == *key, "a key's path leads to it");
  for (std::string_view rest = path; !rest.empty();) {
    auto const segment = rest.substr(0, rest.find('/'));
    require(segment != "." && segment != "..", "a key's path has no step");
    rest.remove_prefix(std::min(segment.size() + 1, rest.size()));
  }
}

void hold_lock_name(std::string_view encoded) {
  auto const name = lock_name_from_segment(encoded);
  if (!name) return;
  auto const segment = segment_of(*name);
  require(segment.find_first_of("/,; \t\r\n?#") == std::string::npos, "a lock's name is one segment");
  auto const again = lock_name_from_segment(segment);
  require(again && *again == *name, "a lock's segment leads to it");
}

void hold_query(std::string_view query) {
  auto const parameters = parse_query(query);
  if (!parameters) return;
  std::string again;
  for (auto const& [name, value] : *parameters)
    again += '&' + percent_encode_query(name) + '=' + percent_encode_query(value);
  auto const second = parse_query(again);
  require(second.has_value(), "an encoded query is one");
  require(*second == *parameters, "an encoded query says the same");
}

}  // namespace

void fuzz_target(std::string_view input) {
  hold_key(input);
  hold_lock_name(input);
  hold_path(input);
  hold_query(input);
  hold_query("a=" + percent_encode_query(input));
  require(percent_decode(percent_encode_path(input)) == input, "an encoded path says the same");
  if (is_host(input)) require(input.find_first_of(" \t\r\n/@?#\\\"<>") == std::string_view::npos, "a host is one host");
  auto const parts = parse_target(input);
  if (!parts) return;
  require(parts->path == "*" || parts->path.starts_with('/'), "a path begins with a slash");
  require(parts->path.find_first_of("?#") == std::string_view::npos, "a path has neither query nor fragment");
  hold_path(parts->path);
  hold_key(parts->path.substr(1));
  hold_query(parts->query);
}

}  // namespace holdfast::fuzz
