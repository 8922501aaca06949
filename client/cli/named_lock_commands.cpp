#include "client/cli/named_lock_commands.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdlib>
#include <random>
#include <utility>

#include "client/cli/child_guard.hpp"
#include "client/cli/console.hpp"
#include "client/json_parts.hpp"
#include "protocol/key.hpp"
#include "protocol/percent.hpp"

namespace holdfast::client::cli {
namespace {

namespace net = boost::asio;
using namespace net::experimental::awaitable_operators;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr auto as_values = net::as_tuple(net::use_awaitable_t<executor>());

// --- to see them ---------------------------------------------------------------------------------------------------

std::string_view member(std::string_view object, std::string_view name) {
  for (auto const& [its_name, text] : members_of(object))
    if (its_name == name) return text;
  return {};
}

/// `amy  token 17  since 2026-11-27T02:12:34.717Z`, or the id if it has no owner.
std::string text_of_ticket(std::string_view ticket) {
  auto const owner = member(ticket, "owner");
  auto text = string_in(owner.empty() ? member(ticket, "id") : owner);
  if (auto const token = member(ticket, "token"); !token.empty()) (text += "  token ") += token;
  return text += "  since " + string_in(member(ticket, "since"));
}

std::string line_of_lock(std::string_view lock) {
  auto line = string_in(member(lock, "name")) + "  ";
  auto const holder = member(lock, "holder");
  line += holder == "null" || holder.empty() ? "free" : "held by " + text_of_ticket(holder);
  auto const waiting = member(lock, "waiting");
  if (waiting != "0") (line += "  waiting ") += waiting;
  return line + '\n';
}

awaitable<int> show_lock(executor on, locks_command const& command) {
  connection server(on, command.connection);
  auto const shown = co_await server.fetch(protocol::path_of_lock(command.lock) + "?limit=1000");
  if (!shown) co_return complain(shown.error());
  if (command.json) co_return print(shown->value);
  auto text = line_of_lock(shown->value);
  for (auto const ticket : elements_of(member(shown->value, "queue")))
    (text += "  ") += std::string(member(ticket, "position")) + "  " + text_of_ticket(ticket) + '\n';
  co_return print(text);
}

awaitable<int> list_locks(executor on, locks_command const& command) {
  connection server(on, command.connection);
  for (std::string after;;) {
    query asked;
    if (!command.prefix.empty()) asked.add("prefix", command.prefix);
    if (!after.empty()) asked.add("after", after);
    auto const page = co_await server.fetch("/v1/locks" + asked.text());
    if (!page) co_return complain(page.error());
    std::string text;
    for (auto const lock : elements_of(member(page->value, "locks")))
      text += command.json ? std::string(lock) + '\n' : line_of_lock(lock);
    if (auto const failed = print(text); failed != exit_ok) co_return failed;
    after = string_in(member(page->value, "next"));
    if (after.empty()) co_return exit_ok;
  }
}

// --- to run a command ----------------------------------------------------------------------------------------------

/// The longest wait for the grant in one request. It is then repeated, so that a dead connection is detected. Half of a
/// shorter lease, so that the next server is asked while the ticket still has its place, or its grant.
nanoseconds poll_time(nanoseconds lease) {
  return std::min<nanoseconds>(lease / 2, seconds(25));
}

/// Until a server that has not answered a poll is given up.
nanoseconds poll_timeout(nanoseconds lease) {
  return poll_time(lease) + std::clamp<nanoseconds>(lease / 4, std::chrono::milliseconds(500), seconds(10));
}

std::string random_id() {
  std::random_device device;
  constexpr auto digits = "0123456789abcdef";
  std::string id;
  for (int i = 0; i < 32; ++i) id += digits[device() % 16];
  return id;
}

std::string default_owner() {
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  auto const* const user = std::getenv("USER");
  return std::string(user != nullptr ? user : "somebody") + '@' + host + ' ' + std::to_string(::getpid());
}

class with_lock {
 public:
  with_lock(executor on, with_lock_command const& command, child_guard& guard)
      : command_(command),
        guard_(guard),
        id_(random_id()),
        polls_(on, with_timeout(poll_timeout(command.lease))),
        keeper_(on, with_timeout(keep_timeout(command))),
        signals_(on, SIGINT, SIGTERM, SIGHUP),
        pause_(on),
        ended_(on, guard.descriptor()) {
    boost::system::error_code ignored;
    signals_.add(SIGQUIT, ignored);
    if (command_.wait) give_up_at_ = child_guard::now() + *command_.wait;
  }
  ~with_lock() { ended_.release(); }
  with_lock(with_lock const&) = delete;
  with_lock& operator=(with_lock const&) = delete;

