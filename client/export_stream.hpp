#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "client/line_stream.hpp"

namespace holdfast::client {

/// The last line of an export.
struct export_end {
  std::uint64_t revision = 0;  ///< revision of the exported database
  std::uint64_t entries = 0;   ///< number of entries
  std::string crc32c;          ///< of all bytes before the last line, in hexadecimal
};

/// Reads an export line by line: `{"key":…,"value":…,"revision":…,"ttl":…}`, then changes made meanwhile, with removals
/// as `{"key":…,"deleted":true,"revision":…}`. The last line for a key counts. A truncated or altered export is an
/// error, not an end. For one coroutine, on the given executor.
class export_stream {
 public:
  export_stream(executor on, endpoint const& server, stream_limits limits = {});
  ~export_stream();

  /// Requests all keys that begin with `prefix`.
  awaitable<result<void>> open(std::string prefix, request_options options = {});

  /// The next line, including the last one; then nullopt. @return error_kind::bad_answer if the export is incomplete
  awaitable<result<std::optional<std::string>>> next();

  /// The contents of the last line; set once next() has returned it.
  [[nodiscard]] std::optional<export_end> const& end() const { return end_; }

 private:
  class checksum;

  line_stream lines_;
  std::unique_ptr<checksum> checksum_;
  std::optional<export_end> end_;
};

}  // namespace holdfast::client
