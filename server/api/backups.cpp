#include "server/api/backups.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>

#include "protocol/entity_tag.hpp"
#include "server/api/answers.hpp"
#include "server/journal/data_directory.hpp"
#include "server/json/document.hpp"
#include "server/loop/timer.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;
using nlohmann::ordered_json;

constexpr std::string_view backups_allow = "POST, OPTIONS";
constexpr std::size_t name_bytes_max = 64;

/// True if the text is a plain file name: no path, not hidden.
bool is_name(std::string_view name) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !name.empty() && name.size() <= name_bytes_max && name.front() != '.' && name.front() != '-' &&
         name.find_first_not_of(allowed) == std::string_view::npos;
}

/// A name such as 20261126T224510Z-r917, which sorts by time.
std::string name_of_now(std::uint64_t revision) {
  auto const now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  auto const length = std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts);
  return std::string(text, length) + "-r" + std::to_string(revision);
}

failure failure_of(journal_error const& error) {
  switch (error.fault()) {
    case journal_fault::disk_full:
      // The advice of the error is for a start.
      return {errc::disk_full,
              "no space is left for the backup, which is not complete; free some, and make it again under the same "
              "name. The data are not affected"};
    default:
      return {errc::backup_failed, error.what()};
  }
}

/// A backup that a request waits for. Shared with the backup's thread, because either may end first.
struct awaited_backup {
  explicit awaited_backup(loop_executor const& executor) : until(executor, timer::time_point::max()) {}

  timer until;
  std::optional<backup_outcome> outcome;
};

}  // namespace

routed route_backups(request_head const& head, target const& target, route_context const& context) {
  if (head.method == method::options) return options_reply(backups_allow);
  if (head.method != method::post) return method_not_allowed(head, backups_allow);
  if (!target.query.empty())
    return refuse(errc::invalid_parameter, std::string(target.path) + " takes no query parameters");
  if (context.draining) return draining_reply();
  return backup_request{};
}

std::optional<reply> take_backup_body(backup_request& request, std::string_view text, api_context const& context) {
  auto const& kept = context.kept;
  if (kept.source == nullptr)
    return refuse(errc::nothing_is_kept, "this server was started with --in-memory; GET /v1/export copies its data");
  if (context.cluster != nullptr)
    return refuse(
        errc::data_elsewhere,
        "the data is in etcd; use 'etcdctl snapshot save FILE' to copy it, or /v1/export to write it as lines");
  request.name = name_of_now(kept.commits->durable_revision());
  if (!text.empty()) {
    auto const body = json::document::parse(text);
    if (!body) return reply_to(body.error());
    if (!body->root().is(json::value_kind::object))
      return refuse(errc::invalid_json, R"(send a JSON object, such as {"to":"monday"}, or no body)");
    auto is_named = false;
    for (auto const member : body->root().children()) {
      if (member.name() != "to" || std::exchange(is_named, true) || !member.is(json::value_kind::string))
        return refuse(errc::invalid_parameter, R"(the one member is "to", the backup's name, a string)");
      auto name = member.as_string();
      if (!name) return reply_to(name.error());
      request.name = *std::move(name);
    }
  }
  if (!is_name(request.name))
    return refuse(
        errc::invalid_parameter,
        "a backup's name has up to 64 letters, digits and . _ - and begins with a letter, a digit or _; it is "
        "not a path, since the server keeps its backups in one directory (--backups)");
  std::error_code error;
  auto const path = kept.backups_directory / request.name;
  if (std::filesystem::exists(path, error) && !is_free_for_copy(path))
    return refuse(errc::backup_exists,
                  "there is a backup '" + request.name + "'; choose another name, or remove it on the server");
  return std::nullopt;
}

awaitable<request_end> run_backup(backup_request const& request, api_context const& context, client_link& client,
                                  reply& answer) {
  auto const executor = co_await asio::this_coro::executor;
  auto const path = context.kept.backups_directory / request.name;
  auto const shared = std::make_shared<awaited_backup>(executor);
  std::function<void(backup_outcome const&)> const done = [shared, executor](backup_outcome const& outcome) {
    asio::post(executor, [shared, outcome] {
      shared->outcome = outcome;
      shared->until.cancel();
    });
  };
  if (!context.kept.backups->start(path, done)) {
    answer = refuse(errc::overloaded, "another backup is running; retry when it is done");
    co_return request_end::answered;
  }
  while (!shared->outcome) {
    auto const is_there = co_await client.pause(shared->until);
    if (!is_there) co_return request_end::gone;
  }
  auto const& outcome = *shared->outcome;
  if (outcome.error) {
    answer = reply_to(failure_of(*outcome.error));
    co_return request_end::answered;
  }
  using std::chrono::milliseconds;
  ordered_json const body{{"name", request.name},
                          {"path", path.string()},
                          {"revision", outcome.position.revision},
                          {"bytes", outcome.bytes},
                          {"took_ms", std::chrono::duration_cast<milliseconds>(outcome.took).count()}};
  answer = json_reply(body.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + '\n');
  answer.status = 201;
  co_return request_end::answered;
}

}  // namespace holdfast::server
