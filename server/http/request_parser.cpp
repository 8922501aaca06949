#include "server/http/request_parser.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <iterator>
#include <limits>
#include <optional>

#include "protocol/ascii.hpp"
#include "protocol/target.hpp"
#include "server/http/chunked_body.hpp"
#include "server/http/known_fields.hpp"
#include "server/http/plain_request_line.hpp"

namespace holdfast::server {

using namespace protocol;
namespace {

namespace http = boost::beast::http;
using beast_error = boost::system::error_code;
using beast_text = boost::beast::string_view;

std::string_view view(beast_text text) {
  return {text.data(), text.size()};
}

method method_of(http::verb verb) {
  switch (verb) {
    case http::verb::get:
      return method::get;
    case http::verb::head:
      return method::head;
    case http::verb::put:
      return method::put;
    case http::verb::delete_:
      return method::del;
    case http::verb::options:
      return method::options;
    case http::verb::post:
      return method::post;
    case http::verb::patch:
      return method::patch;
    case http::verb::trace:
      return method::trace;
    case http::verb::connect:
      return method::connect;
    default:
      return method::unknown;
  }
}

/// Turns Beast's errors into advice for the client.
std::string advice_for(beast_error const& error) {
  if (error == http::error::bad_method) return "the method must be letters, with one space behind it";
  if (error == http::error::bad_target)
    return "the request target must stand between single spaces and have none within; write %20 for a space in a key";
  if (error == http::error::bad_version) return "the first line must end in HTTP/1.1, with one space before it";
  if (error == http::error::bad_field) return "a header line must be NAME: VALUE, without a space before the colon";
  if (error == http::error::bad_content_length || error == http::error::multiple_content_length)
    return "Content-Length must be one decimal number, given once, and not beside a Transfer-Encoding";
  if (error == http::error::bad_transfer_encoding)
    return "Transfer-Encoding must be given once, and not beside a Content-Length";
  if (error == http::error::bad_value) return "a Connection field is not a list of words";
  return "the header is malformed: " + error.message();
}

/// Calls `visit` for each non-empty member of a list without quoted strings.
template <class Visit>
void for_each_member(std::string_view list, Visit visit) {
  while (!list.empty()) {
    auto const end = std::min(list.find(','), list.size());
    auto member = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    while (!member.empty() && (member.front() == ' ' || member.front() == '\t')) member.remove_prefix(1);
    while (!member.empty() && (member.back() == ' ' || member.back() == '\t')) member.remove_suffix(1);
    if (!member.empty()) visit(member);
  }
}

/// Beast's callbacks for one header.
class events final : public http::basic_parser<true> {
 public:
  events() {
    header_limit(std::numeric_limits<std::uint32_t>::max());  // head_scanner has checked the length
    body_limit(boost::none);                                  // the limit is set when the body is asked for
  }

  request_head head;
  std::optional<failure> refused;  ///< our error; Beast's come as an error_code

 private:
  void refuse(beast_error& error, errc code, std::string detail) {
    refused = failure{code, std::move(detail)};
    error = http::error::bad_value;
  }

  void on_request_impl(http::verb verb, beast_text method_text, beast_text target, int version, beast_error&) override {
    head.method = method_of(verb);
    head.method_text = view(method_text);
    head.target = view(target);
    head.http11 = version == 11;
  }

  void on_response_impl(int, beast_text, int, beast_error&) override {}

  void on_field_impl(http::field name, beast_text text, beast_text value, beast_error& error) override {
    switch (name) {
      case http::field::host:
        if (++hosts_ > 1) return refuse(error, errc::bad_request, "there are two Host fields; send one");
        if (!is_host(view(value))) return refuse(error, errc::bad_request, "the Host field is malformed");
        head.host = view(value);
        return;
      case http::field::authorization:
        if (++authorizations_ > 1)
          return refuse(error, errc::bad_request, "there are two Authorization fields; send one");
        head.authorization = view(value);
        return;
      case http::field::origin:
        head.origin = view(value);
        return;
      case http::field::content_type:
        head.content_type = view(value);
        return;
      case http::field::content_length:
        if (++content_lengths_ > 1 ||
            !std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; }))
          return refuse(error, errc::bad_request, "Content-Length must be one decimal number, given once");
        return;
      case http::field::transfer_encoding:
        return on_transfer_encoding(value, error);
      case http::field::connection:
        return on_connection(value);
      case http::field::expect:
        return on_expect(value);
      case http::field::if_none_match:
        return join(head.if_none_match, view(value));
      case http::field::if_match:
        return join(head.if_match, view(value));
      case http::field::access_control_request_method:
        head.is_preflight = true;
        return;
      case http::field::if_unmodified_since:
        head.has_if_unmodified_since = true;
        return;
      case http::field::prefer:
        return on_prefer(view(value));
      case http::field::content_encoding:
        // One that is not identity must be noticed, even if another field says identity.
        if (head.content_encoding.empty() || equals_ignoring_case(head.content_encoding, "identity"))
          head.content_encoding = view(value);
        return;
      case http::field::content_range:
        head.has_content_range = true;
        return;
      case http::field::user_agent:
        head.user_agent = view(value);
        return;
      default:
        // Beast has no number for these fields.
        if (equals_ignoring_case(view(text), "sec-fetch-site")) {
          head.is_cross_site = equals_ignoring_case(view(value), "cross-site");
        } else if (equals_ignoring_case(view(text), "sec-fetch-mode")) {
          head.is_navigation = equals_ignoring_case(view(value), "navigate");
        } else if (equals_ignoring_case(view(text), "last-event-id")) {
          head.last_event_id = view(value);
        } else if (equals_ignoring_case(view(text), "holdfast-source")) {
          head.source = view(value);
        } else if (equals_ignoring_case(view(text), "holdfast-forwarded-for")) {
          head.forwarded_for = view(value);
        } else if (equals_ignoring_case(view(text), "holdfast-lock")) {
          join(head.lock, view(value));
        } else if (equals_ignoring_case(view(text), "idempotency-key")) {
          head.has_two_idempotency_keys = head.idempotency_key.has_value();
          head.idempotency_key = view(value);
        }
        return;
    }
  }

