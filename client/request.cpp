#include "client/request.hpp"

#include "protocol/duration.hpp"

namespace holdfast::client {

std::string query_of(lock_wishes const& wishes) {
  std::string query;
  if (wishes.hold) query += "?hold=" + protocol::format_duration(*wishes.hold);
  if (wishes.lock_timeout) {
    query += query.empty() ? '?' : '&';
    query += "lock-timeout=" + protocol::format_duration(*wishes.lock_timeout);
  }
  return query;
}

std::string request_head(endpoint const& server, std::string_view method, std::string_view target,
                         std::size_t body_bytes) {
  std::string head(method);
  ((head += ' ') += target) += " HTTP/1.1\r\nHost: ";
  (head += server.authority) += "\r\nUser-Agent: holdfast/" HOLDFAST_VERSION "\r\n";
  if (method == "PUT")
    (head += "Content-Type: application/json\r\nContent-Length: ") += std::to_string(body_bytes) + "\r\n";
  return head += "\r\n";
}

}  // namespace holdfast::client