  awaitable<int> run() {
    // Wait for the grant, a signal, or the end of the guard, which has no command yet.
    auto waiting = acquire();
    auto signal = signals_.async_wait(as_values);
    auto end = ended_.async_wait(net::posix::descriptor_base::wait_read, as_values);
    auto any = std::move(waiting) || std::move(signal) || std::move(end);
    auto outcome = co_await std::move(any);
    if (outcome.index() != 0 && (is_asked_ || polls_.has_sent())) co_await leave();
    if (auto const* const signalled = std::get_if<1>(&outcome)) co_return 128 + std::get<1>(*signalled);
    if (outcome.index() == 2) {
      remark("the process that guards the command was killed; nothing was run");
      co_return exit_refused;
    }
    if (auto const status = std::get<0>(outcome)) {
      if (is_asked_) co_await leave();
      co_return *status;
    }
    co_return co_await run_command();
  }

 private:
  [[nodiscard]] connection_settings with_timeout(nanoseconds longest) const {
    auto settings = command_.connection;
    settings.connect_timeout = std::min(settings.connect_timeout, longest);
    settings.request_timeout = longest;
    return settings;
  }

  /// So that all servers can be asked within a third of the lease; whole milliseconds, as messages name it.
  static nanoseconds keep_timeout(with_lock_command const& command) {
    auto const servers = 1 + command.connection.server.others.size();
    auto const share = command.lease / (3 * static_cast<std::int64_t>(servers));
    return std::max(std::chrono::floor<std::chrono::milliseconds>(share), std::chrono::milliseconds(300));
  }

  awaitable<void> pass(nanoseconds time) {
    pause_.expires_after(time);
    co_await pause_.async_wait(as_values);
  }

  [[nodiscard]] nanoseconds time_left() const {
    auto const longest = poll_time(command_.lease);
    if (!give_up_at_) return longest;
    return std::clamp<nanoseconds>(*give_up_at_ - child_guard::now(), nanoseconds(0), longest);
  }

  /// @return the exit status if the lock was not acquired.
  awaitable<std::optional<int>> acquire() {
    auto const owner = command_.owner.empty() ? default_owner() : command_.owner;
    for (auto is_known = false, is_told = false;;) {
      auto const left = time_left();
      lock_query asked{.lock = command_.lock, .id = id_, .owner = owner, .lease = command_.lease, .wait = {}};
      // At the end of the wait, check a last time.
      if (left.count() != 0 || command_.wait == nanoseconds(0)) asked.wait = left;
      auto const ticket = co_await polls_.ask_for_lock(std::move(asked));
      // A server that broke off or has lost its place may have made the ticket, and can be asked again.
      auto const is_open = ticket || !ticket.error().refused || ticket.error().refused->status == 503;
      is_asked_ = is_asked_ || (is_open && polls_.has_sent());
      // A signal has ended the wait, and with it the request.
      auto const state = co_await net::this_coro::cancellation_state;
      if (state.cancelled() != net::cancellation_type::none) co_return std::nullopt;
      if (ticket) {
        is_known = true;
        if (std::exchange(is_told, false)) remark("connected again");
        if (ticket->token != 0) {
          token_ = ticket->token;
          // The grant may be much older than its answer, so renew the lease to know when it ends.
          auto const is_kept = co_await keep();
          if (is_kept) co_return std::nullopt;
          continue;
        }
      } else {
        auto const failed = ticket.error();
        auto const is_held = failed.refused && failed.refused->code == "lock_held";
        auto const is_gone = failed.refused && failed.refused->code == "lease_expired";
        auto const may_pass = failed.refused ? failed.refused->status == 503
                                             : is_known || (is_asked_ && failed.kind != error_kind::bad_answer);
        if (is_held) {
          is_asked_ = false;  // a ticket of this id would have been found
          complain(failed);
          co_return exit_lock_not_got;
        }
        // Without a wait, an unknown outcome is not "taken".
        if (!is_gone && (!may_pass || command_.wait == nanoseconds(0))) co_return complain(failed);
        if (!is_gone && !std::exchange(is_told, true)) remark(failed.message + "; trying again");
        co_await pass(std::chrono::milliseconds(200));
      }
      if (give_up_at_ && child_guard::now() >= *give_up_at_) {
        remark("the lock '" + command_.lock + "' was not free in time" +
               (ticket ? "; '" + ticket->behind + "' is before" : std::string()));
        co_return exit_lock_not_got;
      }
    }
  }

