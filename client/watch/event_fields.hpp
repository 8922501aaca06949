#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace holdfast::client::watch {

// Members of what a server says about its lock; one that is missing, or is of another type, is empty or 0.

/// Printable, see printable().
[[nodiscard]] std::string text_of(nlohmann::json const& object, char const* name);

[[nodiscard]] std::int64_t number_of(nlohmann::json const& object, char const* name);

}  // namespace holdfast::client::watch
