#include "server/cluster/etcd_client.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "tls/context.hpp"
#include "tls/stream.hpp"

namespace holdfast::server {

namespace {

using json = nlohmann::json;
using clock = std::chrono::steady_clock;

// --- the gateway's JSON --------------------------------------------------------------------------------------------

std::string to_base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  auto const length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<unsigned char const*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::string from_base64(std::string_view text) {
  std::string bytes(text.size() / 4 * 3, '\0');
  auto const length =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<unsigned char const*>(text.data()), static_cast<int>(text.size()));
  if (length < 0) throw etcd_error(etcd_error::kind::refused, "etcd sent a value that is not base64");
  // OpenSSL decodes the padding as zeros.
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  bytes.resize(static_cast<std::size_t>(length) - padding);
  return bytes;
}

/// The gateway writes 64-bit numbers as strings and omits zeros.
std::int64_t number_of(json const& from, char const* name) {
  auto const found = from.find(name);
  if (found == from.end()) return 0;
  if (found->is_number_integer()) return found->get<std::int64_t>();
  if (!found->is_string()) return 0;
  auto const& text = found->get_ref<std::string const&>();
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string bytes_of(json const& from, char const* name) {
  auto const found = from.find(name);
  return found != from.end() && found->is_string() ? from_base64(found->get_ref<std::string const&>()) : std::string();
}

std::string text_of(json const& from, char const* name) {
  auto const found = from.find(name);
  return found != from.end() && found->is_string() ? found->get<std::string>() : std::string();
}

etcd_entry entry_of(json const& kv) {
  return {.key = bytes_of(kv, "key"),
          .value = bytes_of(kv, "value"),
          .create_revision = number_of(kv, "create_revision"),
          .mod_revision = number_of(kv, "mod_revision")};
}

json json_of(etcd_check const& check) {
  auto const is_create = check.which == etcd_check::number::create_revision;
  return {{"key", to_base64(check.key)},
          {"target", is_create ? "CREATE" : "MOD"},
          {"result", "EQUAL"},
          {is_create ? "create_revision" : "mod_revision", std::to_string(check.is)}};
}

json json_of(etcd_step const& step) {
  json what{{"key", to_base64(step.key)}};
  if (!step.range_end.empty()) what["range_end"] = to_base64(step.range_end);
  switch (step.what) {
    case etcd_step::kind::put:
      what["value"] = to_base64(step.value);
      if (step.lease != 0) what["lease"] = std::to_string(step.lease);
      return {{"request_put", std::move(what)}};
    case etcd_step::kind::remove:
      return {{"request_delete_range", std::move(what)}};
    case etcd_step::kind::read:
      break;
  }
  return {{"request_range", std::move(what)}};
}

// --- one connection ------------------------------------------------------------------------------------------------

/// Thrown within this file if a connection fails.
struct broken {
  std::string why;
};

struct url {
  std::string text, host, port;
  bool is_tls = false;
};

url parse_url(std::string const& text) {
  url parsed;
  parsed.text = text;
  std::string_view rest = text;
  if (rest.starts_with("https://")) parsed.is_tls = true;
  if (!parsed.is_tls && !rest.starts_with("http://"))
    throw std::invalid_argument("'" + text + "' is no URL of etcd; write http://HOST:PORT or https://HOST:PORT");
  rest.remove_prefix(parsed.is_tls ? 8 : 7);
  while (rest.ends_with('/')) rest.remove_suffix(1);
  auto const colon = rest.rfind(':');
  auto const bracket = rest.rfind(']');
  auto const has_port = colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  parsed.port = has_port ? std::string(rest.substr(colon + 1)) : "2379";
  auto host = has_port ? rest.substr(0, colon) : rest;
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  parsed.host = host;
  if (host.empty() || host.find('/') != std::string_view::npos || parsed.port.empty() ||
      !std::all_of(parsed.port.begin(), parsed.port.end(), [](char c) { return c >= '0' && c <= '9'; }))
    throw std::invalid_argument("'" + text + "' is no URL of etcd; write http://HOST:PORT or https://HOST:PORT");
  return parsed;
}

/// A blocking HTTP/1.1 connection. Closed after each exception except too_late.
class http_connection {
 public:
  explicit http_connection(cancel_signal const& cancel) : cancel_(cancel) {}
  ~http_connection() { close(); }
  http_connection(http_connection const&) = delete;
  http_connection& operator=(http_connection const&) = delete;

  [[nodiscard]] bool is_open() const noexcept { return socket_ >= 0; }

  void open(url const& to, tls::context const& trust, clock::time_point due) {
    close();
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (auto const error = ::getaddrinfo(to.host.c_str(), to.port.c_str(), &hints, &found); error != 0)
      throw broken{std::string("cannot resolve the host name: ") + ::gai_strerror(error)};
    std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> const owner(found, &::freeaddrinfo);
    int failed = 0;
    for (auto const* one = found; one != nullptr; one = one->ai_next) {
      socket_ = ::socket(one->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      if (socket_ < 0) throw broken{std::strerror(errno)};
      int const on = 1;
      ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      failed = ::connect(socket_, one->ai_addr, one->ai_addrlen) == 0 ? 0 : errno;
      if (failed == EINPROGRESS) failed = await_connection(one->ai_next != nullptr, due);
      if (failed == 0) break;
      close();
    }
    if (failed != 0) throw broken{std::strerror(failed)};
    authority_ = to.host.find(':') != std::string::npos ? '[' + to.host + ']' : to.host;
    authority_ += ':' + to.port;
    if (!to.is_tls) return;
    tls_.emplace(trust, socket_, tls::stream::side::client);
    tls_->expect(to.host);
    for (auto how = tls_->handshake(); how != tls::outcome::done; how = tls_->handshake()) await(how, due);
  }

  void close() noexcept {
    if (tls_) tls_->end();
    tls_.reset();
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
    received_.clear();
    consumed_ = 0;
    has_got_ = false;
  }

  void send(char const* method, std::string const& path, std::string const& body, std::string const& token,
            clock::time_point due) {
    auto text = std::string(method) + ' ' + path + " HTTP/1.1\r\nHost: " + authority_ + "\r\n";
    if (!token.empty()) text += "Authorization: " + token + "\r\n";
    if (!body.empty())
      text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    text += "\r\n";
    text += body;
    has_got_ = false;
    for (std::string_view left = text; !left.empty();) {
      if (tls_) {
        auto const [how, sent] = tls_->write(left);
        left.remove_prefix(sent);
        if (how != tls::outcome::done) await(how, due);
        continue;
      }
      auto const sent = ::send(socket_, left.data(), left.size(), MSG_NOSIGNAL);
      if (sent >= 0) {
        left.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        await(POLLOUT, due);
      } else if (errno != EINTR) {
        fail(std::strerror(errno));
      }
    }
  }

  /// Reads the header of an answer. @return its status.
  unsigned receive_head(clock::time_point due) {
    auto const head = take_until("\r\n\r\n", due);
    if (!head.starts_with("HTTP/1.1 ") || head.size() < 12) fail("the answer is not HTTP/1.1");
    unsigned status = 0;
    std::from_chars(head.data() + 9, head.data() + 12, status);
    content_left_ = 0;
    is_chunked_ = is_at_end_ = ends_after_ = false;
    for (std::size_t at = head.find("\r\n"); at != std::string::npos; at = head.find("\r\n", at + 2)) {
      auto line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
      std::transform(line.begin(), line.end(), line.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
      constexpr std::string_view length = "content-length: ";
      if (line.starts_with(length))
        std::from_chars(line.data() + length.size(), line.data() + line.size(), content_left_);
      if (line == "transfer-encoding: chunked") is_chunked_ = true;
      if (line == "connection: close") ends_after_ = true;
    }
    return status;
  }

  /// Appends the next piece of the content. @return false at its end.
  bool receive_piece(std::string& to, clock::time_point due) {
    if (is_at_end_) return false;
    if (!is_chunked_) {
      if (content_left_ == 0) return end_content();
      if (unread().empty()) receive_some(due);
      auto const piece = unread().substr(0, content_left_);
      to.append(piece);
      content_left_ -= piece.size();
      consume(piece.size());
      return true;
    }
    auto const line = take_until("\r\n", due);
    std::size_t bytes = 0;
    auto const [end, wrong] = std::from_chars(line.data(), line.data() + line.size(), bytes, 16);
    if (wrong != std::errc() || end == line.data()) fail("a chunk of the answer has no length");
    while (unread().size() < bytes + 2) receive_some(due);
    to.append(unread().substr(0, bytes));
    consume(bytes + 2);
    return bytes != 0 || end_content();
  }

  /// True if part of the answer has arrived.
  [[nodiscard]] bool has_got() const noexcept { return has_got_; }

 private:
  [[noreturn]] void fail(std::string const& why) {
    close();
    throw broken{why};
  }

  bool end_content() {
    is_at_end_ = true;
    if (ends_after_) close();
    return false;
  }

  std::string take_until(std::string_view mark, clock::time_point due) {
    constexpr std::size_t bytes_max = 64 * 1024;
    auto at = std::string_view::npos;
    while ((at = unread().find(mark)) == std::string_view::npos) {
      if (unread().size() > bytes_max) fail("the header of the answer is too long");
      receive_some(due);
    }
    std::string taken(unread().substr(0, at));
    consume(at + mark.size());
    return taken;
  }

  [[nodiscard]] std::string_view unread() const noexcept { return std::string_view(received_).substr(consumed_); }
  void consume(std::size_t bytes) noexcept { consumed_ += bytes; }

  void receive_some(clock::time_point due) {
    char room[16 * 1024];
    for (;;) {
      std::size_t bytes = 0;
      if (tls_) {
        auto const [how, got] = tls_->read(room);
        if (how == tls::outcome::ended) fail("the connection was closed");
        if (how != tls::outcome::done) {
          await(how, due);
          continue;
        }
        bytes = got;
      } else {
        auto const got = ::recv(socket_, room, sizeof room, 0);
        if (got == 0) fail("the connection was closed");
        if (got < 0) {
          if (errno == EINTR) continue;
          if (errno != EAGAIN && errno != EWOULDBLOCK) fail(std::strerror(errno));
          await(POLLIN, due);
          continue;
        }
        bytes = static_cast<std::size_t>(got);
      }
      received_.erase(0, std::exchange(consumed_, 0));
      received_.append(room, bytes);
      has_got_ = true;
      return;
    }
  }

  /// @param has_more other addresses follow, and need the rest of the time. @return the error; 0: it is connected.
  int await_connection(bool has_more, clock::time_point due) {
    auto const now = clock::now();
    try {
      await(POLLOUT, has_more ? now + (due - now) / 2 : due);
    } catch (too_late const&) {
      if (has_more) return ETIMEDOUT;
      throw;
    }
    int failed = 0;
    socklen_t size = sizeof failed;
    ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &failed, &size);
    return failed;
  }

  void await(tls::outcome how, clock::time_point due) {
    if (how != tls::outcome::wants_read && how != tls::outcome::wants_write)
      fail(tls_ ? tls_->failure({"--etcd-ca", "--etcd-cert and --etcd-key"}) : "the connection broke");
    await(how == tls::outcome::wants_read ? POLLIN : POLLOUT, due);
  }

  void await(int events, clock::time_point due) {
    for (;;) {
      pollfd waited[2]{{socket_, static_cast<short>(events), 0}, {cancel_.descriptor(), POLLIN, 0}};
      auto const left = std::chrono::ceil<std::chrono::milliseconds>(due - clock::now()).count();
      auto const ready = left > 0 ? ::poll(waited, 2, static_cast<int>(std::min<std::int64_t>(left, 60'000))) : 0;
      if (ready < 0 && errno != EINTR) fail(std::strerror(errno));
      if (ready > 0 && waited[1].revents != 0) {
        close();
        throw etcd_error(etcd_error::kind::cancelled, "the call of etcd was cancelled");
      }
      if (ready > 0) return;
      if (clock::now() >= due) throw too_late{};
    }
  }

 public:
  /// Thrown at a deadline. The connection stays open: the awaited data may still arrive.
  struct too_late {};

 private:
  cancel_signal const& cancel_;
  int socket_ = -1;
  std::optional<tls::stream> tls_;
  std::string authority_;
  std::string received_;
  std::size_t consumed_ = 0;  // of it
  std::size_t content_left_ = 0;
  bool is_chunked_ = false, is_at_end_ = false, ends_after_ = false, has_got_ = false;
};

// The gRPC status codes that matter here.
constexpr int grpc_deadline = 4, grpc_exhausted = 8, grpc_out_of_range = 11, grpc_internal = 13, grpc_unavailable = 14,
              grpc_unauthenticated = 16;

}  // namespace

// --- cancel_signal ---------------------------------------------------------------------------------------------------

cancel_signal::cancel_signal() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_ < 0) throw std::runtime_error(std::string("eventfd: ") + std::strerror(errno));
}
cancel_signal::~cancel_signal() {
  ::close(descriptor_);
}
void cancel_signal::set() noexcept {
  std::uint64_t const one = 1;
  static_cast<void>(!::write(descriptor_, &one, sizeof one));
}
bool cancel_signal::is_set() const noexcept {
  pollfd looked{descriptor_, POLLIN, 0};
  return ::poll(&looked, 1, 0) > 0;
}

std::string end_of_prefix(std::string prefix) {
  ++prefix.back();
  return prefix;
}

// --- etcd_client -----------------------------------------------------------------------------------------------------

struct etcd_client::parts {
  parts(etcd_settings given, cancel_signal const& its_cancel)
      : settings(std::move(given)), cancel(its_cancel), calls(its_cancel), stream(its_cancel) {
    for (auto const& one : settings.endpoints) urls.push_back(parse_url(one));
    if (urls.empty()) throw std::invalid_argument("no URL of etcd is given");
    if (std::none_of(urls.begin(), urls.end(), [](url const& one) { return one.is_tls; })) return;
    try {
      trust = tls::client_context({.ca_certificate = settings.ca_certificate,
                                   .client_certificate = settings.client_certificate,
                                   .client_key = settings.client_key});
    } catch (tls::error const& error) {
      throw tls::error(std::string("--etcd-ca, --etcd-cert, --etcd-key: ") + error.what());
    }
  }

  void next_endpoint() noexcept {
    at = (at + 1) % urls.size();
    calls.close();
  }

  /// Sends a request to the current endpoint. @throws broken, too_late
  json ask(char const* method, std::string const& path, std::string const& body, clock::time_point due,
           unsigned& status) {
    auto const was_open = calls.is_open();
    for (auto attempt = 0;; ++attempt) {
      try {
        if (!calls.is_open()) calls.open(urls[at], trust, due);
        calls.send(method, path, body, token, due);
        status = calls.receive_head(due);
        std::string text;
        while (calls.receive_piece(text, due)) {
        }
        if (path == metrics_path) return text;
        auto parsed = json::parse(text, nullptr, false);
        if (parsed.is_discarded()) {
          text.resize(std::min<std::size_t>(text.find_last_not_of("\r\n") + 1, 200));
          parsed = json{{"message", text}};
        }
        return parsed;
      } catch (broken const&) {
        // The endpoint may have closed an idle connection: try again with a new one.
        if (!was_open || attempt != 0 || calls.has_got()) throw;
      }
    }
  }

  void authenticate(clock::time_point due) {
    token.clear();
    unsigned status = 0;
    auto const answer = ask("POST", "/v3/auth/authenticate",
                            json{{"name", settings.user}, {"password", settings.password}}.dump(), due, status);
    token = text_of(answer, "token");
    if (token.empty())
      throw etcd_error(etcd_error::kind::refused,
                       urls[at].text + " refused this user and password: " + text_of(answer, "message"));
  }

  json call(std::string const& path, json const& what, clock::time_point due) {
    auto const body = what.dump();
    std::string last;
    auto has_authenticated = false;
    for (auto attempts = 0U;; ++attempts) {
      auto const now = clock::now();
      if (now >= due)
        throw etcd_error(etcd_error::kind::unreachable,
                         "no answer from etcd at " + urls[at].text + (last.empty() ? "" : ": " + last));
      // A silent endpoint must leave time for the others.
      auto const share =
          std::clamp<clock::duration>((due - now) / 2, std::chrono::milliseconds(500), std::chrono::seconds(1));
      auto const try_due = urls.size() > 1 ? std::min(due, now + share) : due;
      try {
        if (!settings.user.empty() && token.empty()) authenticate(try_due);
        unsigned status = 0;
        auto answer = ask("POST", path, body, try_due, status);
        if (status == 200) return answer;
        auto const code = static_cast<int>(number_of(answer, "code"));
        last = text_of(answer, "message");
        if (last.empty()) last = text_of(answer, "error");
        if (last.empty()) last = "it answered with status " + std::to_string(status) + "; is this etcd's client URL?";
        auto const line = urls[at].text + ": " + last;
        if ((code == grpc_unauthenticated || last.find("invalid auth token") != std::string::npos) &&
            !settings.user.empty() && !std::exchange(has_authenticated, true)) {
          token.clear();
          continue;
        }
        if (code == grpc_exhausted && last.find("space") != std::string::npos)
          throw etcd_error(etcd_error::kind::no_space, line);
        if (code == grpc_out_of_range) throw etcd_error(etcd_error::kind::compacted, line);
        if (code != grpc_unavailable && code != grpc_deadline && code != grpc_internal && status < 502)
          throw etcd_error(etcd_error::kind::refused, line);
        // This endpoint may have lost its leader; others may still have one.
      } catch (broken const& error) {
        last = error.why;
      } catch (http_connection::too_late const&) {
        last = "no answer in time";
      }
      next_endpoint();
      if (attempts + 1 >= urls.size()) {
        // All endpoints have failed once: pause before the next round.
        auto const until = std::min(due, clock::now() + std::chrono::milliseconds(50));
        pollfd cancelled{cancel.descriptor(), POLLIN, 0};
        auto const left = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now()).count();
        if (left > 0 && ::poll(&cancelled, 1, static_cast<int>(left)) > 0)
          throw etcd_error(etcd_error::kind::cancelled, "the call of etcd was cancelled");
      }
    }
  }

  static constexpr std::string_view metrics_path = "/metrics";

  etcd_settings settings;
  std::vector<url> urls;
  std::size_t at = 0;
  tls::context trust;
  std::string token;
  cancel_signal const& cancel;
  http_connection calls, stream;
  std::string unread_events;  // the incomplete last line of the stream
  std::uint64_t quota = 0;
};

etcd_client::etcd_client(etcd_settings settings, cancel_signal const& cancel)
    : parts_(std::make_unique<parts>(std::move(settings), cancel)) {}
etcd_client::~etcd_client() = default;

etcd_page etcd_client::range(std::string const& key, std::string const& range_end, std::int64_t at, std::int64_t limit,
                             clock::time_point due) {
  json what{{"key", to_base64(key)}};
  if (!range_end.empty()) what["range_end"] = to_base64(range_end);
  if (at != 0) what["revision"] = std::to_string(at);
  if (limit != 0) what["limit"] = std::to_string(limit);
  auto const answer = parts_->call("/v3/kv/range", what, due);
  etcd_page page;
  if (auto const header = answer.find("header"); header != answer.end()) page.revision = number_of(*header, "revision");
  if (auto const found = answer.find("kvs"); found != answer.end())
    for (auto const& one : *found) page.entries.push_back(entry_of(one));
  page.has_more = answer.value("more", false);
  return page;
}

std::optional<etcd_entry> etcd_client::last(std::string const& key, std::string const& range_end,
                                            clock::time_point due) {
  json const what{{"key", to_base64(key)},
                  {"range_end", to_base64(range_end)},
                  {"sort_order", "DESCEND"},
                  {"sort_target", "KEY"},
                  {"limit", "1"}};
  auto const answer = parts_->call("/v3/kv/range", what, due);
  auto const found = answer.find("kvs");
  if (found == answer.end() || found->empty()) return std::nullopt;
  return entry_of(found->front());
}

etcd_outcome etcd_client::transact(std::vector<etcd_check> const& checks, std::vector<etcd_step> const& steps,
                                   clock::time_point due) {
  json what{{"compare", json::array()}, {"success", json::array()}};
  for (auto const& one : checks) what["compare"].push_back(json_of(one));
  for (auto const& one : steps) what["success"].push_back(json_of(one));
  auto const answer = parts_->call("/v3/kv/txn", what, due);
  etcd_outcome outcome{.succeeded = answer.value("succeeded", false)};
  if (auto const header = answer.find("header"); header != answer.end())
    outcome.revision = number_of(*header, "revision");
  return outcome;
}

bool etcd_client::holds(std::vector<etcd_check> const& checks, clock::time_point due) {
  // The read makes it linearizable: etcd answers a transaction without operations from the endpoint's local state,
  // which may be stale.
  return transact(checks, {{.what = etcd_step::kind::read, .key = checks.front().key}}, due).succeeded;
}

etcd_client::lease etcd_client::grant(std::chrono::seconds time, clock::time_point due) {
  auto const answer = parts_->call("/v3/lease/grant", {{"TTL", std::to_string(time.count())}}, due);
  return {.id = number_of(answer, "ID"), .time = std::chrono::seconds(number_of(answer, "TTL"))};
}

bool etcd_client::keep_alive(std::int64_t id, clock::time_point due) {
  auto const answer = parts_->call("/v3/lease/keepalive", {{"ID", std::to_string(id)}}, due);
  auto const result = answer.find("result");
  // For an expired lease etcd answers without an error, but also without a TTL.
  return result != answer.end() && number_of(*result, "TTL") > 0;
}

void etcd_client::revoke(std::int64_t id, clock::time_point due) {
  parts_->call("/v3/lease/revoke", {{"ID", std::to_string(id)}}, due);
}

void etcd_client::compact(std::int64_t revision, clock::time_point due) {
  try {
    parts_->call("/v3/kv/compaction", {{"revision", std::to_string(revision)}}, due);
  } catch (etcd_error const& error) {
    // Another client has compacted it.
    if (error.why() != etcd_error::kind::compacted) throw;
  }
}

etcd_status etcd_client::status(clock::time_point due) {
  auto const answer = parts_->call("/v3/maintenance/status", json::object(), due);
  etcd_status status{.bytes = static_cast<std::uint64_t>(number_of(answer, "dbSize"))};
  if (parts_->quota == 0) {
    // Only etcd's metrics contain the quota. If they cannot be read, assume etcd's default.
    parts_->quota = 2ULL * 1024 * 1024 * 1024;
    try {
      unsigned code = 0;
      auto const text = parts_->ask("GET", std::string(parts::metrics_path), {}, due, code).get<std::string>();
      constexpr std::string_view name = "\netcd_server_quota_backend_bytes ";
      if (auto const at = text.find(name); at != std::string::npos) {
        // Written in scientific notation, as in 2.147483648e+09.
        double bytes = 0;
        std::from_chars(text.data() + at + name.size(), text.data() + text.size(), bytes);
        if (bytes > 0) parts_->quota = static_cast<std::uint64_t>(bytes);
      }
    } catch (broken const&) {
    } catch (http_connection::too_late const&) {
      parts_->calls.close();
    }
  }
  status.bytes_max = parts_->quota;
  return status;
}

void etcd_client::watch(std::string const& key, std::string const& range_end, std::int64_t from, clock::time_point due,
                        watched what) {
  auto& whole = *parts_;
  whole.unread_events.clear();
  json request{
      {"create_request",
       {{"key", to_base64(key)}, {"range_end", to_base64(range_end)}, {"start_revision", std::to_string(from)}}}};
  if (what == watched::puts) request["create_request"]["filters"] = json::array({"NODELETE"});
  try {
    whole.stream.open(whole.urls[whole.at], whole.trust, due);
    whole.stream.send("POST", "/v3/watch", request.dump(), whole.token, due);
    if (auto const status = whole.stream.receive_head(due); status != 200)
      throw broken{"the watch was answered with status " + std::to_string(status)};
  } catch (broken const& error) {
    whole.stream.close();
    auto const line = whole.urls[whole.at].text + ": " + error.why;
    whole.token.clear();
    whole.next_endpoint();
    throw etcd_error(etcd_error::kind::unreachable, line);
  } catch (http_connection::too_late const&) {
    whole.stream.close();
    auto const line = whole.urls[whole.at].text + ": no answer in time";
    whole.next_endpoint();
    throw etcd_error(etcd_error::kind::unreachable, line);
  }
}

std::vector<etcd_event> etcd_client::next_events(clock::time_point due) {
  auto& whole = *parts_;
  std::vector<etcd_event> events;
  try {
    while (events.empty()) {
      auto const end = whole.unread_events.find('\n');
      if (end == std::string::npos) {
        if (!whole.stream.receive_piece(whole.unread_events, due)) throw broken{"the watch has ended"};
        continue;
      }
      auto const message = json::parse(whole.unread_events.begin(),
                                       whole.unread_events.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
      whole.unread_events.erase(0, end + 1);
      auto const result = message.is_object() ? message.find("result") : message.end();
      if (message.is_discarded() || result == message.end()) throw broken{"the watch was answered with an error"};
      if (auto const compacted = number_of(*result, "compact_revision"); compacted != 0) {
        whole.stream.close();
        throw etcd_error(etcd_error::kind::compacted, "etcd has compacted the revision at which the watch starts");
      }
      if (result->value("canceled", false)) throw broken{"the watch was ended: " + text_of(*result, "cancel_reason")};
      if (auto const found = result->find("events"); found != result->end())
        for (auto const& one : *found) {
          auto const kv = one.find("kv");
          if (kv == one.end()) continue;
          events.push_back({.is_removal = text_of(one, "type") == "DELETE", .entry = entry_of(*kv)});
        }
    }
  } catch (broken const& error) {
    whole.stream.close();
    auto const line = whole.urls[whole.at].text + ": " + error.why;
    whole.next_endpoint();
    throw etcd_error(etcd_error::kind::unreachable, line);
  } catch (http_connection::too_late const&) {
    // No events until `due`.
  }
  return events;
}

void etcd_client::prefer(member_role role, clock::time_point due) noexcept {
  auto& whole = *parts_;
  if (whole.urls.size() == 1) return;
  try {
    // From a random one on, so that clients spread over the members.
    whole.at = std::random_device()() % whole.urls.size();
    whole.calls.close();
    for (std::size_t asked = 0; asked < whole.urls.size(); ++asked) {
      auto const told = whole.call("/v3/maintenance/status", json::object(), due);
      auto const is_leader = text_of(told, "leader") == text_of(told.at("header"), "member_id");
      if (is_leader == (role == member_role::leader)) return;
      whole.next_endpoint();
    }
  } catch (std::exception const&) {
    // Any endpoint will do.
  }
}

std::string const& etcd_client::endpoint() const noexcept {
  return parts_->urls[parts_->at].text;
}

}  // namespace holdfast::server
