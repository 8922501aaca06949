#include "client/answer_parser.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <charconv>
#include <limits>

namespace holdfast::client {
namespace {

namespace http = boost::beast::http;
using boost::beast::iequals;
using beast_error = boost::system::error_code;
using beast_text = boost::beast::string_view;

constexpr std::size_t head_bytes_max = 64 * 1024;

error bad_answer(std::string why) {
  return {error_kind::bad_answer, std::move(why), {}};
}

std::string_view view(beast_text text) {
  return {text.data(), text.size()};
}

bool is_blank_free(beast_text text) {
  return std::none_of(text.begin(), text.end(), [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7F; });
}

content_kind kind_of_content(std::string_view type) {
  auto const end = type.find_first_of("; \t");
  auto const essence = type.substr(0, end);
  if (iequals(beast_text(essence.data(), essence.size()), "application/json")) return content_kind::json;
  if (iequals(beast_text(essence.data(), essence.size()), "application/problem+json"))
    return content_kind::problem_json;
  return content_kind::other;
}

/// The number in `text`; nullopt if it is anything else.
template <class T>
std::optional<T> number_in(beast_text text) {
  T number{};
  auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// Beast's callbacks for one answer.
class answer_events final : public http::basic_parser<false> {
 public:
  answer_events(answer_message& target, std::uint64_t body_bytes_max) : message(target) {
    eager(true);
    header_limit(std::numeric_limits<std::uint32_t>::max());  // feed() has checked the length
    body_limit(body_bytes_max);
  }

  [[nodiscard]] bool has_chunk() const noexcept { return has_chunk_; }

  answer_message& message;
  char const* refused = nullptr;  ///< our error; Beast's come as an error_code

 private:
  void refuse(beast_error& error, char const* why) {
    refused = why;
    error = http::error::bad_value;
  }

  void on_request_impl(http::verb, beast_text, beast_text, int, beast_error&) override {}

  void on_response_impl(int status, beast_text, int version, beast_error&) override {
    message.status = static_cast<unsigned>(status);
    http11_ = version == 11;
  }

  void on_field_impl(http::field name, beast_text spelling, beast_text value, beast_error& error) override {
    if (is_header_done()) {  // a trailer: dropped
      if (!is_blank_free(value)) refuse(error, "a trailer line is malformed");
      return;
    }
    switch (name) {
      case http::field::content_length:
        if (++content_lengths_ > 1 ||
            !std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; }))
          refuse(error, "Content-Length is not one decimal number");
        return;
      case http::field::transfer_encoding:
        if (++transfer_encodings_ > 1 || !iequals(value, "chunked")) refuse(error, "the transfer coding is not known");
        return;
      case http::field::content_encoding:
        return refuse(error, "the content is encoded although nobody asked for it");
      case http::field::content_type:
        message.content = kind_of_content(view(value));
        return;
      case http::field::etag:
        message.etag.assign(value.data(), value.size());
        return;
      default:
        if (name == http::field::unknown) take_our_own(spelling, value);
        return;
    }
  }

  /// Fields for which Beast has no name.
  void take_our_own(beast_text name, beast_text value) {
    if (iequals(name, "Holdfast-Revision")) message.revision = number_in<std::uint64_t>(value);
    if (iequals(name, "Holdfast-TTL")) message.ttl_s = number_in<double>(value);
    if (iequals(name, "Idempotent-Replayed")) message.replayed = iequals(value, "true");
  }

  void on_header_impl(beast_error& error) override {
    if (transfer_encodings_ != 0 && content_lengths_ != 0)
      return refuse(error, "it has both Transfer-Encoding and Content-Length");
    if (transfer_encodings_ != 0 && !http11_) return refuse(error, "it is chunked although it is HTTP/1.0");
    // If the end of the connection ends the content, a truncated answer looks complete.
    if (need_eof()) return refuse(error, "it has no length, so that nobody could tell if it were cut");
    if (message.status == 101) return refuse(error, "it switches protocols although nobody asked for it");
    message.keep_alive = keep_alive();
  }

  void on_body_init_impl(boost::optional<std::uint64_t> const& length, beast_error&) override {
    if (length) message.body.reserve(std::min<std::uint64_t>(*length, 1024 * 1024));
  }

  std::size_t on_body_impl(beast_text text, beast_error&) override {
    message.body.append(text.data(), text.size());
    return text.size();
  }

  void on_chunk_header_impl(std::uint64_t, beast_text extension, beast_error& error) override {
    has_chunk_ = true;
    if (!is_blank_free(extension)) refuse(error, "a chunk extension has a control character");
  }

  std::size_t on_chunk_body_impl(std::uint64_t, beast_text text, beast_error& error) override {
    return on_body_impl(text, error);
  }

  void on_finish_impl(beast_error&) override {}

