#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "client/answer_parser.hpp"
#include "client/endpoint.hpp"
#include "client/error.hpp"
#include "client/request.hpp"

namespace holdfast::client {

using executor = boost::asio::io_context::executor_type;

template <class T>
using awaitable = boost::asio::awaitable<T, executor>;

struct connection_settings {
  endpoint server;
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(5);  ///< name look-up included
  std::optional<std::chrono::nanoseconds> request_timeout;             ///< connecting included; empty: no limit
  std::uint64_t value_bytes_max = 64 * 1024 * 1024;
};

/// What a successful request brought.
struct answer {
  unsigned status = 0;
  std::string value;                            ///< of a get: the JSON text, byte for byte as it was put
  std::string etag;                             ///< as it stands in the field, quotes included; empty after a del
  std::optional<std::uint64_t> revision;        ///< out of the ETag
  std::optional<protocol::lock_timing> timing;  ///< empty when the answer had no Server-Timing
};

/// One connection to a server, opened when it is first needed and kept open. Get, put and del are idempotent, so when
/// the server has closed a kept connection and not a byte of an answer came, the request is sent once more over a new
/// one (RFC 9112 §9.3.1). An error other than a refusal closes the connection; the next request opens another.
///
/// For one coroutine at a time, on the executor given. The connection must outlive each call; destroying it or its
/// io_context ends a call that is under way.
class connection {
 public:
  connection(executor on, connection_settings settings);

  /// Opens the connection now rather than with the first request.
  awaitable<result<void>> connect();

  /// The value under `key`. A missing key is an error of kind status with code key_not_found.
  awaitable<result<answer>> get(std::string key, lock_wishes wishes = {});
  /// Stores `value`, a JSON text. Status 201 when the key is new, 204 when a value was replaced.
  awaitable<result<answer>> put(std::string key, std::string value, lock_wishes wishes = {});
  /// Removes `key`. A missing key is an error of kind status with code key_not_found.
  awaitable<result<answer>> del(std::string key, lock_wishes wishes = {});

  void close();
  [[nodiscard]] bool is_open() const { return socket_.is_open(); }
  /// The address that the last successful connect reached.
  [[nodiscard]] boost::asio::ip::tcp::endpoint peer() const { return peer_; }

 private:
  using tcp = boost::asio::ip::tcp;
  using clock = std::chrono::steady_clock;
  enum class request_kind { get, put, del };
  struct outgoing {
    std::string head;
    std::string body;
  };

  awaitable<result<answer>> run(request_kind kind, std::string key, std::string value, lock_wishes wishes);
  awaitable<result<void>> exchange(outgoing const& request);
  awaitable<result<void>> exchange_within(outgoing const& request, std::chrono::nanoseconds limit);
  awaitable<result<void>> send_and_receive(outgoing const& request);
  awaitable<result<void>> receive();
  awaitable<result<void>> open();
  awaitable<void> pass(std::chrono::nanoseconds time);
  [[nodiscard]] bool peer_has_left();
  [[nodiscard]] result<answer> accept(request_kind kind);
  [[nodiscard]] error at_server(error_kind kind, std::string_view what) const;

  boost::asio::basic_stream_socket<tcp, executor> socket_;
  boost::asio::basic_waitable_timer<clock, boost::asio::wait_traits<clock>, executor> timer_;
  connection_settings settings_;
  answer_parser parser_;
  tcp::endpoint peer_;
};

}  // namespace holdfast::client
