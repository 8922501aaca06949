#include "client/line_stream.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <utility>

#include "client/liveness.hpp"
#include "client/refusal.hpp"
#include "protocol/duration.hpp"

namespace holdfast::client {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using namespace net::experimental::awaitable_operators;

constexpr auto as_result = net::as_tuple(net::use_awaitable_t<executor>());
constexpr std::size_t line_bytes_max = std::size_t(64) * 1024 * 1024;
constexpr std::size_t refusal_bytes_max = std::size_t(64) * 1024;

/// The status in `HTTP/1.1 200 OK…`; 0 if it is not a status line.
unsigned status_of(std::string_view head) {
  unsigned status = 0;
  if (!head.starts_with("HTTP/1.") || head.size() < 12) return 0;
  auto const [end, wrong] = std::from_chars(head.data() + 9, head.data() + 12, status);
  return wrong == std::errc() && end == head.data() + 12 ? status : 0;
}

/// How much of a refusal's content to read: all, as far as its header says how much that is, but not without limit.
std::size_t refusal_bytes(std::string_view head) {
  constexpr std::string_view name = "\r\ncontent-length:";
  auto const is_same = [](char a, char b) { return a == b || (a >= 'A' && a <= 'Z' && a + ('a' - 'A') == b); };
  auto const field = std::ranges::search(head, name, is_same);
  if (field.empty()) return refusal_bytes_max;
  auto const digits = head.substr(
      std::min(head.size(), head.find_first_not_of(" \t", static_cast<std::size_t>(field.end() - head.begin()))));
  std::size_t bytes = 0;
  auto const wrong = std::from_chars(digits.data(), digits.data() + digits.size(), bytes).ec;
  return wrong == std::errc() ? std::min(bytes, refusal_bytes_max) : refusal_bytes_max;
}

}  // namespace

/// A connection and a timer that closes it.
struct line_stream::timed_transport : std::enable_shared_from_this<timed_transport> {
  explicit timed_transport(executor on) : bytes(on), timer(on) {}

  /// Limits the current wait to this time; `expired` says why it ended.
  void expire_after(std::optional<std::chrono::nanoseconds> limit) {
    timer.cancel();
    if (!limit) return;
    allowed = *limit;
    timer.expires_after(*limit);
    timer.async_wait([weak = weak_from_this(), number = ++watches](error_code failed) {
      auto const self = weak.lock();
      if (failed || !self || self->watches != number) return;
      self->expired = true;
      self->bytes.close();
    });
  }

  void rest() {
    ++watches;
    timer.cancel();
  }

  transport bytes;
  net::basic_waitable_timer<std::chrono::steady_clock, net::wait_traits<std::chrono::steady_clock>, executor> timer;
  std::chrono::nanoseconds allowed{0};
  unsigned watches = 0;  ///< an expiry of an earlier wait does not count
  bool expired = false;
};

line_stream::line_stream(executor on, endpoint const& server, stream_limits limits)
    : servers_(server), limits_(limits), transport_(std::make_shared<timed_transport>(on)) {}

line_stream::~line_stream() {
  close();
}

error line_stream::at_server(error_kind kind, std::string_view what) const {
  return {kind, server().url() + ": " + std::string(what), {}};
}

error line_stream::broken(error_code why, std::string_view what) const {
  if (transport_->expired)
    return at_server(error_kind::timeout, "nothing came within " + protocol::format_duration(transport_->allowed));
  return at_server(kind_of(why), std::string(what) + ": " + why.message());
}

void line_stream::close() {
  transport_->rest();
  transport_->bytes.close();
}

awaitable<result<void>> line_stream::connect() {
  transport_->expire_after(limits_.connect);
  net::ip::basic_resolver<net::ip::tcp, executor> resolver(transport_->timer.get_executor());
  auto [unknown, addresses] = co_await resolver.async_resolve(server().host, server().port, as_result);
  if (unknown && !transport_->expired)
    co_return at_server(error_kind::unresolved, "there is no such host: " + unknown.message());
  if (transport_->expired) co_return broken(unknown, "");
  auto [failed, reached] = co_await net::async_connect(transport_->bytes.socket(), addresses, as_result);
  if (transport_->expired)
    co_return at_server(error_kind::timeout, "no connection within " + protocol::format_duration(limits_.connect));
  if (failed) {
    auto const kind = kind_of(failed);
    co_return at_server(kind, kind == error_kind::refused ? "connection refused; is holdfast-server running there?"
                                                          : "can't connect: " + failed.message());
  }
  transport_->bytes.set_options();
  auto secured = co_await transport_->bytes.secure(server());
  if (transport_->expired)
    co_return at_server(error_kind::timeout, "no connection within " + protocol::format_duration(limits_.connect));
  co_return secured;
}

