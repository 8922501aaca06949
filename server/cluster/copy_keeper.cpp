#include "server/cluster/copy_keeper.hpp"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "server/journal/own_thread.hpp"

namespace holdfast::server {

namespace {

constexpr std::chrono::seconds patience_for_a_page{5};
constexpr std::chrono::milliseconds pause_after_failure{200};
constexpr std::chrono::seconds patience_for_a_choice{1};
/// A watch is renewed after this time without events: its connection may be dead.
constexpr std::chrono::seconds silence_max{30};

}  // namespace

copy_keeper::copy_keeper(cluster_settings const& settings, std::function<void(std::uint64_t)> on_load,
                         notice_sink on_notice)
    : settings_(settings),
      on_load_(std::move(on_load)),
      on_notice_(std::move(on_notice)),
      contact_(on_notice_),
      etcd_(settings.etcd, cancel_),
      copy_(settings) {
  thread_ = start_thread("warm-copy", [this] { run(); });
}

copy_keeper::standing copy_keeper::now() const {
  std::lock_guard const lock(mutex_);
  return standing_;
}

warm_copy copy_keeper::take() {
  end();
  return std::move(copy_);
}

void copy_keeper::end() {
  cancel_.set();
  if (thread_.joinable()) thread_.join();
}

void copy_keeper::run() {
  while (!cancel_.is_set()) {
    try {
      follow();
    } catch (etcd_error const& error) {
      // The missing events no longer exist: read everything again. After other errors, continue from the copy's
      // revision.
      if (error.why() == etcd_error::kind::compacted)
        discard(error.what());
      else if (error.why() != etcd_error::kind::cancelled)
        contact_.failed(error.what());
    }
    note(false, false);
    pollfd cancelled{cancel_.descriptor(), POLLIN, 0};
    ::poll(&cancelled, 1, static_cast<int>(pause_after_failure.count()));
  }
}

void copy_keeper::follow() {
  using clock = etcd_client::clock;
  if (copy_.revision() == 0) {
    copy_.load(etcd_, patience_for_a_page);
    if (on_load_) on_load_(copy_.changes().last_revision());
  }
  // The leader's commits go to etcd's leader.
  etcd_.prefer(etcd_client::member_role::follower, clock::now() + patience_for_a_choice);
  etcd_.watch(settings_.log(), end_of_prefix(settings_.log()), copy_.revision() + 1, clock::now() + patience_for_a_page,
              etcd_client::watched::puts);
  // A restored etcd may be at an earlier revision and would send nothing until it reaches the copy's. Check this only
  // now, since a restore later than this ends the watch.
  if (!copy_.is_state_of(etcd_, clock::now() + patience_for_a_page))
    return discard("etcd was restored, or has compacted what this copy lacks");
  contact_.answered();
  report_fault();
  note(!copy_.fault(), false);
  for (;;) {
    auto events = etcd_.next_events(clock::now() + silence_max);
    if (events.empty()) return;
    auto const before = copy_.head();
    copy_.apply(events);
    report_fault();
    note(!copy_.fault(), copy_.head() != before);
  }
}

/// For the log: no server can lead with such data.
void copy_keeper::report_fault() {
  if (auto const& fault = copy_.fault()) contact_.failed(fault->what());
}

void copy_keeper::discard(std::string const& reason) {
  copy_ = warm_copy(settings_);
  {
    std::lock_guard const lock(mutex_);
    standing_.lag.reset();
  }
  if (on_notice_) on_notice_({.what = notice::kind::copy_discarded, .text = reason});
}

/// @param has_news whether a commit has arrived
void copy_keeper::note(bool is_following, bool has_news) {
  auto const& commit = copy_.head();
  std::lock_guard const lock(mutex_);
  standing_.is_following = is_following;
  if (!commit) return;
  standing_.revision = commit->revision;
  // A database without commits has no time of the last one.
  if (commit->committed_at == record::head().committed_at) return standing_.lag.reset();
  if (!has_news) return;
  using std::chrono::nanoseconds;
  auto const took = std::chrono::duration_cast<nanoseconds>(std::chrono::system_clock::now() - commit->committed_at);
  standing_.lag = std::max(took, nanoseconds(0));
}

}  // namespace holdfast::server
