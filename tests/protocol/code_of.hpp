#pragma once

#include <string>
#include <string_view>

#include "protocol/error.hpp"

namespace holdfast::protocol {

/// The stable code of what a result was refused for, or "ok": prints better than an enumerator.
template <class T>
std::string_view code_of(result<T> const& result) {
  return result ? std::string_view("ok") : traits_of(result.error().code).code;
}

/// What it tells the client, or nothing.
template <class T>
std::string detail_of(result<T> const& result) {
  return result ? std::string() : result.error().detail;
}

}  // namespace holdfast::protocol
