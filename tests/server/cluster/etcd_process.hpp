#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "server/cluster/cluster_settings.hpp"

namespace holdfast::tests {

/// An etcd on free ports of the loopback, with its data in a temporary directory. Ends with the object.
class etcd_process {
 public:
  /// True if the program is installed.
  [[nodiscard]] static bool is_installed();

  /// @throws std::runtime_error if it does not start in time
  etcd_process();
  ~etcd_process();
  etcd_process(etcd_process const&) = delete;
  etcd_process& operator=(etcd_process const&) = delete;

  [[nodiscard]] std::string const& url() const noexcept { return url_; }
  [[nodiscard]] server::cluster_settings settings() const;

  /// SIGSTOP and SIGCONT.
  void pause() const;
  void go_on() const;

  /// Kills it, and starts it with its data.
  void stop();
  void start();

  /// Remembers the data as a snapshot would. Restarts etcd.
  void save();
  /// Goes back to the data of save(), as an operator does who restores a snapshot. Restarts etcd.
  void restore();

 private:
  std::filesystem::path directory_;
  std::string url_, peer_url_;
  pid_t process_ = -1;
};

}  // namespace holdfast::tests
