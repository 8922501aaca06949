#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/access/access_control.hpp"
#include "server/api/requests.hpp"
#include "server/api/route_access.hpp"
#include "server/http/request_handler.hpp"
#include "server/insight/request_counters.hpp"

namespace holdfast::server {

/// Decides for one handler whether a request may be served, before it joins the lock's queue, and writes the logs.
/// Requests follow each other: begin(), then refuse() and the functions after it, then end(). One thread.
class gatekeeper {
 public:
  using clock = std::chrono::steady_clock;

  explicit gatekeeper(access_control& control) noexcept : control_(control) {}

  /// Identifies the client. `head` and `client` are used only during the call.
  void begin(request_head const& head, peer_address const& client);

  /// Whether a plain GET of a key may be served. @return false also if refuse() must give the reason.
  [[nodiscard]] bool lets_read(std::string_view key);

  /// Why a request may not be served: 429, 401 or 403. @param default_hold of its method; a default hold needs no
  /// scope.
  [[nodiscard]] std::optional<reply> refuse(route_kind kind, need needed, routed const& request,
                                            nanoseconds default_hold);

  /// The same for a transaction, after its body has arrived.
  [[nodiscard]] std::optional<reply> refuse_parts(transaction const& all) const;

  /// The same for a key of an import.
  [[nodiscard]] std::optional<protocol::failure> refuse_item(std::string_view key) const;

  /// Whether the client may see who holds a named lock and who waits for it.
  [[nodiscard]] bool lets_see_lock(std::string_view lock) const;

  /// True if the server requires tokens and the request has no valid one.
  [[nodiscard]] bool is_stranger() const noexcept { return control_.tokens != nullptr && token_ == nullptr; }

  /// An idempotency key as the server stores it: each token has its own keys, invisible to other tokens.
  [[nodiscard]] std::string own_name_of(std::string&& key) const;

  /// Reserves a stream of the client.
  class stream_place {
   public:
    explicit stream_place(gatekeeper& of) : streams_(of.control_.streams), client_(of.client_) {
      is_taken_ = streams_.add(client_);
    }
    ~stream_place() {
      if (is_taken_) streams_.remove(client_);
    }
    stream_place(stream_place const&) = delete;
    stream_place& operator=(stream_place const&) = delete;
    [[nodiscard]] bool is_taken() const noexcept { return is_taken_; }

   private:
    per_client_count& streams_;
    client_id const client_;
    bool is_taken_ = false;
  };

  /// Reports how the request used the lock.
  void used_lock(protocol::lock_timing const& timing) noexcept {
    wait_ += timing.wait;
    hold_ += timing.hold;
  }
  /// The same within a stream, which may never end: charged at once.
  void used_lock_in_stream(protocol::lock_timing const& timing);
  /// Reports how many lines an import has stored or skipped.
  void imported(std::size_t items) noexcept { items_ += items; }

  /// Reports that the request was answered, or that its connection ended before (status 499). @param data what it was
  /// about; may be null.
  void end(route_kind kind, routed const& request, answered_request const& done);

 private:
  enum class doubt : std::uint8_t { none, no_token, no_bearer, unknown, expired };
  struct memo {
    std::uint64_t credentials = 0;
    token const* known = nullptr;
    doubt why = doubt::none;
  };

  void identify(request_head const& head);
  [[nodiscard]] std::optional<reply> refuse_rate();
  [[nodiscard]] std::optional<reply> refuse_need(need needed, routed const& request, nanoseconds default_hold) const;
  [[nodiscard]] std::optional<reply> refuse_data(data_request const& request, nanoseconds default_hold) const;
  [[nodiscard]] std::optional<reply> refuse_scope(scope what, std::string_view prefix) const;
  [[nodiscard]] reply refuse_doubt() const;
  void write_audit(route_kind kind, routed const& request, answered_request const& done);
  void write_request(answered_request const& done);

  access_control& control_;
  std::uint64_t generation_ = 0;
  std::shared_ptr<token_set const> tokens_;  // the tokens valid when the request began
  std::array<memo, 8> memos_;                // cache of earlier authorizations, by number

  // State of the request.
  client_id client_;
  token const* token_ = nullptr;
  doubt why_ = doubt::none;
  bool is_admitted_ = false;  // counted against its rate
  nanoseconds wait_{}, hold_{};
  nanoseconds charged_hold_{};  // of that, what has been charged
  std::size_t items_ = 0;
  std::string path_;  // without the query, which may contain secrets by mistake
};

}  // namespace holdfast::server
