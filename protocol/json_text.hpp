#pragma once

#include <memory>
#include <string>

namespace holdfast::protocol {

/// The JSON text of a value, byte for byte as it was put. Shared, so that a reader copies a pointer under the lock and
/// the bytes outside it.
using json_text = std::shared_ptr<std::string const>;

}  // namespace holdfast::protocol
