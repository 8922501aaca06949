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
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(5);  ///< includes the name resolution
  std::optional<std::chrono::nanoseconds> request_timeout;             ///< includes connecting; nullopt for no limit
  std::uint64_t value_bytes_max = 64 * 1024 * 1024;
};

/// The answer to a successful request.
struct answer {
  unsigned status = 0;
  std::string value;                            ///< the exact JSON text; empty if the answer had none
  std::string etag;                             ///< as in the field, with quotes; empty after a del
  std::optional<std::uint64_t> revision;        ///< from the ETag, else from Holdfast-Revision
  std::optional<protocol::lock_timing> timing;  ///< nullopt if the answer had no Server-Timing
  std::optional<double> ttl_s;                  ///< seconds until the key expires; nullopt if it does not
  bool replayed = false;  ///< true for the stored answer to an earlier request with this idempotency key
};

/// The addresses of a server: looked up unless the host is an address.
awaitable<result<std::vector<boost::asio::ip::tcp::endpoint>>> look_up(executor on, endpoint server);

/// How an import handles existing keys.
enum class if_exists { replace, skip, fail };

/// Returns the next piece of the content; empty at the end.
using content_source = std::function<awaitable<result<std::string>>()>;

/// One connection to a server, opened on first use and kept open. If the server has closed a kept connection before any
/// byte of an answer arrived, the request is sent once more over a new connection (RFC 9112 §9.3.1), provided that
/// repeating it is safe: a read; a put or del without a condition; anything with an idempotency key. Errors other than
/// refusals close the connection; the next request opens a new one.
///
/// With several servers (endpoint::others), a request is sent to the next one if a server cannot be reached or answers
/// 503 `no_leader` or `draining`. If no answer came, so that the outcome is unknown, it is sent again only if it is a
/// read, has a condition or an idempotency key, or concerns a ticket; any other is sent over a new connection only
/// after GET /livez was answered. Each server is asked once, with the whole timeout. Without a timeout, a server that
/// is silent is asked GET /livez, and given up after a few seconds if it does not answer that. The one that answered is
/// asked first next time.
///
/// For one coroutine at a time, on the given executor. The connection must outlive each call. Destroying it or its
/// io_context ends a pending call.
class connection {
 public:
  connection(executor on, connection_settings settings);

  /// Opens the connection now instead of on the first request.
  awaitable<result<void>> connect();

  // If a condition of `options` is not met, the error has kind status, status 412, and the current tag in its refusal.

  /// The value under `key`. A missing key is an error of kind status with code key_not_found. Status 304 without a
  /// value if options.if_none_match names the current version. @param wait waits up to this long for the key to exist
  awaitable<result<answer>> get(std::string key, request_options options = {},
                                std::optional<std::chrono::nanoseconds> wait = {});
  /// Stores `value`, a JSON text. Status 201 if the key is new, 204 if a value was replaced.
  awaitable<result<answer>> put(std::string key, std::string value, request_options options = {});
  /// Removes `key`. A missing key is an error of kind status with code key_not_found.
  awaitable<result<answer>> del(std::string key, request_options options = {});
  /// Applies a patch to the value. A missing key is an error with code key_not_found; a patch that does not fit the
  /// value, with code patch_conflict.
  awaitable<result<answer>> patch(std::string key, patch_kind kind, std::string patch, request_options options = {});
  /// Adds to a number; answer::value is the result. Error codes not_an_integer and out_of_range.
  awaitable<result<answer>> add(std::string key, increment change, request_options options = {});
  /// Changes the key's expiry to options.ttl; time_to_live::never() removes it.
  awaitable<result<answer>> touch(std::string key, request_options options);

  /// Returns one page of keys.
  awaitable<result<listing>> list(list_query asked, request_options options = {});
  /// Removes up to `limit` keys that begin with `prefix`; the result says whether there are more. An empty prefix,
  /// which removes everything, is refused unless `all`.
  awaitable<result<removal>> remove(std::string prefix, unsigned limit = 1000, bool all = false,
                                    request_options options = {});
  /// Executes several operations as one transaction. A failed check is an error with status 412 and code check_failed.
  awaitable<result<transaction_results>> transact(transaction operations, request_options options = {});
  /// The same, with request and answer as JSON text.
  awaitable<result<answer>> transact_json(std::string body, request_options options = {});
  /// Sends the lines of an export, or equivalent lines, until `lines` ends. answer::value contains the counts.
  awaitable<result<answer>> import(content_source lines, if_exists existing, request_options options = {});

  // A ticket that no longer exists is an error of kind status, 410, with code lease_expired.

  /// Requests a named lock. Error codes lock_held, if it must not wait, and deadlock.
  awaitable<result<lock_ticket>> ask_for_lock(lock_query asked);
  /// The state of a ticket once it is granted, or after `wait`.
  awaitable<result<lock_ticket>> look_at_ticket(std::string lock, std::string id, std::chrono::nanoseconds wait);
  /// Renews the lease of a ticket.
  awaitable<result<lock_ticket>> keep_ticket(std::string lock, std::string id);
  awaitable<result<answer>> release_ticket(std::string lock, std::string id);

  /// Gets any other JSON resource of the server.
  awaitable<result<answer>> fetch(std::string target);

  void close();
  /// The server that is asked, or was asked last.
  [[nodiscard]] endpoint const& server() const noexcept { return servers_.current(); }
  /// True if a part of the last request was sent to any server, so that it may have been executed.
  [[nodiscard]] bool has_sent() const noexcept { return has_sent_; }
  [[nodiscard]] bool is_open() const { return transport_.is_open(); }
  /// The address of the last successful connect.
  [[nodiscard]] boost::asio::ip::tcp::endpoint peer() const { return peer_; }

 private:
  using tcp = boost::asio::ip::tcp;
  using clock = std::chrono::steady_clock;
  struct outgoing {
    std::string head;
    std::string body;
    content_source more;               ///< sent in chunks after the header, instead of a body; empty for none
    bool is_repeatable = false;        ///< repeating the request is safe
    bool needs_living_server = false;  ///< sent only to a server that answers: nobody else could be asked afterwards
  };
  /// A request before it is written as text, and the expected statuses.
  struct call {
    char const* method;
    std::string target;
    std::string body{};
    char const* content_type = nullptr;     ///< null: none, or that of a put
    std::array<unsigned, 3> statuses{200};  ///< statuses of success
    bool is_idempotent = false;
    bool may_come_late = false;  ///< repeating it has no further effect, whatever others have done meanwhile
    content_source more{};
  };

  awaitable<result<answer>> run(call asked, request_options options);
  awaitable<result<answer>> run_at_one(call const& asked, std::string const& fields, outgoing& message);
  awaitable<result<lock_ticket>> run_on_ticket(call asked);
  awaitable<result<answer>> run_on_key(std::string key, call asked, request_options options);
  awaitable<result<void>> exchange(outgoing const& request);
  awaitable<result<void>> exchange_unless_silent(outgoing const& request);
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
  bool is_sent_ = false;   // part of the request to the present server
  bool has_sent_ = false;  // to any server
  answer_parser parser_;
  tcp::endpoint peer_;
};

}  // namespace holdfast::client