awaitable<result<void>> line_stream::open(std::string target, std::string fields) {
  std::vector<client::error> failures;
  for (auto left = servers_.count(); left > 0; --left) {
    result<void> opened;
    if (servers_.count() > 1 && limits_.probes) {
      opened = co_await open_unless_silent(target, fields);
    } else {
      opened = co_await open_at_one(target, fields);
    }
    if (opened) co_return opened;
    auto const& failed = failures.emplace_back(opened.error());
    if (servers_.count() == 1 || failed.kind == error_kind::untrusted || (failed.refused && !is_for_another(failed)))
      co_return opened;
    servers_.go_on();
  }
  co_return joined(failures);
}

awaitable<result<void>> line_stream::open_unless_silent(std::string const& target, std::string const& fields) {
  auto work = open_at_one(target, fields);
  auto silence = until_silent(transport_->timer.get_executor(), server());
  auto either = std::move(work) || std::move(silence);
  auto outcome = co_await std::move(either);
  if (auto* const done = std::get_if<0>(&outcome)) co_return std::move(*done);
  close();
  co_return std::get<1>(outcome);
}

awaitable<result<void>> line_stream::open_at_one(std::string const& target, std::string const& fields) {
  close();
  unread_.clear();
  searched_ = 0;
  transport_->expired = false;
  auto connected = co_await connect();
  if (!connected) {
    close();
    co_return connected;
  }
  transport_->expire_after(limits_.answer);
  auto const request = "GET " + target + " HTTP/1.0\r\nHost: " + server().authority +
                       "\r\nUser-Agent: holdfast/" HOLDFAST_VERSION "\r\n" + authorization_field(server()) + fields +
                       "\r\n";
  std::array const parts{net::const_buffer(net::buffer(request))};
  auto const [failed, sent] = co_await transport_->bytes.write(parts);
  if (failed) co_return broken(failed, "can't send");

  auto const silence = std::exchange(limits_.silence, limits_.answer);  // the head counts as one piece
  auto head = co_await read_up_to("\r\n\r\n");
  limits_.silence = silence;
  if (!head) co_return head.error();
  answer_message refused;
  refused.status = *head ? status_of(**head) : 0;
  if (!*head) co_return at_server(error_kind::reset, "the connection ended without an answer");
  if (refused.status == 0) co_return at_server(error_kind::bad_answer, "this is no HTTP server");
  if (refused.status == 200) co_return boost::system::in_place_value;

  refused.content = content_kind::problem_json;
  refused.body = co_await refusal_content(**head);
  close();
  co_return refused_by(refused);
}

/// What can be had of it in time: the status says enough.
awaitable<std::string> line_stream::refusal_content(std::string_view head) {
  auto const wanted = refusal_bytes(head);
  transport_->expire_after(limits_.answer);
  while (unread_.size() < wanted) {
    auto const [failed, bytes] = co_await transport_->bytes.read_some(piece_);
    unread_.append(piece_.data(), bytes);
    if (failed) break;
  }
  transport_->rest();
  co_return unread_.substr(0, wanted);
}

/// Takes the text before `end` from the stream; nullopt if the stream ends first.
awaitable<result<std::optional<std::string>>> line_stream::read_up_to(std::string_view end) {
  for (;;) {
    auto const at = unread_.find(end, searched_);
    if (at != std::string::npos) {
      std::optional<std::string> text(std::in_place, unread_, 0, at);
      unread_.erase(0, at + end.size());
      searched_ = 0;
      co_return text;
    }
    searched_ = unread_.size() - std::min(unread_.size(), end.size() - 1);
    if (unread_.size() > line_bytes_max) co_return at_server(error_kind::bad_answer, "a line is too long");
    transport_->expire_after(limits_.silence);
    auto const [failed, bytes] = co_await transport_->bytes.read_some(piece_);
    transport_->rest();
    unread_.append(piece_.data(), bytes);
    if (failed == net::error::eof) co_return std::optional<std::string>();
    if (failed) co_return broken(failed, "the connection broke");
  }
}

awaitable<result<std::optional<std::string>>> line_stream::next() {
  auto line = co_await read_up_to("\n");
  // The next attempt would meet the same silence.
  if (!line && transport_->expired) servers_.go_on();
  co_return line;
}

}  // namespace holdfast::client
