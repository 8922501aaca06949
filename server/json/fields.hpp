#pragma once

#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "server/json/document.hpp"

namespace holdfast::server::json {

/// The members of an object in a request, which may have certain fields and no others.
class fields {
 public:
  /// @param known the names of all fields, which outlive this.
  /// @return errc::invalid_json with the JSON pointer of the place if `object` is no object, or if a field is unknown
  /// or there twice; names the field, and for an unknown one those that there are.
  [[nodiscard]] static protocol::result<fields> of(value object, std::initializer_list<std::string_view> known);

  /// The field `name`, one of those known, or nothing.
  [[nodiscard]] std::optional<value> find(std::string_view name) const;

  /// The same, or errc::invalid_json that says which field is missing where.
  [[nodiscard]] protocol::result<value> require(std::string_view name) const;

 private:
  explicit fields(value object) : object_(object) {}

  value object_;
  std::vector<std::pair<std::string_view, value>> found_;
};

}  // namespace holdfast::server::json
