#pragma once

namespace holdfast::protocol {

/// The HTTP methods known to Holdfast.
enum class method {
  get,
  head,
  put,
  del,
  options,
  post,  ///< known but not supported, like the next three
  patch,
  trace,
  connect,
  unknown,
};

}  // namespace holdfast::protocol
