#pragma once

#include <memory>
#include <string>

namespace holdfast::protocol {

/// The JSON text of a value, exactly as it was put. Shared, so that a reader copies only a pointer under the lock and
/// the bytes after it.
using json_text = std::shared_ptr<std::string const>;

}  // namespace holdfast::protocol
