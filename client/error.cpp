#include "client/error.hpp"

#include <boost/asio/error.hpp>

namespace holdfast::client {

std::string_view name_of(error_kind kind) noexcept {
  switch (kind) {
    case error_kind::unresolved:
      return "unresolved";
    case error_kind::refused:
      return "refused";
    case error_kind::unreachable:
      return "unreachable";
    case error_kind::reset:
      return "reset";
    case error_kind::timeout:
      return "timeout";
    case error_kind::bad_answer:
      return "bad_answer";
    case error_kind::untrusted:
      return "untrusted";
    case error_kind::status:
      return "status";
    case error_kind::invalid_request:
      break;
  }
  return "invalid_request";
}

error_kind kind_of(boost::system::error_code code) noexcept {
  namespace net = boost::asio::error;
  if (code == net::connection_refused) return error_kind::refused;
  if (code == net::timed_out) return error_kind::timeout;
  if (code == net::eof || code == net::connection_reset || code == net::broken_pipe || code == net::connection_aborted)
    return error_kind::reset;
  if (code.category() == net::get_netdb_category() || code.category() == net::get_addrinfo_category())
    return error_kind::unresolved;
  return error_kind::unreachable;
}

}  // namespace holdfast::client
