#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "tests/client/scripted_server.hpp"

namespace holdfast::tests {

/// A server whose values are right and whose lock is granted to who asked last. It tells waits and holds truly.
class overtaking_server {
 public:
  overtaking_server() : server_([this](auto const& request) { return answer(request); }) {}

  [[nodiscard]] std::string url() const { return server_.url(); }

 private:
  scripted_answer answer(scripted_server::request const& request);

  std::mutex mutex_;  // guards what follows
  std::condition_variable freed_;
  std::vector<int> waiting_;  ///< places in the order of asking
  int places_ = 0;
  std::map<unsigned, std::string> values_;
  bool taken_ = false;
  scripted_server server_;  // last: its threads use the others
};

}  // namespace holdfast::tests
