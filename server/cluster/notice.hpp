#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

namespace holdfast::server {

/// What an operator should know of a thread that works with etcd; for the log.
struct notice {
  enum class kind : std::uint8_t {
    etcd_fails,      ///< the thread cannot do its work
    etcd_answers,    ///< it can again
    place_lost,      ///< this server does not lead any more
    candidate_lost,  ///< this server was a standby and must become a candidate again
    url_is_shared,   ///< another candidate advertises this server's URL
    copy_discarded,  ///< everything is read again
  };
  kind what;
  std::string text{};  ///< the reason, or for url_is_shared the other candidate's key
};
/// Called on the thread that has the notice; must be brief and not throw.
using notice_sink = std::function<void(notice const&)>;

/// Decides which failures of a thread's calls of etcd are news: each reason when it comes up, and again once a minute
/// while it lasts. Reasons may alternate, since each endpoint of etcd has its own.
class etcd_contact {
 public:
  using clock = std::chrono::steady_clock;
  static constexpr std::chrono::minutes repeated_after{1};

  explicit etcd_contact(notice_sink sink) : sink_(std::move(sink)) {}

  void failed(std::string const& reason, clock::time_point now = clock::now()) {
    constexpr std::size_t reasons_max = 16;
    auto const [said, is_new] = said_at_.try_emplace(reason, now);
    if (!is_new && now - said->second < repeated_after) return;
    said->second = now;
    if (sink_) sink_({.what = notice::kind::etcd_fails, .text = reason});
    if (said_at_.size() > reasons_max) said_at_ = {{reason, now}};
  }

  void answered() {
    if (said_at_.empty()) return;
    said_at_.clear();
    if (sink_) sink_({.what = notice::kind::etcd_answers});
  }

 private:
  notice_sink const sink_;
  std::map<std::string, clock::time_point> said_at_;  // of the present outage
};

}  // namespace holdfast::server
