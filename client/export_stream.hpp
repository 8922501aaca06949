#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "client/line_stream.hpp"

namespace holdfast::client {

/// What the last line of an export says.
struct export_end {
  std::uint64_t revision = 0;  ///< at which the export is the database
  std::uint64_t entries = 0;   ///< that it has
  std::string crc32c;          ///< of all bytes before the last line, in hexadecimal
};

/// An export read line by line: `{"key":…,"value":…,"revision":…,"ttl":…}`, then what changed meanwhile, where a
/// removal is `{"key":…,"deleted":true,"revision":…}`; of two lines with the same key the later one counts. What was
/// cut or altered on its way is an error, not the end. For one coroutine, on the executor given.
class export_stream {
 public:
  export_stream(executor on, endpoint const& server, stream_limits limits = {});
  ~export_stream();

  /// Asks for all keys that begin with `prefix`.
  awaitable<result<void>> open(std::string prefix, request_options options = {});

  /// The next line, the last one included; nothing behind that. @return error_kind::bad_answer where it is not complete
  awaitable<result<std::optional<std::string>>> next();

  /// What the last line said; set once next() has returned it.
  [[nodiscard]] std::optional<export_end> const& end() const { return end_; }

 private:
  class checksum;

  line_stream lines_;
  std::unique_ptr<checksum> checksum_;
  std::optional<export_end> end_;
};

}  // namespace holdfast::client
