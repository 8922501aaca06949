#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "protocol/lock_timing.hpp"

namespace holdfast::client {

/// Why a request has no result.
enum class error_kind {
  unresolved,       ///< the host name is unknown
  refused,          ///< nothing listens at the address
  unreachable,      ///< no route to the address, or another network error
  reset,            ///< the peer ended the connection before the first byte of the answer, or aborted it
  timeout,          ///< no connection or no complete answer in time
  bad_answer,       ///< the answer is not from a Holdfast server
  untrusted,        ///< no TLS, or the certificate is not trusted
  status,           ///< the server refused; see error::refusal
  invalid_request,  ///< not sent: the key is invalid
};

/// Stable names, used in reports: `refused`, `bad_answer`, …
[[nodiscard]] std::string_view name_of(error_kind kind) noexcept;

/// An answer with a status outside 200 to 299, and its problem document (RFC 9457).
struct refusal {
  unsigned status = 0;
  std::string code;    ///< the API's error code, such as key_not_found; empty if absent
  std::string title;   ///< never empty
  std::string detail;  ///< may be empty
  std::optional<protocol::lock_timing> timing;
  std::string etag;                       ///< for 412: the present tag; empty if the key does not exist
  std::optional<std::uint64_t> revision;  ///< revision at which this was true; nullopt if the answer has none
  std::string problem;                    ///< the problem document; empty if absent
};

struct error {
  error_kind kind;
  std::string message;             ///< one line for people: what happened and, if useful, what to do
  std::optional<refusal> refused;  ///< set if and only if kind is status
};

/// The exception of an unchecked result<T>::value().
[[noreturn]] inline void throw_exception_from_error(error const& error, boost::source_location const&) {
  throw std::runtime_error(error.message);
}

template <class T>
using result = boost::system::result<T, error>;

/// The kind of an error of the operating system or the resolver.
[[nodiscard]] error_kind kind_of(boost::system::error_code code) noexcept;

}  // namespace holdfast::client
