#include "server/cluster/candidacy.hpp"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "server/journal/own_thread.hpp"

namespace holdfast::server {

namespace {

/// The part of a lease by which two clocks may drift apart during it.
constexpr int clock_margin_share = 50;
constexpr std::chrono::milliseconds pause_after_failure{100};
constexpr std::chrono::seconds patience{2};
/// etcd removes the keys of an expired lease by this later at most, even if it has just elected a leader.
constexpr std::chrono::seconds etcd_delay{2};

}  // namespace

candidacy::candidacy(cluster_settings const& settings, std::string new_secret, std::function<void()> on_change,
                     notice_sink on_notice)
    : settings_(settings),
      new_secret_(std::move(new_secret)),
      on_change_(std::move(on_change)),
      on_notice_(std::move(on_notice)),
      etcd_(settings.etcd, cancel_),
      contact_(on_notice_) {
  thread_ = start_thread("candidacy", [this] { run(); });
}

candidacy::~candidacy() {
  resign();
}

candidacy::standing candidacy::now() const {
  std::lock_guard const lock(mutex_);
  return standing_;
}

std::string candidacy::secret() const {
  std::lock_guard const lock(mutex_);
  return secret_;
}

std::optional<leadership> candidacy::place() const {
  std::lock_guard const lock(mutex_);
  if (!standing_.leads) return std::nullopt;
  return leadership{.key = standing_.key, .term = standing_.term, .valid_until = [of_its_lease = valid_until_] {
                      return clock::time_point(clock::duration(of_its_lease->load(std::memory_order_acquire)));
                    }};
}

candidacy::clock::time_point candidacy::valid_until() const noexcept {
  std::lock_guard const lock(mutex_);
  return clock::time_point(clock::duration(valid_until_->load(std::memory_order_acquire)));
}

void candidacy::resign() {
  if (!thread_.joinable()) return;
  cancel_.set();
  thread_.join();
  if (lease_ == 0) return;
  try {
    cancel_signal const never;
    etcd_client(settings_.etcd, never).revoke(std::exchange(lease_, 0), clock::now() + std::chrono::seconds(1));
  } catch (std::exception const&) {
    // The lease expires without it.
  }
}

void candidacy::tell(standing next) {
  {
    std::lock_guard const lock(mutex_);
    if (standing_ == next) return;
    standing_ = std::move(next);
  }
  on_change_();
}

void candidacy::run() {
  while (!cancel_.is_set()) {
    std::string loss;
    try {
      loss = stand();
    } catch (etcd_error const& error) {
      // Treated as an expired lease; the loop tries again.
      if (error.why() != etcd_error::kind::cancelled) {
        contact_.failed(error.what());
        loss = error.what();
      }
    }
    valid_until_->store(0, std::memory_order_release);
    auto const before = now();
    if (!loss.empty() && !before.key.empty() && on_notice_)
      on_notice_({.what = before.leads ? notice::kind::place_lost : notice::kind::candidate_lost, .text = loss});
    tell({});
    pollfd cancelled{cancel_.descriptor(), POLLIN, 0};
    ::poll(&cancelled, 1, static_cast<int>(pause_after_failure.count()));
  }
}

/// Stores the new secret if the cluster has none, and reads the one that it has.
void candidacy::agree_on_secret() {
  auto const key = settings_.secret_key();
  auto const due = clock::now() + patience;
  etcd_.transact({{.which = etcd_check::number::create_revision, .key = key, .is = 0}},
                 {{.what = etcd_step::kind::put, .key = key, .value = new_secret_}}, due);
  auto page = etcd_.range(key, {}, 0, 0, due);
  if (page.entries.empty()) return;
  std::lock_guard const lock(mutex_);
  secret_ = std::move(page.entries[0].value);
}

/// Takes part with one lease, until the lease is lost. @return the reason
std::string candidacy::stand() {
  {
    auto another = std::make_shared<instant>(0);
    std::lock_guard const lock(mutex_);
    valid_until_ = std::move(another);
  }
  agree_on_secret();
  auto began_at = clock::now();
  auto const lease = etcd_.grant(settings_.lease, began_at + patience);
  lease_ = lease.id;
  // The lease is counted from before the request was sent: etcd counts from its arrival, which is later.
  auto const valid_for = std::chrono::milliseconds(lease.time) * (clock_margin_share - 1) / clock_margin_share;
  auto const is_kept = [&] {
    valid_until_->store((began_at + valid_for).time_since_epoch().count(), std::memory_order_release);
  };
  is_kept();
  auto const key = settings_.candidates() + std::to_string(lease.id);
  auto const put = etcd_.transact(
      {{.which = etcd_check::number::create_revision, .key = key, .is = 0}},
      {{.what = etcd_step::kind::put, .key = key, .value = settings_.advertise, .lease = lease.id}}, valid_until());
  // A failed check may mean that an earlier attempt succeeded. look() reads the revision in either case.
  static_cast<void>(put);
  tell({.leads = false, .key = key, .term = 0, .leader_url = {}, .leader_term = 0});
  auto is_watched = false, look_is_due = false;
  for (;;) {
    auto const keep_at = began_at + std::chrono::milliseconds(lease.time) / 3;
    try {
      if (!is_watched) {
        auto const from = etcd_.range(key, {}, 0, 0, std::min(keep_at, clock::now() + patience)).revision + 1;
        etcd_.watch(settings_.candidates(), end_of_prefix(settings_.candidates()), from, keep_at);
        is_watched = look_is_due = true;
      }
      auto is_there = !std::exchange(look_is_due, false) || look();
      contact_.answered();
      if (is_there && !etcd_.next_events(keep_at).empty()) is_there = look();
      if (!is_there) return "this server's key in etcd was removed; its lease has expired, or etcd was restored";
    } catch (etcd_error const& error) {
      // The lease is still valid: watch again.
      if (error.why() == etcd_error::kind::cancelled) throw;
      contact_.failed(error.what());
      is_watched = false;
      pollfd cancelled{cancel_.descriptor(), POLLIN, 0};
      ::poll(&cancelled, 1, static_cast<int>(pause_after_failure.count()));
    }
    if (clock::now() < keep_at) continue;
    began_at = clock::now();
    if (!etcd_.keep_alive(lease.id, valid_until())) return "its lease has expired, or etcd was restored";
    is_kept();
    look_is_due = true;  // the watch may be silent because its connection is dead
  }
}

/// Reads who leads now. @return false if this candidate's key is gone.
bool candidacy::look() {
  auto const page = etcd_.range(settings_.candidates(), end_of_prefix(settings_.candidates()), 0, 0,
                                std::min(valid_until(), clock::now() + patience));
  auto next = now();
  auto const mine = std::find_if(page.entries.begin(), page.entries.end(),
                                 [&](etcd_entry const& one) { return one.key == next.key; });
  auto const oldest =
      std::min_element(page.entries.begin(), page.entries.end(),
                       [](etcd_entry const& a, etcd_entry const& b) { return a.create_revision < b.create_revision; });
  if (mine == page.entries.end()) return false;
  look_for_own_url(page, *mine);
  next.term = mine->create_revision;
  next.leads = oldest == mine;
  next.leader_url = oldest->value;
  next.leader_term = oldest->create_revision;
  tell(std::move(next));
  return true;
}

/// Reports each other candidate with this server's URL once. An older one may be this server's earlier run, until its
/// lease ends.
void candidacy::look_for_own_url(etcd_page const& page, etcd_entry const& mine) {
  auto const now = clock::now();
  for (auto const& one : page.entries) {
    if (one.value != settings_.advertise || one.key == mine.key) continue;
    auto const [known, is_new] = same_url_since_.try_emplace(one.key, now);
    if (known->second == clock::time_point::max()) continue;
    if (one.create_revision < mine.create_revision && now - known->second <= settings_.lease + etcd_delay) continue;
    known->second = clock::time_point::max();
    if (on_notice_) on_notice_({.what = notice::kind::url_is_shared, .text = one.key});
  }
}

}  // namespace holdfast::server
