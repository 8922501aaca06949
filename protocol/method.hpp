#pragma once

namespace holdfast::protocol {

/// HTTP's methods, as far as anybody here cares.
enum class method {
  get,
  head,
  put,
  del,
  options,
  post,  ///< known, as are the next three, but nothing here takes them
  patch,
  trace,
  connect,
  unknown,
};

}  // namespace holdfast::protocol
