#include "server/api/conditions.hpp"

namespace holdfast::server {

using namespace protocol;

result<conditions_pointer> read_conditions(request_head const& head, std::uint64_t database_id) {
  if (head.has_if_unmodified_since)
    return failure{
        errc::precondition_not_supported,
        "this server does not evaluate If-Unmodified-Since, and does not ignore it either; send If-Match with "
        "the ETag that you have"};
  if (!head.if_match && !head.if_none_match) return conditions_pointer();
  auto found = std::make_shared<conditions>();
  if (head.if_match) found->if_match = parse_tag_list(*head.if_match, database_id);
  if (head.if_none_match) {
    found->if_none_match = parse_tag_list(*head.if_none_match, database_id);
    // Nothing would be compared, and a write that must not replace anything would.
    auto const reads = head.method == method::get || head.method == method::head;
    if (found->if_none_match->is_malformed && !reads)
      return failure{errc::bad_request,
                     "If-None-Match is neither * nor a list of entity tags, which have quotes: \"t1\", \"t2\"; nothing "
                     "was changed"};
  }
  return conditions_pointer(std::move(found));
}

}  // namespace holdfast::server
