#include "server/app/cluster_member.hpp"

#include <fcntl.h>

#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <thread>
#include <utility>

#include "server/access/token.hpp"
#include "server/journal/own_thread.hpp"
#include "server/log/log.hpp"
#include "server/store/store.hpp"

namespace holdfast::server {
namespace {

/// After this time without an answer from etcd, a leader refuses requests that would wait for etcd. Longer than most
/// elections of etcd itself, which begin after one to two seconds, and not longer than a client should wait for a 503.
constexpr std::chrono::milliseconds silence_max{1900};
/// How long a standby that will lead waits for requests in progress.
constexpr std::chrono::milliseconds standby_drain{30};
/// Pause before another attempt.
constexpr std::chrono::seconds pause_after_failure{1};

/// The thread of the candidacy, in the log.
constexpr std::string_view election = "election";

/// A standby remembers as many changes as its store will when it leads.
settings with_history(settings given) {
  auto& cluster = given.cluster;
  cluster.history_changes_max = store::history_changes_max;
  cluster.history_bytes_max = store::history_share(server::data_share(given));
  return given;
}

/// A standby adds field lines to a request that is as long as it allows.
settings with_room_for_forwarded(settings given) {
  constexpr std::size_t added_bytes_max = 1024;
  given.sessions.header_bytes_max += added_bytes_max;
  return given;
}

}  // namespace

cluster_member::cluster_member(settings given)
    : settings_(with_history(std::move(given))),
      certificates_(settings_.tls.certificate.empty() ? nullptr : std::make_shared<tls_certificates>(settings_.tls)),
      // If the leader requires client certificates, a standby shows its own certificate.
      trust_({.ca_certificate = settings_.cluster.ca_certificate,
              .client_certificate = settings_.tls.certificate,
              .client_key = settings_.tls.key}),
      listening_(listen_at({boost::asio::ip::make_address(settings_.listen_address), settings_.listen_port})) {}

cluster_member::~cluster_member() = default;

void cluster_member::run() {
  stand();
  for (;;) {
    auto const goes_on = stand_by();
    if (!goes_on) break;
    if (failure_) std::rethrow_exception(failure_);
    if (next_ && !lead()) break;
    // After a failed journal, never open another one in the same term: etcd may still execute a commit of the failed
    // one.
    if (auto const place = candidacy_->place(); place && place->term == term_) {
      candidacy_.reset();
      stand();
    }
  }
  stop_accepting();
  candidacy_->resign();
}

void cluster_member::stand() {
  leaders_.set_cut_off(false);
  candidacy_.emplace(
      settings_.cluster, make_secret(), [this] { on_change(); },
      [this](notice const& news) { on_notice(news, election); });
}

/// Serves as a standby. @return false if a signal ended the phase.
bool cluster_member::stand_by() {
  copy_ = std::make_unique<copy_keeper>(
      settings_.cluster, [](std::uint64_t revision) { log_info("data copied", {{"revision", revision}}); },
      [this](notice const& news) { on_notice(news, "copy"); });
  {
    std::lock_guard const lock(mutex_);
    phase_has_ended_ = false;
  }
  server standby(settings_, nullptr, part(true));
  standby.stop_on_signals();
  standby.adopt(std::exchange(connections_, {}));
  log_info("standing by", {{"cluster", settings_.cluster.name}, {"advertise", settings_.cluster.advertise}});
  auto follower = start_thread("election", [this, &standby] { follow_election(standby); });
  standby.run();
  connections_ = standby.take_handed_over();
  {
    std::lock_guard const lock(mutex_);
    phase_has_ended_ = true;
  }
  changed_.notify_all();
  follower.join();
  return !standby.was_stopped();
}

/// Follows the election, on its own thread during a standby phase.
void cluster_member::follow_election(server& standby) {
  std::uint64_t seen = 0;
  std::int64_t known_term = 0;
  for (auto is_found = true;;) {
    {
      std::unique_lock lock(mutex_);
      auto const has_news = [&] { return phase_has_ended_ || changes_ != seen; };
      // If the lookup of the leader's host name failed, try again after a pause.
      if (is_found)
        changed_.wait(lock, has_news);
      else
        changed_.wait_for(lock, pause_after_failure, has_news);
      if (phase_has_ended_) return;
      seen = changes_;
    }
    secret_.set(candidacy_->secret());
    if (auto place = candidacy_->place()) {
      leaders_.set_unknown();
      if (!standby.was_stopped()) prepare(*std::move(place));
      // After a signal, another server should lead while this one drains.
      return standby.was_stopped() ? candidacy_->resign() : standby.retire(standby_drain);
    }
    auto const leader = leader_of(candidacy_->now());
    if (leader.term != known_term || leader.url.empty()) leaders_.set_unknown();
    is_found = leader.url.empty() || leaders_.set_elsewhere(leader.url);
    known_term = leader.term;
  }
}

/// The leader, if it is another server. A candidate with this server's own URL belongs to an earlier run, or has not
/// taken over yet.
cluster_member::other_leader cluster_member::leader_of(candidacy::standing const& now) const {
  if (now.leader_url == settings_.cluster.advertise) return {};
  return {.url = now.leader_url, .term = now.leader_term};
}

/// Creates the server that will lead.
void cluster_member::prepare(leadership place) {
  try {
    auto const term = place.term;
    {
      std::lock_guard const lock(mutex_);
      term_ = term;
      is_lost_ = false;
    }
    auto kept = std::make_unique<etcd_journal>(settings_.cluster, place, copy_->take());
    journal_ = kept.get();
    next_ = std::make_unique<server>(with_room_for_forwarded(settings_), std::move(kept), part(false));
    upkeep_ = std::make_unique<etcd_upkeep>(settings_.cluster, std::move(place), *journal_,
                                            [this](std::string const& reason) { abandon(reason); });
    log_info(
        "leading",
        {{"cluster", settings_.cluster.name}, {"term", term}, {"data", journal_->came_from_copy() ? "copy" : "etcd"}});
    return;
  } catch (journal_error const& error) {
    log_warn("cannot lead", {{"error", error.what()}});
    if (error.fault() == journal_fault::damaged || error.fault() == journal_fault::unknown_format)
      failure_ = std::current_exception();
  } catch (...) {
    failure_ = std::current_exception();
  }
  next_.reset();
  std::unique_lock lock(mutex_);
  if (!failure_) changed_.wait_for(lock, pause_after_failure, [&] { return phase_has_ended_; });
}

/// Serves as the leader. @return false if a signal ended the phase.
bool cluster_member::lead() {
  auto const leader = std::exchange(next_, nullptr);
  copy_.reset();
  {
    std::lock_guard const lock(mutex_);
    leader_ = leader.get();
    auto const place = candidacy_->place();
    if (is_lost_ || !place || place->term != term_) leader_->abandon();
  }
  upkeep_of_leader_ = upkeep_.get();
  leader->stop_on_signals();
  leader->adopt(std::exchange(connections_, {}));
  leader->run();
  {
    std::lock_guard const lock(mutex_);
    leader_ = nullptr;
  }
  upkeep_of_leader_ = nullptr;
  upkeep_.reset();
  if (!leader->was_stopped()) return true;
  // Without delay: the next leader waits for it.
  candidacy_->resign();
  return false;
}

cluster_part cluster_member::part(bool is_standby) {
  std::lock_guard const lock(mutex_);
  cluster_part made{.view = this,
                    .listening = unique_socket(::fcntl(listening_.get(), F_DUPFD_CLOEXEC, 0)),
                    .on_stop = [this] { stop_accepting(); },
                    .tls = certificates_};
  made.forwarding.trust = &trust_;
  // Otherwise the leader needs no addresses, and requests without them are parsed faster; see known_fields.
  if (settings_.access.is_used()) made.forwarding.secret = &secret_;
  if (is_standby) {
    made.leaders = &leaders_;
    made.forwarding.advertise = settings_.cluster.advertise;
    made.forwarding.transfer_timeout = settings_.sessions.transfer_timeout;
    made.forward_counts = &forward_counts_;
    return made;
  }
  // Most batches fit into one record of the log.
  made.commits.batch_changes_max = 4096;
  made.commits.batch_bytes_max = 1024 * 1024;
  // A commit of one change costs etcd nearly as much as one of a hundred.
  made.commits.gathering_share = 0.5;
  // Changes that wait for etcd must fit into the rest of its quota, which shrinks fast: check it each time.
  made.commits.pending_bytes_max = 8 * 1024 * 1024;
  made.commits.append_bytes_max = 8 * 1024 * 1024;
  made.commits.room_check_interval = std::chrono::milliseconds(0);
  return made;
}

/// Runs on the candidacy's thread.
void cluster_member::on_change() {
  {
    std::lock_guard const lock(mutex_);
    ++changes_;
    if (leader_ != nullptr)
      if (auto const place = candidacy_->place(); !place || place->term != term_) {
        leader_->abandon();
        journal_->abandon();
      }
  }
  changed_.notify_all();
}

/// @param thread the one that works with etcd
void cluster_member::on_notice(notice const& news, std::string_view thread) {
  switch (news.what) {
    case notice::kind::etcd_fails:
      log_warn("etcd does not work", {{"for", thread}, {"error", news.text}});
      if (thread == election) leaders_.set_cut_off(true);
      return;
    case notice::kind::etcd_answers:
      log_info("etcd works again", {{"for", thread}});
      if (thread == election) leaders_.set_cut_off(false);
      return;
    case notice::kind::place_lost:
      return log_warn("leadership lost", {{"reason", news.text}});
    case notice::kind::candidate_lost:
      return log_info("candidate lost", {{"reason", news.text}});
    case notice::kind::url_is_shared:
      return log_warn("another server has the same --advertise",
                      {{"url", settings_.cluster.advertise}, {"candidate", news.text}});
    case notice::kind::copy_discarded:
      return log_warn("copy discarded", {{"reason", news.text}});
  }
}

/// Called when this server does not lead any more, though its candidate key may still be there.
void cluster_member::abandon(std::string const& reason) {
  std::lock_guard const lock(mutex_);
  log_warn("leadership lost", {{"reason", reason}});
  is_lost_ = true;
  if (leader_ == nullptr) return;  // lead() will see it
  leader_->abandon();
  journal_->abandon();
}

void cluster_member::stop_accepting() {
  std::lock_guard const lock(mutex_);
  listening_ = unique_socket();
}

cluster_report cluster_member::report() const {
  cluster_report now{.name = settings_.cluster.name};
  now.forwarded = forward_counts_.forwarded;
  now.forwarded_in_vain = forward_counts_.no_leader;
  now.forwarded_unanswered = forward_counts_.unanswered;
  {
    std::lock_guard const lock(mutex_);
    if (leader_ != nullptr) {
      now.leads = true;
      now.leader = settings_.cluster.advertise;
      now.term = term_;
      now.revision = leader_->durable_revision();
      now.etcd_latency = upkeep_->latency();
      return now;
    }
  }
  auto const leader = leader_of(candidacy_->now());
  now.leader = leader.url;
  now.is_cut_off = leaders_.is_cut_off();
  now.term = leader.term;
  auto const copy = copy_->now();
  now.revision = copy.revision;
  now.lag = copy.lag;
  return now;
}

bool cluster_member::is_cut_off() const noexcept {
  auto const* const upkeep = upkeep_of_leader_.load(std::memory_order_relaxed);
  return upkeep != nullptr && etcd_upkeep::clock::now() - upkeep->answered_at() > silence_max;
}

}  // namespace holdfast::server