  static void join(std::optional<std::string>& list, std::string_view more) {
    if (list)
      list->append(", ").append(more);
    else
      list = more;
  }

  // Preferences are a list; only one is known. Its parameters after a semicolon change nothing.
  void on_prefer(std::string_view value) {
    for_each_member(value, [&](std::string_view member) {
      member = member.substr(0, member.find_first_of("; \t"));
      constexpr std::string_view name = "return=";
      if (!equals_ignoring_case(member.substr(0, name.size()), name)) return;
      auto const wanted = member.substr(name.size());
      // The first one counts, and a token may be quoted (RFC 7240 §2).
      if (!std::exchange(has_return_preference_, true))
        head.prefers_representation =
            equals_ignoring_case(wanted, "representation") || equals_ignoring_case(wanted, "\"representation\"");
    });
  }

  // A list whose members are compared one by one (RFC 9110 §10.1.1, §5.6.1); an empty list expects nothing.
  void on_expect(beast_text value) {
    for_each_member(view(value), [&](std::string_view member) {
      (equals_ignoring_case(member, "100-continue") ? head.expects_continue : head.has_other_expectation) = true;
    });
  }

  // Not Beast's keep_alive(): it reads Proxy-Connection, and prefers keep-alive to close with HTTP/1.0.
  void on_connection(beast_text value) {
    for (auto const& option : http::token_list(value)) {
      if (equals_ignoring_case(view(option), "close")) wants_close_ = true;
      if (equals_ignoring_case(view(option), "keep-alive")) wants_keep_alive_ = true;
    }
  }

  void on_transfer_encoding(beast_text value, beast_error& error) {
    if (++transfer_encodings_ > 1)
      return refuse(error, errc::bad_request, "there are two Transfer-Encoding fields; send one");
    if (equals_ignoring_case(view(value), "chunked")) return;
    // Any other value is refused. The kind of error determines the status (RFC 9112 §6.1).
    http::ext_list const codings{value};
    auto const known = [](auto const& coding) { return equals_ignoring_case(view(coding.first), "chunked"); };
    auto const count = std::distance(codings.begin(), codings.end());
    auto const first_chunked = std::distance(codings.begin(), std::find_if(codings.begin(), codings.end(), known));
    if (count == 0 || first_chunked + 1 < count)
      return refuse(error, errc::bad_request, "chunked must be the last transfer coding and stand once");
    if (std::all_of(codings.begin(), codings.end(), known))
      return refuse(error, errc::bad_request, "chunked takes no parameters");
    refuse(error, errc::unknown_transfer_coding, "the only transfer coding that this server knows is chunked");
  }

  void on_header_impl(beast_error& error) override {
    if (head.http11 && hosts_ == 0) return refuse(error, errc::bad_request, "the Host field is missing");
    if (transfer_encodings_ != 0 && content_lengths_ != 0)
      return refuse(error, errc::bad_request, "Transfer-Encoding and Content-Length together are ambiguous; send one");
    if (transfer_encodings_ != 0 && !head.http11)
      return refuse(error, errc::bad_request, "HTTP/1.0 has no Transfer-Encoding; send a Content-Length");
    head.keep_alive = !wants_close_ && (head.http11 || wants_keep_alive_);  // RFC 9112 §9.3
    if (!head.http11) head.expects_continue = false;                        // RFC 9110 §10.1.1
    head.has_body = chunked() || content_length().value_or(0) != 0;
  }

  // Beast gets only the header: see chunked_body.
  void on_body_init_impl(boost::optional<std::uint64_t> const&, beast_error&) override {}
  std::size_t on_body_impl(beast_text text, beast_error&) override { return text.size(); }
  void on_chunk_header_impl(std::uint64_t, beast_text, beast_error&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast_text text, beast_error&) override { return text.size(); }
  void on_finish_impl(beast_error&) override {}

