#include "server/cluster/etcd_upkeep.hpp"

#include <poll.h>

#include <utility>

#include "server/journal/own_thread.hpp"

namespace holdfast::server {

namespace {

constexpr std::chrono::milliseconds question_period{200}, patience{1500};
constexpr std::chrono::seconds status_period{2};
/// The status is read again and the history compacted, at the latest, after writing 1/50 and 1/16 of etcd's quota.
/// Otherwise fast writers could exhaust the quota between two checks, or with history alone.
constexpr std::uint64_t share_until_status = 50, share_until_compaction = 16;

}  // namespace

etcd_upkeep::etcd_upkeep(cluster_settings const& settings, leadership leads, etcd_journal& journal,
                         std::function<void(std::string const&)> on_loss)
    : settings_(settings),
      leads_(std::move(leads)),
      journal_(journal),
      on_loss_(std::move(on_loss)),
      etcd_(settings.etcd, cancel_),
      answered_at_(clock::now().time_since_epoch().count()),
      compaction_due_(clock::now() + settings.compaction_period),
      compact_to_(journal.last_revision()) {
  thread_ = start_thread("etcd-upkeep", [this] { run(); });
}

etcd_upkeep::~etcd_upkeep() {
  cancel_.set();
  thread_.join();
}

void etcd_upkeep::run() {
  while (!cancel_.is_set()) {
    try {
      if (auto const reason = ask(); !reason.empty()) return on_loss_(reason);
      look_after(clock::now());
    } catch (etcd_error const&) {
      // answered_at() shows it.
    }
    pollfd cancelled{cancel_.descriptor(), POLLIN, 0};
    ::poll(&cancelled, 1, static_cast<int>(question_period.count()));
  }
}

/// @return why this server does not lead any more; empty: it does.
std::string etcd_upkeep::ask() {
  auto const demands = journal_.still_leads();
  auto const began_at = clock::now();
  auto const is_met = etcd_.holds(demands, began_at + patience);
  auto const now = clock::now();
  latency_.store(now - began_at, std::memory_order_relaxed);
  auto reason = is_met ? std::string() : why_lost(demands, now);
  // Not after a loss: a leader that was stopped would answer requests in the moment until on_loss_ ends it.
  if (reason.empty()) answered_at_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  return reason;
}

std::string etcd_upkeep::why_lost(std::vector<etcd_check> const& demands, clock::time_point now) {
  auto const place = etcd_.range(leads_.key, {}, 0, 0, now + patience).entries;
  if (place.empty() || place[0].create_revision != leads_.term)
    return "this server's place in the cluster " + settings_.name + " is gone from etcd";
  // A later commit may have removed the record that was the last one. Otherwise etcd was restored; a snapshot may
  // contain the place as well.
  if (journal_.still_leads() != demands) return {};
  return "etcd lacks commits of this server: it was restored";
}

void etcd_upkeep::look_after(clock::time_point now) {
  auto const written = journal_.committed_bytes();
  if (now >= status_due_ || written - written_at_status_ > bytes_max_ / share_until_status) {
    auto const status = etcd_.status(now + patience);
    journal_.note(status);
    bytes_max_ = status.bytes_max;
    written_at_status_ = written;
    status_due_ = now + status_period;
  }
  if (settings_.compaction_period.count() == 0) return;
  if (now < compaction_due_ && written - written_at_compaction_ <= bytes_max_ / share_until_compaction) return;
  compaction_due_ = now + settings_.compaction_period;
  written_at_compaction_ = written;
  // Keep the history of the last period for standbys that lag behind.
  if (compact_to_ > 1) etcd_.compact(compact_to_, now + patience);
  compact_to_ = journal_.last_revision();
}

}  // namespace holdfast::server
