#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client/answer_parser.hpp"
#include "client/endpoint.hpp"
#include "client/error.hpp"
#include "client/listing.hpp"
#include "client/named_lock.hpp"
#include "client/request.hpp"
#include "client/server_choice.hpp"
#include "client/transaction.hpp"
#include "client/transport.hpp"

namespace holdfast::client {

struct connection_settings {
  endpoint server;
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(5);  ///< name look-up included
  std::optional<std::chrono::nanoseconds> request_timeout;             ///< connecting included; empty: no limit
  std::uint64_t value_bytes_max = 64 * 1024 * 1024;
};

/// What a successful request brought.
struct answer {
  unsigned status = 0;
  std::string value;                            ///< the JSON text, byte for byte; empty where the answer had none
  std::string etag;                             ///< as it stands in the field, quotes included; empty after a del
  std::optional<std::uint64_t> revision;        ///< out of the ETag, else Holdfast-Revision
  std::optional<protocol::lock_timing> timing;  ///< empty when the answer had no Server-Timing
  std::optional<double> ttl_s;                  ///< seconds until the key expires; empty: it does not
  bool replayed = false;                        ///< the stored answer to an earlier request with this idempotency key
};

/// The addresses of a server: looked up, unless the host is an address already.
awaitable<result<std::vector<boost::asio::ip::tcp::endpoint>>> look_up(executor on, endpoint server);

/// What an import does with a key that exists.
enum class if_exists { replace, skip, fail };

/// The next piece of what is sent; empty at the end.
using content_source = std::function<awaitable<result<std::string>>()>;

/// One connection to a server, opened when it is first needed and kept open. When the server has closed a kept
/// connection and not a byte of an answer came, a request is sent once more over a new one (RFC 9112 §9.3.1), if doing
/// it twice does no harm: a read; a put or del without a condition; anything with an idempotency key. An error other
/// than a refusal closes the connection; the next request opens another.
///
/// Where there are other servers (endpoint::others), a request goes on at the next one when one can't be reached, or
/// refuses with 503 `no_leader` or `draining`; and when no answer came, so that nobody knows whether it was done, if it
/// is a read, has a condition or an idempotency key, or concerns a ticket. Each is asked once, and gets the whole
/// timeout. The one that answered is asked first the next time.
///
/// For one coroutine at a time, on the executor given. The connection must outlive each call; destroying it or its
/// io_context ends a call that is under way.
class connection {
 public:
  connection(executor on, connection_settings settings);

  /// Opens the connection now rather than with the first request.
  awaitable<result<void>> connect();

  // A condition of `options` that does not hold is an error of kind status, 412, with the present tag in its refusal.

  /// The value under `key`. A missing key is an error of kind status with code key_not_found. Status 304, without a
  /// value, where options.if_none_match names the present one. @param wait until then, or until the key exists
  awaitable<result<answer>> get(std::string key, request_options options = {},
                                std::optional<std::chrono::nanoseconds> wait = {});
  /// Stores `value`, a JSON text. Status 201 when the key is new, 204 when a value was replaced.
  awaitable<result<answer>> put(std::string key, std::string value, request_options options = {});
  /// Removes `key`. A missing key is an error of kind status with code key_not_found.
  awaitable<result<answer>> del(std::string key, request_options options = {});
  /// Changes the value by a patch. A missing key is an error with code key_not_found, a patch that does not fit the
  /// value one with code patch_conflict.
  awaitable<result<answer>> patch(std::string key, patch_kind kind, std::string patch, request_options options = {});
  /// Adds to a number; answer::value is the new one. Codes not_an_integer and out_of_range.
  awaitable<result<answer>> add(std::string key, increment change, request_options options = {});
  /// Sets when the key expires, or with time_to_live::never() that it doesn't, as options.ttl says.
  awaitable<result<answer>> touch(std::string key, request_options options);

