#pragma once

#include "protocol/target.hpp"
#include "server/api/data_answers.hpp"
#include "server/api/requests.hpp"
#include "server/http/request_head.hpp"

namespace holdfast::server {

// Values under their keys: /v1/kv/{key}.

void route_value(request_head const& head, protocol::target const& target, route_context const& context, routed& into);

/// The key of a plain GET without parameters and conditions, as a view into its target. Empty if only route_value() can
/// decide.
[[nodiscard]] std::string_view key_of_plain_read(request_head const& head);

/// Completes the operation with a body: a value or a patch. @return the error answer if the body is invalid.
[[nodiscard]] std::optional<reply> take_value_body(data_request& request, std::string&& body,
                                                   std::size_t value_bytes_max);

/// Creates the answer, which must be new, to an operation on one key.
struct value_answer {
  data_request const& request;
  answer_context const& context;
  reply& answer;

  void operator()(value_found& found) const;
  void operator()(not_modified const& same) const;
  void operator()(value_stored& stored) const;
  void operator()(value_deleted& deleted) const;
  void operator()(value_touched& touched) const;
};

}  // namespace holdfast::server
