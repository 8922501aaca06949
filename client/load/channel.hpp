#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/answer_parser.hpp"
#include "client/endpoint.hpp"
#include "client/load/poller.hpp"
#include "client/load/workload.hpp"
#include "tls/stream.hpp"

namespace holdfast::client::load {

using clock = std::chrono::steady_clock;
using time_point = clock::time_point;

/// A sent request without an answer so far.
struct outstanding_request {
  planned_request what{};
  time_point started;  ///< origin of its latency
  time_point sent;
  std::uint64_t record = 0;  ///< its index in the verification's record, if there is one
};

enum class channel_state { closed, connecting, open };

/// One connection of the load generator: a non-blocking socket, requests in flight in order, and a buffer for unsent
/// bytes. Never waits; the owner polls. Every failure is returned once and closes the channel; the requests that were
/// in flight are then in lost(). Not thread-safe.
class channel {
 public:
  /// `token` identifies the channel in `poller`, which must outlive it.
  channel(load::poller& poller, std::uint32_t token);
  ~channel();
  channel(channel&&) noexcept;
  channel& operator=(channel&&) = delete;

  /// Starts to connect. The channel is open when on_writable() has returned nullopt.
  /// @param named the endpoint of its URL, with the TLS settings. @param context for TLS; null for plain HTTP
  std::optional<error_kind> connect(boost::asio::ip::tcp::endpoint const& server, endpoint const& named,
                                    tls::context const& context);
  /// Continues connecting or sending. While a TLS connection is being set up, call it also when readable.
  std::optional<error_kind> on_writable();

  /// Registers a request whose bytes the caller appends to outbox(); flush() sends them.
  void push(outstanding_request const& request);
  std::string& outbox() { return outbox_; }
  std::optional<error_kind> flush();

  /// Reads once into `buffer` and calls `sink(outstanding_request, answer_message const&)` for every complete answer.
  /// The sink must not use the channel. Returns error_kind::reset if the peer ended the connection or announced that.
  template <class Sink>
  std::optional<error_kind> receive(std::span<char> buffer, Sink&& sink);

  void close();
  /// Closes the connection because no answer arrived in time; lost() then has the requests in flight.
  void give_up();

  [[nodiscard]] std::uint32_t token() const { return token_; }
  [[nodiscard]] channel_state state() const { return state_; }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_.size() - first_; }
  template <class Visit>
  void for_each_in_flight(Visit visit) const {
    for (auto at = first_; at < in_flight_.size(); ++at) visit(in_flight_[at]);
  }
  /// Requests left unanswered by the last failure, oldest first. Valid until the next connect().
  [[nodiscard]] std::span<outstanding_request const> lost() const { return lost_; }
  /// The oldest request in flight. There must be one.
  [[nodiscard]] outstanding_request const& oldest() const { return in_flight_[first_]; }

  /// True if an answer has arrived since the last connect().
  [[nodiscard]] bool used() const { return used_; }

  std::size_t server_number = 0;  ///< for the owner: index of its server
  time_point due;                 ///< for the owner: when to connect again, or to stop connecting
  bool is_listed = false;         ///< for the owner: in the list of channels that can take a request

 private:
  std::optional<error_kind> fail(error_kind kind);
  std::optional<error_kind> shake_hands();
  std::optional<error_kind> flush_tls();
  std::optional<error_kind> on_text(std::string_view text, auto& sink);
  std::string_view read(std::span<char> buffer, std::optional<error_kind>& failed);
  void want(std::uint32_t events);
  outstanding_request pop();

  load::poller* poller_;
  std::uint32_t token_;
  int socket_ = -1;
  std::optional<tls::stream> tls_;
  channel_state state_ = channel_state::closed;
  std::uint32_t wanted_ = 0;
  std::string outbox_;
  std::size_t sent_ = 0;  ///< offset in outbox_
  std::vector<outstanding_request> in_flight_;
  std::size_t first_ = 0;  ///< index of the oldest in in_flight_
  std::vector<outstanding_request> lost_;
  bool used_ = false;
  answer_parser parser_;
};

template <class Sink>
std::optional<error_kind> channel::receive(std::span<char> buffer, Sink&& sink) {
  std::optional<error_kind> failed;
  // Data already buffered by TLS does not make the socket readable.
  do {
    auto const text = read(buffer, failed);
    if (failed) return fail(*failed);
    failed = on_text(text, sink);
  } while (!failed && tls_ && tls_->has_unread());
  return failed;
}

std::optional<error_kind> channel::on_text(std::string_view text, auto& sink) {
  while (!text.empty()) {
    if (in_flight() == 0) return fail(error_kind::bad_answer);
    auto const used = parser_.feed(text);
    if (!used) return fail(error_kind::bad_answer);
    text.remove_prefix(*used);
    if (!parser_.done()) break;
    sink(pop(), parser_.message());
    auto const ends = !parser_.message().keep_alive;
    parser_.start();
    if (ends) return fail(error_kind::reset);
  }
  return std::nullopt;
}

}  // namespace holdfast::client::load