  /// A page of keys.
  awaitable<result<listing>> list(list_query asked, request_options options = {});
  /// Removes keys that begin with `prefix`, at most `limit` at once; the answer says whether there are more. An empty
  /// prefix, which removes everything, is refused unless `all`.
  awaitable<result<removal>> remove(std::string prefix, unsigned limit = 1000, bool all = false,
                                    request_options options = {});
  /// Does several operations together. A check that fails is an error with status 412 and code check_failed.
  awaitable<result<transaction_results>> transact(transaction operations, request_options options = {});
  /// The same with the body of the request as JSON text, and of the answer.
  awaitable<result<answer>> transact_json(std::string body, request_options options = {});
  /// Sends the lines of an export or lines like them as long as `lines` has any. answer::value has the counts.
  awaitable<result<answer>> import(content_source lines, if_exists existing, request_options options = {});

  // A ticket that is no longer there is an error of kind status, 410, with code lease_expired.

  /// Asks for a named lock. Codes lock_held, where it must not wait, and deadlock.
  awaitable<result<lock_ticket>> ask_for_lock(lock_query asked);
  /// How a ticket stands, when it is granted or after `wait`.
  awaitable<result<lock_ticket>> look_at_ticket(std::string lock, std::string id, std::chrono::nanoseconds wait);
  /// Its lease begins anew.
  awaitable<result<lock_ticket>> keep_ticket(std::string lock, std::string id);
  awaitable<result<answer>> release_ticket(std::string lock, std::string id);

  /// Any other JSON resource of the server.
  awaitable<result<answer>> fetch(std::string target);

  void close();
  /// The server that is asked, or was asked last.
  [[nodiscard]] endpoint const& server() const noexcept { return servers_.current(); }
  [[nodiscard]] bool is_open() const { return transport_.is_open(); }
  /// The address that the last successful connect reached.
  [[nodiscard]] boost::asio::ip::tcp::endpoint peer() const { return peer_; }

 private:
  using tcp = boost::asio::ip::tcp;
  using clock = std::chrono::steady_clock;
  struct outgoing {
    std::string head;
    std::string body;
    content_source more;         ///< sent behind the head in chunks, instead of a body; empty: nothing
    bool is_repeatable = false;  ///< doing it twice at once is as good as once
  };
  /// A request before it is text, and what its answer may be.
  struct call {
    char const* method;
    std::string target;
    std::string body{};
    char const* content_type = nullptr;     ///< null: none, or that of a put
    std::array<unsigned, 3> statuses{200};  ///< that mean success
    bool is_idempotent = false;
    bool may_come_late = false;  ///< doing it again is as good as once, whatever others have done meanwhile
    content_source more{};
  };

  awaitable<result<answer>> run(call asked, request_options options);
  awaitable<result<answer>> run_at_one(call const& asked, std::string const& fields, outgoing& message);
  awaitable<result<lock_ticket>> run_on_ticket(call asked);
  awaitable<result<answer>> run_on_key(std::string key, call asked, request_options options);
  awaitable<result<void>> exchange(outgoing const& request);
  awaitable<result<void>> exchange_within(outgoing const& request, std::chrono::nanoseconds limit);
  awaitable<result<void>> send_and_receive(outgoing const& request);
  awaitable<result<void>> send_chunks_and_receive(content_source const& source);
  awaitable<result<void>> send_chunks(content_source const& source, bool& all_sent);
  awaitable<result<void>> receive_beside(bool const& all_sent);
  awaitable<result<void>> receive();
  awaitable<result<void>> open();
  awaitable<result<void>> connect_to_one();
  awaitable<void> pass(std::chrono::nanoseconds time);
  [[nodiscard]] result<answer> accept(call const& asked);
  [[nodiscard]] error at_server(error_kind kind, std::string_view what) const;

  transport transport_;
  boost::asio::basic_waitable_timer<clock, boost::asio::wait_traits<clock>, executor> timer_;
  connection_settings settings_;
  server_choice servers_;
  bool is_sent_ = false;  // some of the request
  answer_parser parser_;
  tcp::endpoint peer_;
};

}  // namespace holdfast::client
