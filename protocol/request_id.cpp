#include "protocol/request_id.hpp"

#include <charconv>
#include <cstring>

#include "protocol/entity_tag.hpp"

namespace holdfast::protocol {
namespace {

struct written_id {
  request_id id{0, 0};
  std::size_t length = 3;
  char text[request_id_bytes_max] = "0-0";
};

}  // namespace

char* write_request_id(char* to, request_id const& id) {
  // Consecutive ids of a thread are close: in about nine of ten cases only the last digit differs.
  thread_local constinit written_id last;
  auto const last_digit = last.text[last.length - 1];
  auto const later_by = id.number - last.id.number;
  if (id.start == last.id.start && later_by <= std::uint64_t('9' - last_digit)) {
    // Copy before changing the digit: a copy that reads a byte just written waits until it has left the store buffer,
    // which took 4 % of a pipelined request's time.
    std::memcpy(to, last.text, sizeof last.text);
    to[last.length - 1] = last.text[last.length - 1] = static_cast<char>(last_digit + later_by);
  } else {
    auto* end = write_start(last.text, id.start);
    *end++ = '-';
    end = std::to_chars(end, end + 20, id.number).ptr;
    last.length = static_cast<std::size_t>(end - last.text);
    std::memcpy(to, last.text, sizeof last.text);
  }
  last.id = id;
  return to + last.length;
}

std::string to_string(request_id const& id) {
  char text[request_id_bytes_max];
  return {text, write_request_id(text, id)};
}

}  // namespace holdfast::protocol
