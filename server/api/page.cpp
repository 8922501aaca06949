#include "server/api/page.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "server/api/answers.hpp"
#include "server/web/page_files.hpp"

namespace holdfast::server {
namespace {

/// True if an If-None-Match field contains the tag. The server wrote both, so a text search is enough.
bool names_tag(std::optional<std::string> const& if_none_match, std::string_view tag) {
  return if_none_match && (*if_none_match == "*" || if_none_match->find(tag) != std::string::npos);
}

}  // namespace

routed route_page(request_head const& head, protocol::target const& target, route_context const& /*context*/) {
  auto const files = page_files();
  auto const file =
      std::find_if(files.begin(), files.end(), [&](page_file const& one) { return one.path == target.path; });
  if (file == files.end()) return no_such_path();
  if (auto refused = refuse_all_but_reads(head, {target.path, {}})) return *std::move(refused);
  reply answer;
  (((answer.more_fields += "ETag: ") += file->etag) += "\r\nCache-Control: no-cache\r\nContent-Security-Policy: ");
  (answer.more_fields += page_policy) += "\r\nReferrer-Policy: no-referrer\r\n";
  if (names_tag(head.if_none_match, file->etag)) {
    answer.status = 304;
    return answer;
  }
  answer.content_type = file->content_type;
  answer.body = file->bytes;
  return answer;
}

}  // namespace holdfast::server
