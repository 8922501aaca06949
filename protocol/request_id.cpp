#include "protocol/request_id.hpp"

#include <charconv>

#include "protocol/entity_tag.hpp"

namespace holdfast::protocol {

char* write_request_id(char* to, request_id const& id) {
  to = write_start(to, id.start);
  *to++ = '-';
  return std::to_chars(to, to + 20, id.number).ptr;
}

std::string to_string(request_id const& id) {
  char text[request_id_bytes_max];
  return {text, write_request_id(text, id)};
}

}  // namespace holdfast::protocol