  int hosts_ = 0;
  int authorizations_ = 0;
  int content_lengths_ = 0;
  int transfer_encodings_ = 0;
  bool has_return_preference_ = false;
  bool wants_close_ = false;
  bool wants_keep_alive_ = false;
};

}  // namespace

class request_parser::parser {
 public:
  parser(std::uint64_t limit, known_fields* its_known) : body_bytes_max(limit), known(its_known) {}

  void begin_body(bool chunked, std::uint64_t content_length) {
    has_head = true;
    content_left = content_bytes = chunked ? 0 : content_length;
    if (chunked) {
      chunks.emplace(body_bytes_max);
    } else {
      chunks.reset();
    }
  }

  void remember(std::string_view block) {
    auto const line = recognize_request_line(block);
    if (line && !message->head.is_unlike_others())
      known->remember(block.substr(line.bytes()), message->head, message->chunked(),
                      message->content_length().value_or(0));
  }

  failure explain(beast_error const& error) const {
    if (message->refused) return *message->refused;
    return {errc::bad_request, advice_for(error)};
  }

  std::uint64_t body_bytes_max;
  std::optional<events> message;
  known_fields* known;
  known_fields::entry* recognized = nullptr;
  bool has_head = false;
  std::optional<chunked_body> chunks;
  std::uint64_t content_bytes = 0, content_left = 0;  // of a body with a Content-Length
};

request_parser::request_parser(std::uint64_t body_bytes_max, known_fields* known)
    : parser_(std::make_unique<parser>(body_bytes_max, known)) {}
request_parser::~request_parser() = default;
request_parser::request_parser(request_parser&&) noexcept = default;
request_parser& request_parser::operator=(request_parser&&) noexcept = default;

result<request_head const*> request_parser::parse_head(std::string_view block) {
  auto& message = parser_->message.emplace();
  parser_->has_head = false;
  beast_error error;
  auto const used = message.put(boost::asio::buffer(block.data(), block.size()), error);
  // If Beast and head_scanner see different ends, one of them is wrong, and a request could be smuggled.
  if (!error && (!message.is_header_done() || used != block.size())) error = http::error::partial_message;
  if (error) return parser_->explain(error);
  auto const fields_at = block.find("\r\n") + 2;
  message.head.field_lines = block.substr(fields_at, block.size() - fields_at - 2);
  parser_->begin_body(message.chunked(), message.content_length().value_or(0));
  if (parser_->known) parser_->remember(block);
  return &message.head;
}

std::size_t request_parser::recognize_head(std::string_view text, std::size_t bytes_max) {
  auto const line = recognize_request_line(text);
  if (!line || !parser_->known) return 0;
  auto* const found = parser_->known->find(text.substr(line.bytes()));
  if (found == nullptr) return 0;
  auto const bytes = line.bytes() + found->fields.size();
  if (bytes > bytes_max) return 0;
  found->head.method = line.method;
  found->head.method_text = line.method_text(text);
  found->head.target = line.target(text);
  found->head.target_is_plain = line.target_is_plain;
  parser_->recognized = found;
  parser_->begin_body(found->chunked, found->content_length);
  return bytes;
}

request_head const& request_parser::head() const {
  return parser_->recognized->head;
}

result<std::size_t> request_parser::parse_body(std::string_view bytes, std::string& body) {
  if (parser_->chunks) return parser_->chunks->decode(bytes, body);
  auto const piece =
      bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(parser_->content_left, bytes.size())));
  // Once a part has arrived, reserves the rest: growing by doubling copies the body, touches its memory twice, and may
  // take twice what it needs. The header alone is not trusted.
  constexpr std::size_t convincing_bytes = 32 * 1024, reserved_bytes_max = 1024 * 1024;
  auto const size = body.size() + piece.size();
  auto const is_collected = body.size() + parser_->content_left == parser_->content_bytes;
  if (is_collected && size >= convincing_bytes && size > body.capacity()) {
    auto const step = std::min<std::uint64_t>(parser_->content_left, std::max(body.size(), reserved_bytes_max));
    std::string grown;  // reserve() of a string with content doubles its capacity
    grown.reserve(body.size() + static_cast<std::size_t>(step));
    body = std::move(grown.append(body));
  }
  body.append(piece);
  parser_->content_left -= piece.size();
  return piece.size();
}

std::uint64_t request_parser::content_left() const {
  return parser_->content_left;
}

result<void> request_parser::check_length() const {
  if (parser_->content_left <= parser_->body_bytes_max) return {};
  return failure{errc::body_too_large, "the body is limited to " + std::to_string(parser_->body_bytes_max) + " bytes"};
}

void request_parser::lift_limit() {
  if (parser_->chunks) parser_->chunks->lift_limit();
}

bool request_parser::done() const {
  if (!parser_->has_head) return false;
  return parser_->chunks ? parser_->chunks->done() : parser_->content_left == 0;
}

}  // namespace holdfast::server
