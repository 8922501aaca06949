// What tests of the database write and read often.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "server/store/operation.hpp"

namespace holdfast::server {

/// A JSON text of its own, and one of so many digits.
inline json_text text(char const* value) {
  return std::make_shared<std::string const>(value);
}
inline json_text text_of(std::size_t bytes) {
  return std::make_shared<std::string const>(bytes, '7');
}

template <class T>
T get_as(data_outcome const& outcome) {
  return std::get<T>(outcome);
}

}  // namespace holdfast::server
