#pragma once

#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "server/json/document.hpp"

namespace holdfast::server::json {

/// The members of an object in a request that may contain only known fields.
class fields {
 public:
  /// @param known the names of all fields; must outlive this object.
  /// @return errc::invalid_json with the JSON pointer if `object` is not an object, or if a field is unknown or
  /// duplicate; the message names the field, and for an unknown one lists the known fields.
  [[nodiscard]] static protocol::result<fields> of(value object, std::initializer_list<std::string_view> known);

  /// The field `name`, which must be a known name, or nullopt.
  [[nodiscard]] std::optional<value> find(std::string_view name) const;

  /// The field `name`, or errc::invalid_json that names the missing field and its location.
  [[nodiscard]] protocol::result<value> require(std::string_view name) const;

 private:
  explicit fields(value object) : object_(object) {}

  value object_;
  std::vector<std::pair<std::string_view, value>> found_;
};

}  // namespace holdfast::server::json
