#pragma once

#include <string>

#include "tests/client/scripted_server.hpp"

namespace holdfast::tests {

/// Whether the request has this method.
[[nodiscard]] bool asks(scripted_server::request const& request, std::string_view method);

/// The number of the key that a request of a load run is about.
[[nodiscard]] unsigned key_of(scripted_server::request const& request);

/// A value of 64 bytes that a load run may have stored under this key.
[[nodiscard]] std::string value_of(unsigned key);

/// The 200 of a get with this value, with a Server-Timing.
[[nodiscard]] std::string found(std::string const& value);

/// What a server answers a load run with that has every key and keeps nothing.
[[nodiscard]] scripted_answer sound(scripted_server::request const& request);

}  // namespace holdfast::tests