  bool http11_ = true;
  bool has_chunk_ = false;
  int content_lengths_ = 0;
  int transfer_encodings_ = 0;
};

/// The length of the header including its empty line; 0 while it is incomplete.
result<std::size_t> measure_head(std::string_view text) {
  constexpr std::string_view opening = "HTTP/1.";
  if (text.substr(0, opening.size()) != opening.substr(0, text.size()))
    return bad_answer("it does not start as an HTTP/1.1 answer does; is that a Holdfast server?");
  auto const end = text.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (text.size() > head_bytes_max) return bad_answer("its header is larger than 64 KiB");
    return std::size_t(0);
  }
  if (end > head_bytes_max) return bad_answer("its header is larger than 64 KiB");
  return end + 4;
}

/// Beast joins folded lines (RFC 9112 §5.2), and skips Server-Timing, for which it has no name.
result<void> read_lines(std::string_view head, answer_message& message) {
  constexpr beast_text server_timing = "server-timing:";
  for (auto at = head.find("\r\n"); at + 2 < head.size(); at = head.find("\r\n", at + 2)) {
    auto const line = head.data() + at + 2;
    auto const left = head.size() - at - 2;
    if (*line == ' ' || *line == '\t') return bad_answer("a header line is folded");
    if ((*line | 0x20) != 's' || left < server_timing.size()) continue;
    if (!iequals(beast_text(line, server_timing.size()), server_timing)) continue;
    auto const value = head.substr(at + 2 + server_timing.size());
    if (auto const timing = protocol::parse_server_timing(value.substr(0, value.find("\r\n")))) message.timing = timing;
  }
  return {};
}

}  // namespace

class answer_parser::state {
 public:
  explicit state(std::uint64_t limit) : body_bytes_max(limit) {}

  void start() {
    events.reset();
    pending.clear();
    begun = head_done = false;
    clear_message();
  }

  /// Keeps the capacity of the strings.
  void clear_message() {
    message.status = 0;
    message.keep_alive = false;
    message.content = content_kind::none;
    message.timing.reset();
    message.etag.clear();
    message.revision.reset();
    message.ttl_s.reset();
    message.replayed = false;
    message.body.clear();
  }

  error explain(beast_error const& failure) const {
    if (events->refused != nullptr) return bad_answer(events->refused);
    if (failure == http::error::body_limit)
      return bad_answer("its content is larger than " + std::to_string(body_bytes_max) + " bytes");
    return bad_answer("it is malformed: " + failure.message());
  }

  /// @return the number of bytes of `text` consumed.
  result<std::size_t> parse(std::string_view text) {
    std::size_t used = 0;
    if (!head_done) {
      auto const length = measure_head(text);
      if (!length || *length == 0) return length;
      auto const head = text.substr(0, *length);
      if (auto read = read_lines(head, message); !read) return read.error();
      events.emplace(message, body_bytes_max);
      beast_error failure;
      events->put(boost::asio::buffer(head.data(), head.size()), failure);
      if (failure && failure != http::error::need_more) return explain(failure);
      if (!events->is_header_done()) return bad_answer("its header is malformed");
      used = *length;
      if (message.status < 200) {
        clear_message();
        return used;
      }
      head_done = true;
    }
    if (events->is_done() || used == text.size()) return used;
    // Beast fails an assertion if the first chunk is the last one and arrives in parts: "0" and two line ends.
    auto const rest = text.substr(used);
    if (events->chunked() && !events->has_chunk() && rest.starts_with('0') && rest.size() < 5) return used;
    beast_error failure;
    used += events->put(boost::asio::buffer(text.data() + used, text.size() - used), failure);
    if (failure && failure != http::error::need_more) return explain(failure);
    if (text.size() - used > head_bytes_max && !events->is_done()) return bad_answer("a chunk header has no end");
    return used;
  }

  std::uint64_t body_bytes_max;
  answer_message message;
  std::optional<answer_events> events;
  std::string pending;  ///< the beginning of a header or chunk header, until it is complete
  bool begun = false;
  bool head_done = false;
};

answer_parser::answer_parser(std::uint64_t body_bytes_max) : state_(std::make_unique<state>(body_bytes_max)) {}
answer_parser::~answer_parser() = default;
answer_parser::answer_parser(answer_parser&&) noexcept = default;
answer_parser& answer_parser::operator=(answer_parser&&) noexcept = default;

void answer_parser::start() {
  state_->start();
}

result<std::size_t> answer_parser::feed(std::string_view bytes) {
  auto& reader = *state_;
  if (bytes.empty()) return std::size_t(0);
  reader.begun = true;
  auto const before = reader.pending.size();
  auto text = bytes;
  if (before != 0) text = reader.pending.append(bytes);

  std::size_t used = 0;
  while (!done() && used < text.size()) {
    auto const step = reader.parse(text.substr(used));
    if (!step) return step.error();
    if (*step == 0) break;
    used += *step;
  }
  if (done()) {
    reader.pending.clear();
    return used - before;
  }
  if (before != 0) {
    reader.pending.erase(0, used);
  } else {
    reader.pending.assign(text.substr(used));
  }
  return bytes.size();
}

bool answer_parser::begun() const {
  return state_->begun;
}

bool answer_parser::done() const {
  return state_->head_done && state_->events->is_done();
}

answer_message const& answer_parser::message() const {
  return state_->message;
}

answer_message& answer_parser::message() {
  return state_->message;
}

}  // namespace holdfast::client
