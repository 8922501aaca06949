#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "tests/client/scripted_server.hpp"

namespace holdfast::tests {

/// A key-value server in a few lines, with a place for each fault. Every seventh request meets it.
class model_server {
 public:
  enum class fault : std::uint8_t {
    none,
    other_keys_value,  ///< a get answers what another key has
    stale_value,       ///< a get answers what the key had before
    lost_update,       ///< a put is answered and not stored
    foreign_value,     ///< a get answers a value of the run's own form that nobody has put
    broken_value,      ///< a get answers with a value that is cut off, and says that this is its length
    undeleted,         ///< a delete is answered and not done
    falling_revision,  ///< a put tells a lower revision than those before
    // Of these, a client can't tell what was done: some of the puts and deletes are, some are not.
    silent,    ///< the connection is closed without an answer
    stalling,  ///< nothing comes any more
    failing,   ///< a bare 500
    cut_body,  ///< a get's value ends before its length, and so does the connection
  };

  explicit model_server(fault what);

  [[nodiscard]] std::string url() const { return server_.url(); }

 private:
  struct stored {
    std::string value, before;
  };

  scripted_answer answer(scripted_server::request const& request);
  scripted_answer get(std::string const& path, bool is_faulty);
  scripted_answer put(std::string const& path, std::string value, bool is_faulty);
  scripted_answer del(std::string const& path, bool is_faulty);
  [[nodiscard]] bool leaves_unknown() const { return fault_ >= fault::silent && fault_ <= fault::failing; }
  [[nodiscard]] scripted_answer no_answer() const;
  [[nodiscard]] std::string tag() const;

  fault const fault_;
  std::mutex mutex_;  // guards what follows
  std::map<std::string, stored> entries_;
  std::uint64_t requests_ = 0;
  std::uint64_t revision_ = 100;
  scripted_server server_;  // last: its threads use the others
};

}  // namespace holdfast::tests
