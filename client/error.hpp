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
  unresolved,       ///< the host name is not known
  refused,          ///< nobody listens at the address
  unreachable,      ///< no route to the address, or another failure of the network
  reset,            ///< the peer ended the connection before any byte of the answer, or aborted it
  timeout,          ///< no connection or no complete answer in the time allowed
  bad_answer,       ///< what came is not an answer of a Holdfast server
  untrusted,        ///< no TLS, or a certificate that is not accepted
  status,           ///< the server refused; error::refusal has the rest
  invalid_request,  ///< never sent: the key can't be one
};

/// Stable names, as reports count by them: `refused`, `bad_answer`, …
[[nodiscard]] std::string_view name_of(error_kind kind) noexcept;

/// An answer that says no: a status outside 200 to 299, with its problem document (RFC 9457).
struct refusal {
  unsigned status = 0;
  std::string code;    ///< our stable identifier, such as key_not_found; empty when the answer had none
  std::string title;   ///< never empty
  std::string detail;  ///< may be empty
  std::optional<protocol::lock_timing> timing;
  std::string etag;                       ///< of a 412: the present one; empty where the key is absent
  std::optional<std::uint64_t> revision;  ///< at which this was so; empty where the answer did not say
  std::string problem;                    ///< the problem document; empty when the answer had none
};

struct error {
  error_kind kind;
  std::string message;             ///< one line for people: what happened, and where it helps, what to do
  std::optional<refusal> refused;  ///< set exactly when kind is status
};

/// What an unchecked result<T>::value() throws.
[[noreturn]] inline void throw_exception_from_error(error const& error, boost::source_location const&) {
  throw std::runtime_error(error.message);
}

template <class T>
using result = boost::system::result<T, error>;

/// The kind of a failure that the operating system or the resolver reported.
[[nodiscard]] error_kind kind_of(boost::system::error_code code) noexcept;

}  // namespace holdfast::client
