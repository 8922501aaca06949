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

/// A request that has been sent and not yet answered.
struct outstanding_request {
  planned_request what{};
  time_point started;  ///< what its latency counts from
  time_point sent;
  std::uint64_t record = 0;  ///< its number in what verifies the run, if anything does
};

enum class channel_state { closed, connecting, open };

/// One connection of the load generator: a non-blocking socket, requests in flight in order, a buffer for what is not
/// sent yet. Nothing here waits; the owner polls. Each failure is returned once and leaves the channel closed, with the
/// requests that were in flight in lost(). Not thread-safe.
class channel {
 public:
  /// `token` stands for the channel in `poller`, which must outlive it.
  channel(load::poller& poller, std::uint32_t token);
  ~channel();
  channel(channel&&) noexcept;
  channel& operator=(channel&&) = delete;

  /// Starts to connect. The channel is open when on_writable() has returned nothing.
  /// @param named what its URL says, with its TLS. @param context of that; null: plain HTTP
  std::optional<error_kind> connect(boost::asio::ip::tcp::endpoint const& server, endpoint const& named,
                                    tls::context const& context);
  /// Goes on connecting, with TLS also when it is readable, or sending.
  std::optional<error_kind> on_writable();

  /// Queues a request whose bytes the caller appends to outbox(); flush() sends.
  void push(outstanding_request const& request);
  std::string& outbox() { return outbox_; }
  std::optional<error_kind> flush();

  /// Reads once into `buffer` and calls `sink(outstanding_request, answer_message const&)` for each complete answer.
  /// The sink must not touch the channel. error_kind::reset: the peer ended the connection, or said that it will.
  template <class Sink>
  std::optional<error_kind> receive(std::span<char> buffer, Sink&& sink);

  void close();
  /// Closes because no answer came in time; lost() has what was in flight.
  void give_up();

  [[nodiscard]] std::uint32_t token() const { return token_; }
  [[nodiscard]] channel_state state() const { return state_; }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_.size() - first_; }
  template <class Visit>
  void for_each_in_flight(Visit visit) const {
    for (auto at = first_; at < in_flight_.size(); ++at) visit(in_flight_[at]);
  }
  /// The requests that the last failure left without an answer, oldest first; until the next connect().
  [[nodiscard]] std::span<outstanding_request const> lost() const { return lost_; }
  /// The oldest request in flight; only while there is one.
  [[nodiscard]] outstanding_request const& oldest() const { return in_flight_[first_]; }

  /// Whether an answer has come since it was last connected.
  [[nodiscard]] bool used() const { return used_; }

  std::size_t server_number = 0;  ///< the owner's: which of the servers
  time_point due;                 ///< the owner's: when to connect again, or to give up connecting
  bool is_listed = false;         ///< the owner's: whether it is in the list of those that may take a request

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
  std::size_t sent_ = 0;  ///< of outbox_
  std::vector<outstanding_request> in_flight_;
  std::size_t first_ = 0;  ///< the oldest of in_flight_
  std::vector<outstanding_request> lost_;
  bool used_ = false;
  answer_parser parser_;
};

template <class Sink>
std::optional<error_kind> channel::receive(std::span<char> buffer, Sink&& sink) {
  std::optional<error_kind> failed;
  // What TLS has already makes the socket readable no more.
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
