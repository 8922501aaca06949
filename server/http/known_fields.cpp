#include "server/http/known_fields.hpp"

#include <algorithm>

#include "server/http/constant_time.hpp"

namespace holdfast::server {

bool known_fields::entry::begins(std::string_view text) const noexcept {
  if (fields.empty()) return false;
  if (secret_bytes == 0) return text.starts_with(fields);
  if (text.size() < fields.size()) return false;
  std::string_view const mine = fields;
  auto const behind = secret_at + secret_bytes;
  return text.substr(0, secret_at) == mine.substr(0, secret_at) &&
         text.substr(behind, mine.size() - behind) == mine.substr(behind) &&
         equal_in_constant_time(text.substr(secret_at, secret_bytes), mine.substr(secret_at, secret_bytes));
}

known_fields::entry* known_fields::find(std::string_view text) {
  auto const matches = [&](entry const& one) { return one.begins(text); };
  if (!matches(entries_[last_found_])) {
    auto const found = std::find_if(entries_.begin(), entries_.end(), matches);
    if (found == entries_.end()) return nullptr;
    last_found_ = static_cast<std::size_t>(found - entries_.begin());
  }
  auto& one = entries_[last_found_];
  one.used_at = ++uses_;
  return &one;
}

void known_fields::remember(std::string_view fields, request_head const& head, bool chunked,
                            std::uint64_t content_length) {
  if (fields.size() > bytes_max) return;
  auto& one = *std::min_element(entries_.begin(), entries_.end(),
                                [](entry const& a, entry const& b) { return a.used_at < b.used_at; });
  one.fields.clear();  // matches nothing, so that running out of memory below leaves no half-written entry
  one.head = head;
  one.head.is_bare = head.keep_alive && !head.has_body && !head.expects_continue && !head.has_other_expectation &&
                     !one.head.has_if_unmodified_since && !one.head.if_match && !one.head.if_none_match &&
                     one.head.origin.empty() && !one.head.is_cross_site;
  one.chunked = chunked;
  one.content_length = content_length;
  one.used_at = ++uses_;
  one.fields = fields;
  one.head.field_lines = std::string_view(one.fields).substr(0, fields.size() - 2);
  // The views into the fields must not outlive the caller's bytes.
  for (auto* const view : {&one.head.authorization, &one.head.content_encoding, &one.head.content_type, &one.head.host,
                           &one.head.origin, &one.head.last_event_id, &one.head.source, &one.head.user_agent})
    if (!view->empty())
      *view = std::string_view(one.fields).substr(static_cast<std::size_t>(view->data() - fields.data()), view->size());
  one.secret_bytes = one.head.authorization.size();
  one.secret_at = 0;
  one.head.credentials = 0;
  if (one.secret_bytes == 0) return;
  one.secret_at = static_cast<std::size_t>(one.head.authorization.data() - one.fields.data());
  one.head.credentials = ++credentials_;
}

}  // namespace holdfast::server
