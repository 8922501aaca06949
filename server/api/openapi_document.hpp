#pragma once

#include <string_view>

namespace holdfast::server {

/// The text of openapi.json in this directory, which describes the API (OpenAPI 3.1).
[[nodiscard]] std::string_view openapi_document();

}  // namespace holdfast::server