  /// Renews the lease, and with it the command's deadline. @return true if the lock is still held; false if unknown
  awaitable<bool> keep() {
    auto const sent_at = child_guard::now();
    auto const kept = co_await keeper_.keep_ticket(command_.lock, id_);
    is_lost_ = (kept && kept->token != token_) ||
               (!kept && kept.error().refused && kept.error().refused->code == "lease_expired");
    if (!kept || is_lost_) co_return false;
    // The server started the lease later than this, and grants the lock to nobody else before the lease ends.
    term_at_ = sent_at + command_.lease * 3 / 4;
    kill_at_ = sent_at + command_.lease - std::min<nanoseconds>(command_.lease / 10, std::chrono::milliseconds(500));
    co_return true;
  }

  /// Returns when the lock is certainly lost.
  awaitable<void> keep_on() {
    auto wait = command_.lease / 3;
    for (;;) {
      co_await pass(wait);
      auto const is_kept = co_await keep();
      if (is_kept) guard_.set_deadline(term_at_, kill_at_);
      if (is_lost_ || child_guard::now() >= kill_at_) co_return;
      wait = is_kept ? command_.lease / 3 : std::min<nanoseconds>(command_.lease / 12, std::chrono::milliseconds(500));
    }
  }

  awaitable<void> forward_signals() {
    for (;;) {
      auto const [error, number] = co_await signals_.async_wait(as_values);
      if (error) co_return;
      guard_.signal(number);
    }
  }

  awaitable<int> run_command() {
    std::vector<std::string> const variables{
        "HOLDFAST_LOCK=" + protocol::segment_of(command_.lock), "HOLDFAST_LOCK_TOKEN=" + std::to_string(token_),
        "HOLDFAST_LOCK_TICKET=" + polls_.server().url() + protocol::path_of_ticket(command_.lock, id_)};
    guard_.start(command_.words, variables, term_at_, kill_at_);
    {
      auto end = ended_.async_wait(net::posix::descriptor_base::wait_read, as_values);
      auto keeping = keep_on();
      auto forwarding = forward_signals();
      auto any = std::move(end) || std::move(keeping) || std::move(forwarding);
      auto const what = co_await std::move(any);
      if (what.index() != 0) guard_.kill();
    }
    auto const status = guard_.status();
    if (is_lost_ || !status || child_guard::now() >= term_at_) {
      remark("the lock '" + command_.lock + "' was lost; the command was ended");
      if (!is_lost_) co_await leave();
      co_return exit_lock_lost;
    }
    co_await leave();
    co_return *status;
  }

  /// Returns the ticket. If that fails, the end of its lease releases the lock.
  awaitable<void> leave() {
    auto const released = co_await keeper_.release_ticket(command_.lock, id_);
    auto const is_gone = !released && released.error().refused && released.error().refused->status == 410;
    if (!released && !is_gone)
      remark("the lock could not be released, its lease will end: " + released.error().message);
  }

  with_lock_command const& command_;
  child_guard& guard_;
  std::string const id_;
  connection polls_, keeper_;
  net::basic_signal_set<executor> signals_;
  net::basic_waitable_timer<std::chrono::steady_clock, net::wait_traits<std::chrono::steady_clock>, executor> pause_;
  net::posix::basic_stream_descriptor<executor> ended_;
  std::optional<nanoseconds> give_up_at_;
  bool is_asked_ = false, is_lost_ = false;
  std::uint64_t token_ = 0;
  nanoseconds term_at_{}, kill_at_{};  // times of child_guard::now()
};

}  // namespace

int run(locks_command const& command) {
  return run_task([&](executor on) { return command.lock.empty() ? list_locks(on, command) : show_lock(on, command); });
}

int run(with_lock_command const& command) {
  if (auto const valid = protocol::check_lock_name(command.lock); !valid) {
    remark(valid.error().detail);
    return exit_usage;
  }
  child_guard guard;
  // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): run_task() returns only after it has ended.
  auto const work = [&](executor on) -> awaitable<int> {
    with_lock one(on, command, guard);
    co_return co_await one.run();
  };
  return run_task(work);
}

}  // namespace holdfast::client::cli
