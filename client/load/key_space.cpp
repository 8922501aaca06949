#include "client/load/key_space.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <random>

#include "client/load/workload.hpp"
#include "protocol/entity_tag.hpp"

namespace holdfast::client::load {
namespace {

constexpr unsigned connections_max = 16;
constexpr std::uint32_t report_every = 256;

using timer_type = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                     boost::asio::wait_traits<std::chrono::steady_clock>, executor>;

std::string random_prefix() {
  std::random_device random;
  auto digits = random();
  std::string prefix = "load-";
  for (int i = 0; i < 8; ++i, digits >>= 4) prefix += "0123456789abcdef"[digits & 15];
  return prefix + '/';
}

}  // namespace

/// One pass over the keys, shared by its coroutines.
struct key_space::pass {
  bool removes = false;
  std::uint32_t keys = 0;
  std::uint32_t values_end = UINT32_MAX;  ///< the number after those of values; counters follow
  std::uint32_t next = 0;
  std::uint32_t done = 0;
  std::optional<error> failed;
  report_progress report;
  workload* values = nullptr;
  unsigned working = 0;
  timer_type* finished = nullptr;  ///< cancelled by the last coroutine to end
};

key_space::key_space(executor on, load_settings const& settings)
    : on_(on), settings_(settings), prefix_(random_prefix()) {}

awaitable<void> key_space::work(pass& batch) {
  auto connecting = settings_.connection;
  connecting.request_timeout = request_timeout(settings_);
  connection server(on_, std::move(connecting));
  // With a default hold set on the server, this would take as long as the run itself.
  request_options const no_hold{.hold = nanoseconds(0), .lock_timeout = {}};
  while (batch.next < batch.keys && !batch.failed && (batch.removes || !stopped_)) {
    auto const number = batch.next++;
    auto const counts = number >= batch.values_end;
    auto key = prefix_ + (counts ? std::string(counter_mark) + std::to_string(number - batch.values_end)
                                 : std::to_string(number));
    result<answer> outcome = answer{};
    if (batch.removes) {
      outcome = co_await server.del(std::move(key), no_hold);
    } else {
      auto value = batch.values->first_value(number);
      if (first_values_ != nullptr) first_values_->at(number) = parse_value(value)->value;
      outcome = co_await server.put(std::move(key), std::move(value), no_hold);
      if (outcome) note(number, *outcome);
    }
    if (!outcome && !(batch.removes && outcome.error().kind == error_kind::status)) {
      batch.failed = outcome.error();
      break;
    }
    ++batch.done;
    if (batch.report && batch.done % report_every == 0) batch.report(batch.done);
  }
}

void key_space::note(std::uint32_t number, answer const& stored) {
  auto const tag = protocol::parse_entity_tag(stored.etag);
  if (tag) {
    stored_revision_ = std::max(stored_revision_, tag->revision);
    database_ = tag->start;
  }
  if (first_revisions_ != nullptr) first_revisions_->at(number) = tag ? tag->revision : 0;
}

awaitable<void> key_space::run(pass& batch) {
  timer_type finished(on_, timer_type::time_point::max());
  batch.finished = &finished;
  batch.working = std::min({connections_max, settings_.connections, batch.keys});
  for (auto left = batch.working; left > 0; --left) {
    boost::asio::co_spawn(on_, work(batch), [&batch](std::exception_ptr thrown) {
      if (thrown) batch.failed = error{error_kind::unreachable, "the work broke off", {}};
      if (--batch.working == 0) batch.finished->cancel();
    });
  }
  if (batch.working != 0) co_await finished.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable_t<executor>()));
}

awaitable<result<void>> key_space::store(report_progress report) {
  // A stream of its own distinguishes these values from those of the load threads.
  constexpr thread_place of_its_own{.thread = 0xFFFF, .threads = 0x10000};
  workload values(settings_.workload, settings_.connection.server, prefix_, of_its_own);
  if (first_values_ != nullptr) first_values_->resize(settings_.workload.keys);
  if (first_revisions_ != nullptr) first_revisions_->resize(settings_.workload.keys);
  pass storing;
  storing.keys = settings_.workload.keys;
  storing.report = std::move(report);
  storing.values = &values;
  co_await run(storing);
  stored_ = storing.next;
  if (storing.failed) co_return *storing.failed;
  co_return boost::system::in_place_value;
}

awaitable<std::uint32_t> key_space::remove(std::uint32_t inserted) {
  pass removing;
  removing.removes = true;
  removing.keys = removing.values_end = stored_ + inserted;
  if (settings_.workload.mix.weight(action::increment) != 0) removing.keys += settings_.workload.keys;
  co_await run(removing);
  co_return removing.keys - removing.done;
}

}  // namespace holdfast::client::load
